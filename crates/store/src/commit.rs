//! The commit: a decision and everything that follows from it, in one statement.
//!
//! The statement is made in `statement.rs`.

use account::staff::Staff;
use account::{Account, AccountId, StaffId};
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use credentials::{KeyId, Sealed, SealedSecret, SecretKind, TokenHash, WrappedKey};
use futures::future::BoxFuture;
use uuid::Uuid;

use crate::event_row::{NewEvent, chain, timestamp};
use crate::projection::{AccountRows, Entry, NewToken, account_rows};
use crate::staff::StaffImage;
use crate::statement::Statement;
use crate::stream::StateImage;
use crate::{Error, Store};

/// What is committed with events, or without any: the same statement either way.
#[derive(Debug, Default)]
pub struct Beside {
    /// Both set where an account is opened.
    pub data_key: Option<WrappedKey>,
    pub address_hash: Option<[u8; 32]>,
    pub secrets: Vec<NewSecret>,
    pub device: Option<DeviceChange>,
    pub throttles: Vec<ThrottleChange>,
    pub mails: Vec<SealedMail>,
    pub registration: Option<NewRegistration>,
    pub unblock: Option<NewToken>,
    pub spent: Spent,
    pub answer: Option<Answer>,
    /// The member of staff who acts: one who was revoked meanwhile is a conflict.
    pub acting_staff: Option<account::StaffId>,
    /// The waits of known devices are lifted.
    pub lifts_devices: bool,
    /// The token of a member of staff who is being issued one.
    pub staff_token: Option<TokenHash>,
}

#[derive(Debug)]
pub struct NewSecret {
    pub id: account::CredentialId,
    pub kind: SecretKind,
    pub secret: SealedSecret,
}

/// What becomes of a known device that was used.
#[derive(Debug)]
pub struct DeviceChange {
    pub id: account::DeviceId,
    /// Serialised failures; `None`: the device is known no longer.
    pub failures: Option<String>,
    pub expires_at: DateTime<Utc>,
    pub expected_version: i64,
}

#[derive(Debug)]
pub struct ThrottleChange {
    pub(crate) kind: &'static str,
    pub(crate) key: [u8; 32],
    pub(crate) state: String,
    pub(crate) expected_version: i64,
}

/// A mail that the commit promises.
#[derive(Debug)]
pub struct SealedMail {
    pub id: Uuid,
    pub sealed: Sealed,
}

#[derive(Debug)]
pub struct NewRegistration {
    pub id: Uuid,
    pub address_hash: [u8; 32],
    pub token: TokenHash,
    /// Sealed under the token's key.
    pub address: Vec<u8>,
    pub expires_at: DateTime<Utc>,
}

/// What the commit uses up; if another commit was faster, this one is a conflict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    pub registration: Option<Uuid>,
    pub unblock: Option<Uuid>,
    pub job: Option<Uuid>,
}

/// The first answer to a call that may be repeated.
#[derive(Debug)]
pub struct Answer {
    pub staff: StaffId,
    pub key_hash: [u8; 32],
    pub request_hash: [u8; 32],
    pub sealed: Vec<u8>,
}

/// A stream that goes on.
#[derive(Debug)]
pub(crate) struct StreamPart {
    pub(crate) owner: Uuid,
    pub(crate) id: String,
    pub(crate) aggregate_type: &'static str,
    /// The sequence of the last event before these.
    pub(crate) base: i64,
    pub(crate) events: Vec<NewEvent>,
    /// Both of all of them, as they were hashed.
    pub(crate) metadata: String,
    pub(crate) recorded_at: String,
    pub(crate) key: KeyId,
    pub(crate) state: StateImage,
}

/// All that one statement commits.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) stream: Option<StreamPart>,
    pub(crate) account: Option<Uuid>,
    pub(crate) rows: AccountRows,
    pub(crate) staff: Option<StaffImage>,
    pub(crate) beside: Beside,
    pub(crate) at: DateTime<Utc>,
}

