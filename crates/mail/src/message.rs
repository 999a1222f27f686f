//! The closed list of what Countersign ever writes to anybody.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One mail, holding just what its text needs.
///
/// The serialised form waits in the outbox across upgrades, so the names of variants
/// and fields are permanent. It contains the link of a mail that has one: seal it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Message {
    /// Somebody is opening an account with this address.
    VerifyAddress {
        /// `<public-url>/verify/<token>`
        link: String,
        /// When the link stops working.
        expires_at: DateTime<Utc>,
    },
    /// Somebody tried to open an account with an address that has one.
    AddressTaken,
    /// Somebody asked for a password reset.
    ResetPassword {
        /// `<public-url>/reset/<token>`
        link: String,
        /// When the link stops working.
        expires_at: DateTime<Utc>,
        /// Whether to warn that two-factor outlives the reset and sessions do not.
        two_factor_on: bool,
    },
    /// Somebody wants to sign in from a new browser while strangers guess.
    UnblockBrowser {
        /// `<public-url>/unblock/<token>`
        link: String,
        /// When the link stops working.
        expires_at: DateTime<Utc>,
    },
    /// The owner changed the password in the settings.
    PasswordChanged(Circumstances),
    /// The password was reset with a mailed link.
    PasswordReset(Circumstances),
    /// An enrollment was confirmed.
    TwoFactorEnabled(Circumstances),
    /// Two-factor was turned off with the password.
    TwoFactorDisabled(Circumstances),
    /// Support unlocked the account.
    AccountUnlocked {
        /// Only the time is told: the request came from a member of staff, whose
        /// address and browser are not the owner's business.
        circumstances: Circumstances,
        /// Whether the unlock turned two-factor off.
        two_factor_was_on: bool,
    },
    /// The account was erased.
    AccountErased {
        /// The time of the event.
        at: DateTime<Utc>,
    },
    /// The first wrong code after the right password.
    WrongCodeAfterRightPassword(Circumstances),
    /// `countersign mail test`
    Test,
}

/// When and whence something happened, as far as it is known.
#[derive(Clone, Serialize, Deserialize)]
pub struct Circumstances {
    /// The time of the event.
    pub at: DateTime<Utc>,
    /// The source address; left out of the text unless it parses as one.
    pub ip: Option<String>,
    /// The `User-Agent` header as it came. No part of it is ever quoted, since an
    /// attacker chooses it: the text names a browser from a fixed list.
    pub user_agent: Option<String>,
}

impl Message {
    /// The variant's permanent name, for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::VerifyAddress { .. } => "verify_address",
            Self::AddressTaken => "address_taken",
            Self::ResetPassword { .. } => "reset_password",
            Self::UnblockBrowser { .. } => "unblock_browser",
            Self::PasswordChanged(_) => "password_changed",
            Self::PasswordReset(_) => "password_reset",
            Self::TwoFactorEnabled(_) => "two_factor_enabled",
            Self::TwoFactorDisabled(_) => "two_factor_disabled",
            Self::AccountUnlocked { .. } => "account_unlocked",
            Self::AccountErased { .. } => "account_erased",
            Self::WrongCodeAfterRightPassword(_) => "wrong_code_after_right_password",
            Self::Test => "test",
        }
    }

    /// When the link in it stops working; none for a mail without one.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::VerifyAddress { expires_at, .. }
            | Self::ResetPassword { expires_at, .. }
            | Self::UnblockBrowser { expires_at, .. } => Some(*expires_at),
            _ => None,
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({})", self.kind())
    }
}

impl fmt::Debug for Circumstances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circumstances").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circumstances() -> Circumstances {
        Circumstances {
            at: DateTime::from_timestamp(1_795_000_000, 0).unwrap(),
            ip: Some("192.0.2.7".into()),
            user_agent: None,
        }
    }

    fn every_kind() -> Vec<Message> {
        let link = || "https://id.example/reset/the-token".to_owned();
        let expires_at = circumstances().at;
        vec![
            Message::VerifyAddress {
                link: link(),
                expires_at,
            },
            Message::AddressTaken,
            Message::ResetPassword {
                link: link(),
                expires_at,
                two_factor_on: true,
            },
            Message::UnblockBrowser {
                link: link(),
                expires_at,
            },
            Message::PasswordChanged(circumstances()),
            Message::PasswordReset(circumstances()),
            Message::TwoFactorEnabled(circumstances()),
            Message::TwoFactorDisabled(circumstances()),
            Message::AccountUnlocked {
                circumstances: circumstances(),
                two_factor_was_on: true,
            },
            Message::AccountErased {
                at: circumstances().at,
            },
            Message::WrongCodeAfterRightPassword(circumstances()),
            Message::Test,
        ]
    }

    #[test]
    fn a_stored_mail_carries_its_kind_and_reads_back_as_it_was_written() {
        for message in every_kind() {
            let stored = serde_json::to_value(&message).unwrap();
            assert_eq!(stored["kind"], message.kind());
            let read: Message = serde_json::from_value(stored.clone()).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), stored);
        }
    }

    #[test]
    fn a_mail_stored_by_an_earlier_version_is_still_read() {
        let stored = r#"{"kind":"reset_password","link":"https://id.example/reset/t",
            "expires_at":"2026-11-24T10:30:00Z","two_factor_on":true}"#;
        let message: Message = serde_json::from_str(stored).unwrap();
        assert!(matches!(
            message,
            Message::ResetPassword {
                two_factor_on: true,
                ..
            }
        ));
        let stored = r#"{"kind":"password_changed","at":"2026-11-24T10:30:00Z",
            "ip":null,"user_agent":null}"#;
        let message: Message = serde_json::from_str(stored).unwrap();
        assert!(matches!(message, Message::PasswordChanged(_)));
    }

    #[test]
    fn the_debug_form_shows_neither_link_nor_address() {
        for message in every_kind() {
            let shown = format!("{message:?} {:?}", circumstances());
            assert!(!shown.contains("the-token"), "{shown}");
            assert!(!shown.contains("192.0.2.7"), "{shown}");
        }
    }
}
