use super::*;

const LINK: &str = "https://id.example/any/cs_link_0123456789abcdefghijklmnopqrstuvwxyz0123456789";
const CONTACT: &str = "https://help.example/locked-out";

fn head(support_contact: Option<&str>) -> Letterhead {
    Letterhead {
        from: "Example <no-reply@id.example>".parse().unwrap(),
        support_contact: support_contact.map(str::to_owned),
        public_url: "https://id.example".into(),
        service_name: "Example".into(),
    }
}

fn at() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-24T09:05:00Z")
        .unwrap()
        .to_utc()
}

fn circumstances() -> Circumstances {
    Circumstances {
        at: at(),
        ip: Some("2001:db8::7".into()),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Firefox/145.0".into()),
    }
}

fn with_links() -> Vec<Message> {
    let link = || LINK.to_owned();
    let expires_at = at();
    vec![
        Message::VerifyAddress {
            link: link(),
            expires_at,
        },
        reset(true),
        reset(false),
        Message::UnblockBrowser {
            link: link(),
            expires_at,
        },
    ]
}

fn reset(two_factor_on: bool) -> Message {
    Message::ResetPassword {
        link: LINK.into(),
        expires_at: at(),
        two_factor_on,
    }
}

fn unlocked(two_factor_was_on: bool) -> Message {
    Message::AccountUnlocked {
        circumstances: circumstances(),
        two_factor_was_on,
    }
}

fn from_the_owner() -> Vec<Message> {
    vec![
        Message::PasswordChanged(circumstances()),
        Message::PasswordReset(circumstances()),
        Message::TwoFactorEnabled(circumstances()),
        Message::TwoFactorDisabled(circumstances()),
        Message::WrongCodeAfterRightPassword(circumstances()),
    ]
}

fn every_message() -> Vec<Message> {
    let mut all = with_links();
    all.extend(from_the_owner());
    all.extend([
        unlocked(true),
        unlocked(false),
        Message::AccountErased { at: at() },
        Message::AddressTaken,
        Message::Test,
    ]);
    all
}

fn sent(message: &Message) -> String {
    text(&head(Some(CONTACT)), message)
}

/// The text as one line, so that a phrase is found wherever the lines break.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn assert_says(message: &Message, phrase: &str) {
    let text = words(&sent(message));
    assert!(
        text.contains(phrase),
        "{} should say {phrase:?}: {text}",
        message.kind()
    );
}

#[test]
fn a_link_stands_alone_on_a_line_of_its_own_and_says_how_long_it_works() {
    for message in with_links() {
        let text = sent(&message);
        assert_eq!(text.lines().filter(|line| *line == LINK).count(), 1);
        assert_eq!(text.matches(LINK).count(), 1);
        assert_says(&message, "works once, until 24 November 2026, 09:05:00 UTC");
        assert_says(&message, "If it was not you, do nothing");
        assert_says(&message, "Do not pass the link on");
    }
}

#[test]
fn no_notice_carries_a_link_with_a_token() {
    let mut notices = from_the_owner();
    notices.extend([
        unlocked(true),
        Message::AccountErased { at: at() },
        Message::AddressTaken,
        Message::Test,
    ]);
    for message in notices {
        for line in sent(&message)
            .lines()
            .filter(|line| line.contains("https:"))
        {
            assert!(
                line.ends_with(CONTACT) || line.ends_with("https://id.example"),
                "{line}"
            );
        }
    }
}

#[test]
fn every_mail_is_plain_ascii_in_short_lines() {
    for message in every_message() {
        let text = sent(&message);
        assert!(text.is_ascii() && subject(&message).is_ascii());
        for line in text
            .lines()
            .filter(|line| *line != LINK && *line != CONTACT)
        {
            assert!(line.len() <= 76, "{line}");
        }
    }
}