impl Commit {
    pub(crate) fn of(stream: Option<StreamPart>, beside: Beside, at: DateTime<Utc>) -> Self {
        Self {
            stream,
            account: None,
            rows: AccountRows::default(),
            staff: None,
            beside,
            at,
        }
    }

    /// The stream, if there are events to append.
    pub(crate) fn appends(&self) -> Option<&StreamPart> {
        let stream = self.stream.as_ref();
        stream.filter(|stream| !stream.events.is_empty())
    }
}

impl Store {
    /// Commits what was decided about an account. A decision without events commits what stands
    /// beside it, and nothing at all if that is empty.
    pub async fn commit(&self, entry: Entry<Account>, beside: Beside) -> Result<(), Error> {
        let stream = self.stream_part(&entry)?;
        let commit = Commit {
            account: Some(stream.owner),
            rows: account_rows(&entry)?,
            ..Commit::of(Some(stream), beside, entry.decided.at)
        };
        self.execute(commit).await
    }

    /// Commits what a member of staff did, or became.
    pub async fn commit_staff(&self, entry: Entry<Staff>, beside: Beside) -> Result<(), Error> {
        let staff = self.staff_image(&entry, beside.staff_token.clone()).await?;
        let stream = self.stream_part(&entry)?;
        let commit = Commit {
            staff,
            ..Commit::of(Some(stream), beside, entry.decided.at)
        };
        self.execute(commit).await
    }

    /// Commits what stands beside the log alone: for an address without an account, and for mail.
    pub async fn commit_beside(
        &self,
        account: Option<AccountId>,
        beside: Beside,
        at: DateTime<Utc>,
    ) -> Result<(), Error> {
        let commit = Commit {
            account: account.map(AccountId::as_uuid),
            ..Commit::of(None, beside, at)
        };
        self.execute(commit).await
    }

    pub(crate) fn stream_part<A: Aggregate>(&self, entry: &Entry<A>) -> Result<StreamPart, Error> {
        let (decided, keyring) = (&entry.decided, &self.keyring);
        let before = &decided.before;
        let metadata = serde_json::to_string(&entry.metadata).map_err(Error::Serialize)?;
        let recorded_at = timestamp(decided.at);
        let key = keyring.current();
        let (events, tip) = chain::<A>(
            (keyring, key),
            before.id,
            (before.version, before.tip),
            &decided.events,
            &metadata,
            &recorded_at,
        )?;
        let version = before.version + decided.events.len() as u64;
        let (at, after) = (decided.at, &decided.after);
        Ok(StreamPart {
            owner: before.id,
            id: before.id.to_string(),
            aggregate_type: A::TYPE,
            base: before.version.cast_signed(),
            events,
            metadata,
            recorded_at,
            key,
            state: StateImage::of(keyring, before.id, version, tip, at, after)?,
        })
    }

    /// Boxed: a commit would make every use case's future as large as itself.
    pub(crate) fn execute(&self, commit: Commit) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            let mut statement = Statement::of(&commit, &self.keyring)?;
            self.ready.execute(statement.query()).await?;
            if commit.appends().is_some() {
                self.appended.notify_one();
            }
            Ok(())
        })
    }

    /// Whether the event after `base` was appended by `command`: asked when the answer to a commit
    /// was lost.
    pub async fn was_committed(
        &self,
        aggregate_type: &'static str,
        id: Uuid,
        base: u64,
        command: Uuid,
    ) -> Result<bool, Error> {
        let committed = sqlx::query_scalar::<_, bool>(
            "SELECT EXISTS (SELECT FROM events
            WHERE aggregate_id = $1 AND aggregate_type = $2 AND sequence = $3
                AND metadata ->> 'command' = $4)",
        )
        .bind(id.to_string())
        .bind(aggregate_type)
        .bind((base + 1).cast_signed())
        .bind(command.to_string())
        .fetch_one(&self.pool)
        .await?;
        Ok(committed)
    }
}
