//! What the read models must say, as the events tell it.

use account::staff::Staff;
use account::{Account, AccountEvent, EmailAddress, Metadata};
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use credentials::{DataKey, Field, Keyring, TokenHash, WrappedKey};
use uuid::Uuid;

use crate::projection::{SettingsImage, live_secrets, session_record};
use crate::sessions::{SessionOrigin, SessionRecord};
use crate::stream::Loaded;
use crate::{Corruption, Error, StoredEvent};

pub(crate) const STAFF: &str = <Staff as Aggregate>::TYPE;

/// The kind of the tokens that make a browser known: no part of the account, and in no event.
pub(crate) const UNBLOCK: &str = "unblock";

/// What a history comes to.
pub(crate) enum Outcome {
    Nothing,
    Open(Box<Expected>),
    /// No read model holds a row.
    Erased(Box<Loaded<Account>>),
}

/// What the read models of one account must say.
pub(crate) struct Expected {
    pub(crate) loaded: Loaded<Account>,
    pub(crate) settings: SettingsImage,
    /// Without their tokens, which no event holds.
    pub(crate) sessions: Vec<(SessionRecord, SessionOrigin)>,
    pub(crate) tokens: Vec<PendingToken>,
    pub(crate) secrets: Vec<Uuid>,
    pub(crate) last_signed_in_at: Option<DateTime<Utc>>,
}

/// A challenge or a reset link.
pub(crate) struct PendingToken {
    pub(crate) id: Uuid,
    pub(crate) kind: &'static str,
    pub(crate) expires_at: DateTime<Utc>,
}

/// An account's read models on their way through its history.
pub(crate) struct Replay {
    loaded: Loaded<Account>,
    sessions: Vec<(SessionRecord, SessionOrigin)>,
}

impl Replay {
    pub(crate) fn unborn(id: Uuid) -> Self {
        Self {
            loaded: Loaded::unborn(id),
            sessions: Vec::new(),
        }
    }

    pub(crate) fn advance(&mut self, row: &StoredEvent, event: AccountEvent) -> Result<(), Error> {
        let metadata: Metadata = serde_json::from_str(&row.metadata)
            .map_err(|_| row.corrupt("its metadata cannot be read"))?;
        if let AccountEvent::TwoFactorEnabled { session, .. } = &event {
            promote(&mut self.sessions, *session);
        }
        let begun = session_record(self.loaded.id, &event, &metadata, unknown_token());
        self.sessions.extend(begun);
        self.loaded.advance(row, event)?;
        let live = self.loaded.state.opened.as_ref();
        let live = live.map_or(&[][..], |account| &account.sessions);
        self.sessions
            .retain(|(session, _)| live.iter().any(|live| live.id == session.id));
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Outcome, Error> {
        if self.loaded.state.erased_at.is_some() {
            return Ok(Outcome::Erased(Box::new(self.loaded)));
        }
        let Some(account) = &self.loaded.state.opened else {
            return Ok(Outcome::Nothing);
        };
        let challenges = account.challenges.iter().map(|challenge| PendingToken {
            id: challenge.id.as_uuid(),
            kind: "challenge",
            expires_at: challenge.expires_at,
        });
        let resets = account.resets.iter().map(|reset| PendingToken {
            id: reset.id.as_uuid(),
            kind: "reset",
            expires_at: reset.expires_at,
        });
        Ok(Outcome::Open(Box::new(Expected {
            settings: SettingsImage::of(account)?,
            secrets: live_secrets(account),
            last_signed_in_at: account.last_signed_in_at,
            tokens: challenges.chain(resets).collect(),
            sessions: self.sessions,
            loaded: self.loaded,
        })))
    }
}

fn promote(sessions: &mut [(SessionRecord, SessionOrigin)], confirming: account::SessionId) {
    use account::event::Factor::{Password, Totp};
    for (session, _) in sessions {
        if session.id == confirming {
            session.factors = vec![Password, Totp];
        }
    }
}

fn unknown_token() -> TokenHash {
    TokenHash {
        key_id: credentials::KeyId(1),
        hash: [0; 32],
    }
}

impl Expected {
    /// The account as its rows find it, by the keyed hash of its address: the one thing that a
    /// replay opens, with the account's data key.
    pub(crate) fn address_hash(
        &self,
        keyring: &Keyring,
        data_key: Option<&WrappedKey>,
    ) -> Result<[u8; 32], Error> {
        let id = self.loaded.id;
        let wrapped = data_key.ok_or(Corruption::MissingDataKey(id))?;
        let damaged = || Corruption::Row {
            table: "settings",
            row: id.to_string(),
        };
        let account = self.loaded.state.opened.as_ref().ok_or_else(damaged)?;
        let key = DataKey::unwrap(keyring, id, wrapped)?;
        let address = key.reveal(id, Field::Email, &account.email)?;
        let address: EmailAddress = address.parse().map_err(|_| damaged())?;
        Ok(keyring.address_hash(&address))
    }
}
