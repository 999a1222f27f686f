//! What proves that a form which comes back was written by us, for this browser and this caller.

use account::{SessionId, StaffSessionId};
use chrono::Duration;
use data_encoding::BASE64URL_NOPAD;

use crate::{Error, Secret, Service};

/// How long a page with a form may lie open.
const LIFETIME: Duration = Duration::hours(24);

/// For whom a form is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormFor {
    Visitor,
    Owner(SessionId),
    Staff(StaffSessionId),
}

impl FormFor {
    fn parts(&self) -> (&'static [u8], [u8; 16]) {
        match self {
            Self::Visitor => (b"visitor", [0; 16]),
            Self::Owner(session) => (b"owner", *session.as_uuid().as_bytes()),
            Self::Staff(session) => (b"staff", *session.as_uuid().as_bytes()),
        }
    }
}

impl Service {
    /// 128 random bits as text, for what must not be guessed and lives for one page or browser.
    pub fn nonce(&self) -> Result<Secret, Error> {
        let bytes: [u8; 16] = self.random().bytes()?;
        Ok(Secret::new(BASE64URL_NOPAD.encode(&bytes)))
    }

    /// `browser` is what only this browser holds.
    pub fn form_token(&self, browser: &str, whom: FormFor) -> String {
        let (role, id) = whom.parts();
        let now = self.now().timestamp_millis().max(0).cast_unsigned();
        self.keyring()
            .form_token(&[browser.as_bytes(), role, &id], now)
    }

    /// How long ago the form was written; nothing if it was not ours, for somebody else, or too
    /// long ago.
    pub fn form_age(&self, browser: &str, whom: FormFor, token: &str) -> Option<Duration> {
        let (role, id) = whom.parts();
        let written = self
            .keyring()
            .form_written_at(&[browser.as_bytes(), role, &id], token)?;
        let now = self.now().timestamp_millis().max(0).cast_unsigned();
        let age = i64::try_from(now.saturating_sub(written)).ok()?;
        let age = Duration::try_milliseconds(age)?;
        (age <= LIFETIME).then_some(age)
    }
}