#[test]
fn the_reset_mail_warns_whoever_has_lost_the_device() {
    let message = reset(true);
    for phrase in [
        "ends every session of the account at once",
        "WARNING: two-factor authentication is on, and a password reset leaves it on",
        "If the device for two-factor authentication is lost, do NOT reset the password",
        "A session that is still signed in, in any browser: open Settings, Two-Factor \
         Authentication, give your password and choose Disable",
        "Support, who can unlock your account: https://help.example/locked-out",
    ] {
        assert_says(&message, phrase);
    }
}

#[test]
fn the_reset_mail_says_nothing_of_two_factor_while_it_is_off() {
    assert_says(&reset(false), "ends every session of the account at once");
    assert!(!words(&sent(&reset(false))).contains("two-factor"));
}

#[test]
fn the_mail_about_a_taken_address_says_how_to_get_in_and_that_nothing_changed() {
    let message = Message::AddressTaken;
    assert!(
        sent(&message)
            .lines()
            .any(|line| line == "https://id.example")
    );
    for phrase in [
        "There already is an account with it, and nothing about that account has changed",
        "You can sign in here",
        "ask for a password reset on the same page",
        "do NOT reset the password",
    ] {
        assert_says(&message, phrase);
    }
}

/// ASVS-6.3.7, NIST-4.6-G: what happened, when, whence, what to do, whom to ask.
#[test]
fn mail_has_instructions() {
    for message in from_the_owner() {
        assert_says(&message, "your account at Example");
        assert_says(&message, "When: 24 November 2026, 09:05:00 UTC");
        assert_says(&message, "From: 2001:db8::7");
        assert_says(&message, "With: Firefox on Linux");
        assert_says(&message, "If it was not you, somebody");
    }
    for message in every_message() {
        assert!(sent(&message).lines().any(|line| line == CONTACT));
        assert!(
            words(&text(&head(None), &message)).contains("Contact the people who run Example.")
        );
    }
}

#[test]
fn what_is_not_known_or_not_an_address_is_left_out() {
    let message = Message::PasswordChanged(Circumstances {
        at: at(),
        ip: Some("call http://phish.example".into()),
        user_agent: Some("Your account is blocked, see http://phish.example".into()),
    });
    let text = sent(&message);
    assert!(!text.contains("phish") && !text.contains("From:") && !text.contains("With:"));
    assert_says(&message, "When: 24 November 2026, 09:05:00 UTC");
}

#[test]
fn the_unlock_notice_says_what_support_did_and_not_whence() {
    for phrase in [
        "was unlocked by a member of the support staff",
        "Two-factor authentication was turned off, every session of the account has ended",
        "When: 24 November 2026, 09:05:00 UTC",
        "If you did not ask for this",
    ] {
        assert_says(&unlocked(true), phrase);
    }
    assert!(!sent(&unlocked(true)).contains("2001:db8"));
    assert_says(
        &unlocked(false),
        "Two-factor authentication is off, as it was before",
    );
}

#[test]
fn the_reset_notice_says_that_two_factor_is_untouched() {
    assert_says(
        &Message::PasswordReset(circumstances()),
        "Every session of the account has ended. Two-factor authentication is as it was before.",
    );
}

/// NIST-3.2.1-A: how to look after the device, and what to do before it is lost.
#[test]
fn instructions_present() {
    let message = Message::TwoFactorEnabled(circumstances());
    assert_says(&message, "Look after the device");
    assert_says(
        &message,
        "If the device is ever lost, do not reset your password",
    );
    assert_says(&message, "A password reset alone does not turn");
}

#[test]
fn the_last_mail_says_that_nothing_brings_the_account_back_and_that_a_new_one_can_be_opened() {
    let message = Message::AccountErased { at: at() };
    for phrase in [
        "Your account at Example was erased",
        "When: 24 November 2026, 09:05:00 UTC",
        "nobody can sign in to the account or bring it back",
        "You can open a new account with this email address",
        "If you did not ask for this, contact support",
    ] {
        assert_says(&message, phrase);
    }
}
