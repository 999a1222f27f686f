//! An account's state as a small table, and each of its fields in words.

use serde_json::Value;
use service::StateView;

use super::{counted, factors, printable, text};

/// What the fields are called, in the order in which they are read.
const FIELDS: [(&str, &str); 10] = [
    ("email", "address"),
    ("created_at", "created"),
    ("password", "password"),
    ("two_factor", "two-factor"),
    ("rejected_codes", "wrong codes"),
    ("codes_refused", "codes refused"),
    ("sessions", "sessions"),
    ("challenges", "waiting for a code"),
    ("resets", "reset links"),
    ("last_signed_in_at", "last signed in"),
];

pub(super) fn label(field: &str) -> &str {
    let known = FIELDS.iter().find(|(name, _)| *name == field);
    known.map_or(field, |(_, label)| label)
}

/// Where a field stands in the order.
pub(super) fn place(field: &str) -> usize {
    let known = FIELDS.iter().position(|(name, _)| *name == field);
    known.unwrap_or(FIELDS.len())
}

pub(crate) fn table(view: &StateView) -> String {
    let (at, latest) = (&view.recorded_at, view.latest);
    let as_of = format!("event {} of {latest}, recorded {at}", view.sequence);
    let mut rows = vec![("account", view.account_id.to_string()), ("as of", as_of)];
    let fields = view.state.as_object();
    let mut fields = fields.into_iter().flatten().collect::<Vec<_>>();
    fields.sort_by_key(|(field, _)| place(field));
    for (field, value) in fields {
        rows.push((label(field), words(field, value)));
        for member in value.as_array().into_iter().flatten() {
            rows.push(("", member_words(member)));
        }
    }
    let lines = rows
        .iter()
        .map(|(label, words)| format!("{label:<19} {words}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The value of a field; of a list, how many members it has.
pub(super) fn words(field: &str, value: &Value) -> String {
    match (field, value) {
        ("email", _) => text(value),
        ("codes_refused", Value::Null) => "no".to_owned(),
        ("last_signed_in_at", Value::Null) => "never".to_owned(),
        (_, Value::Null) => "nothing".to_owned(),
        ("codes_refused", Value::String(_)) => "until a reset or an unlock".to_owned(),
        ("codes_refused", wait) => format!("until {}", text(&wait["until"])),
        ("password", password) => format!("set {}", text(&password["changed_at"])),
        ("two_factor", two_factor) => two_factor_words(two_factor),
        (_, Value::Array(members)) => members.len().to_string(),
        _ => text(value),
    }
}

fn two_factor_words(value: &Value) -> String {
    match value["status"].as_str() {
        Some("enabled") => {
            let step = text(&value["last_step"]);
            format!(
                "enabled since {}, last time step {step}",
                text(&value["enabled_at"])
            )
        }
        Some("enrolling") => {
            let wrong = counted(value["rejected_codes"].as_u64().unwrap_or(0), "wrong code");
            let end = text(&value["enrollment_expires_at"]);
            format!("being set up until {end}, {wrong}")
        }
        Some(status) => printable(status),
        None => text(value),
    }
}

/// A session, a sign-in that waits for a code, or a reset link.
pub(super) fn member_words(member: &Value) -> String {
    let factors = member["factors"]
        .is_array()
        .then(|| format!("signed in with {}", factors(&member["factors"])));
    let wrong = member["rejected_codes"].as_u64();
    let wrong = wrong.map(|wrong| counted(wrong, "wrong code"));
    let end = member["expires_at"].as_str();
    let end = end.map(|end| format!("until {}", printable(end)));
    let parts = [Some(text(&member["id"])), factors, wrong, end];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
