//! One event, one line: when, who, what, and from where.

use mail::Browser;
use serde_json::Value;
use service::EventView;

use super::{counted, factors, printable, text, texts};

pub(crate) fn line(event: &EventView) -> String {
    let EventView {
        sequence,
        recorded_at,
        ..
    } = event;
    let (who, what) = (who(event), what(&event.event_type, &event.data));
    let origin = origin(event);
    format!("{sequence:>5}  {recorded_at}  {who} {what}{origin}")
}

fn who(event: &EventView) -> String {
    let name = event.actor.name.as_deref().map(printable);
    match (event.actor.kind.as_str(), name) {
        ("visitor", _) => "a visitor".to_owned(),
        ("owner", _) => "the owner".to_owned(),
        ("system", _) => "the system".to_owned(),
        (role, Some(name)) => format!("{name} ({role})"),
        (role, None) => role.to_owned(),
    }
}

fn origin(event: &EventView) -> String {
    let browser = event.request.user_agent.as_deref().map(|agent| {
        Browser::of(agent).map_or_else(|| printable(agent), |browser| browser.to_string())
    });
    let parts = [event.request.ip.as_deref().map(printable), browser];
    let parts = parts.into_iter().flatten().collect::<Vec<_>>();
    if parts.is_empty() {
        return String::new();
    }
    format!(", from {}", parts.join(", "))
}

/// What whoever acted did, after their name.
fn what(event_type: &str, data: &Value) -> String {
    let until = || text(&data["expires_at"]);
    match event_type {
        "AccountOpened" => {
            let by = match data["by"].as_str() {
                Some("operator") => "on the command line",
                _ => "by a mailed link",
            };
            format!("opened the account of {} {by}", text(&data["email"]))
        }
        "PasswordChanged" => "changed the password".to_owned(),
        "PasswordRehashed" => "had the same password hashed anew".to_owned(),
        "PasswordResetRequested" => {
            let dropped = dropped(data, "reset link");
            format!("asked for a reset link, good until {}{dropped}", until())
        }
        "PasswordReset" => "set a new password by a reset link".to_owned(),
        "PasswordRejected" => {
            let purpose = purpose(&data["purpose"]);
            format!("gave a wrong password to {purpose}{}", known_device(data))
        }
        "AttemptsThrottled" => throttled(data),
        "SecondFactorRequested" => {
            let dropped = dropped(data, "sign-in");
            format!(
                "gave the right password and is asked for a code until {}{dropped}",
                until()
            )
        }
        "CodeRejected" => {
            let code = match data["reason"].as_str() {
                Some("spent") => "a code that was used before",
                _ => "a wrong code",
            };
            format!("gave {code}{}", known_device(data))
        }
        "SignedIn" => {
            let (session, factors) = (text(&data["session"]), factors(&data["factors"]));
            let (end, device) = (until(), known_device(data));
            format!("signed in with {factors}{device}, session {session} until {end}")
        }
        "SignedOut" => format!("signed out of session {}", text(&data["session"])),
        "SessionsEnded" => sessions_ended(data),
        _ => rarer(event_type, data),
    }
}

fn rarer(event_type: &str, data: &Value) -> String {
    match event_type {
        "DeviceRemembered" => {
            let occasion = match data["occasion"].as_str() {
                Some("verification") => "by verifying the address",
                Some("password_reset") => "by resetting the password",
                Some("unblock") => "by a mailed link",
                _ => "by signing in",
            };
            format!("made this device known {occasion}")
        }
        "EnrollmentStarted" => {
            let until = text(&data["expires_at"]);
            format!("began to set up two-factor, which must be confirmed by {until}")
        }
        "EnrollmentCancelled" => "gave up setting up two-factor".to_owned(),
        "EnrollmentCodeRejected" => "gave a wrong code while setting up two-factor".to_owned(),
        "TwoFactorEnabled" => "turned two-factor on".to_owned(),
        "TwoFactorDisabled" => "turned two-factor off".to_owned(),
        "AccountUnlocked" => {
            let reason = text(&data["reason"]);
            let ticket = match &data["ticket"] {
                Value::Null => String::new(),
                ticket => format!(", ticket {}", text(ticket)),
            };
            let off = match data["two_factor_was_on"].as_bool() {
                Some(true) => " and turned two-factor off",
                _ => "",
            };
            format!("unlocked the account{off}, because: {reason}{ticket}")
        }
        "AccountErased" => "erased the account".to_owned(),
        "AccountRecovered" => {
            "recovered the account after a backup was restored: what had ended stays ended"
                .to_owned()
        }
        // Of a newer version, perhaps.
        other => format!("{}: {}", printable(other), text(data)),
    }
}

fn purpose(value: &Value) -> &'static str {
    match value.as_str() {
        Some("change_password") => "change the password",
        Some("start_enrollment") => "set up two-factor",
        Some("disable_two_factor") => "turn two-factor off",
        _ => "sign in",
    }
}

fn throttled(data: &Value) -> String {
    let attempts = match data["attempts"].as_str() {
        Some("code") => "codes",
        Some("current_password") => "current passwords",
        Some("enrollment_code") => "codes for setting up two-factor",
        _ => "passwords",
    };
    let end = match &data["until"] {
        Value::Null => "a reset or an unlock".to_owned(),
        until => text(until),
    };
    let device = known_device(data);
    format!("tried too often: {attempts}{device} are refused until {end}")
}

fn sessions_ended(data: &Value) -> String {
    let sessions = texts(&data["sessions"]);
    let why = match data["cause"].as_str() {
        Some("password_changed") => "the password was changed",
        Some("password_reset") => "the password was reset",
        Some("two_factor_enabled") => "two-factor was turned on",
        Some("two_factor_disabled") => "two-factor was turned off",
        Some("unlocked") => "the account was unlocked",
        Some("recovered") => "a backup was restored",
        Some("session_limit") => "there were too many",
        Some("expired") => "the time was up",
        _ => "the owner wished it",
    };
    let count = counted(sessions.len() as u64, "session");
    format!("ended {count} because {why}: {}", sessions.join(", "))
}

fn known_device(data: &Value) -> &'static str {
    match data["known_device"].as_bool() {
        Some(true) => " on a known device",
        Some(false) => " on an unknown device",
        None => "",
    }
}

fn dropped(data: &Value, one: &str) -> String {
    match texts(&data["dropped"]).len() {
        0 => String::new(),
        count => format!(
            "; {} made room",
            counted(count as u64, &format!("older {one}"))
        ),
    }
}
