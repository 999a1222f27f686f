//! The commit: a decision and everything that follows from it, in one statement.
//!
//! `sql/commit.sql` is bound here part by part, in its order.

use account::staff::Staff;
use account::{Account, AccountId, StaffId};
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use credentials::{KeyId, SealedSecret, SecretKind, TokenHash, WrappedKey};
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use uuid::Uuid;

use crate::event_row::{NewEvents, chain};
use crate::projection::{AccountRows, Entry, account_rows};
use crate::staff::StaffImage;
use crate::stream::StateImage;
use crate::{Error, Store};

const COMMIT: &str = include_str!("sql/commit.sql");

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
    pub unblock: Option<(Uuid, TokenHash, DateTime<Utc>)>,
    pub spent: Spent,
    pub answer: Option<Answer>,
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
    pub sealed: Vec<u8>,
}

#[derive(Debug)]
pub struct NewRegistration {
    pub id: Uuid,
    pub address_hash: [u8; 32],
    pub token: TokenHash,
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

/// The part of the statement that a stream fills.
struct StreamPart {
    id: Option<String>,
    aggregate_type: Option<&'static str>,
    base: i64,
    events: NewEvents,
    state: Option<StateImage>,
    account: Option<Uuid>,
    owner: Option<Uuid>,
    account_rows: AccountRows,
    staff: Option<StaffImage>,
}

impl Store {
    /// Commits what was decided about an account. A decision without events commits what stands
    /// beside it, and nothing at all if that is empty.
    pub async fn commit(&self, entry: Entry<Account>, beside: Beside) -> Result<(), Error> {
        let rows = account_rows(&entry)?;
        let account = entry.decided.before.id;
        let mut part = self.stream_part(&entry)?;
        part.account = Some(account);
        part.account_rows = rows;
        let at = entry.decided.at;
        self.execute(part, beside, at).await
    }

    /// Commits what a member of staff did, or became.
    pub async fn commit_staff(&self, entry: Entry<Staff>, beside: Beside) -> Result<(), Error> {
        let mut part = self.stream_part(&entry)?;
        part.staff = self.staff_image(&entry, beside.staff_token.clone()).await?;
        let at = entry.decided.at;
        self.execute(part, beside, at).await
    }

    /// Commits what stands beside the log alone: for an address without an account, and for mail.
    pub async fn commit_beside(
        &self,
        account: Option<AccountId>,
        beside: Beside,
        at: DateTime<Utc>,
    ) -> Result<(), Error> {
        let part = StreamPart {
            id: None,
            aggregate_type: None,
            base: 0,
            events: NewEvents::default(),
            state: None,
            // Images of live keys are absent: nothing of the account is ended by this.
            account: account.map(AccountId::as_uuid),
            owner: None,
            account_rows: AccountRows::default(),
            staff: None,
        };
        self.execute(part, beside, at).await
    }

    fn stream_part<A: Aggregate>(&self, entry: &Entry<A>) -> Result<StreamPart, Error> {
        let (decided, keyring) = (&entry.decided, &self.keyring);
        let before = &decided.before;
        let metadata = serde_json::to_string(&entry.metadata).map_err(Error::Serialize)?;
        let (events, tip) = chain::<A>(
            keyring,
            before.id,
            (before.version, before.tip),
            &decided.events,
            &metadata,
            decided.at,
        )?;
        let version = before.version + decided.events.len() as u64;
        Ok(StreamPart {
            id: Some(before.id.to_string()),
            aggregate_type: Some(A::TYPE),
            base: before.version.cast_signed(),
            events,
            state: Some(StateImage::of(
                keyring,
                before.id,
                version,
                tip,
                decided.at,
                &decided.after,
            )?),
            account: None,
            owner: Some(before.id),
            account_rows: AccountRows::default(),
            staff: None,
        })
    }

    async fn execute(
        &self,
        part: StreamPart,
        beside: Beside,
        at: DateTime<Utc>,
    ) -> Result<(), Error> {
        let appends = !part.events.types.is_empty();
        let key = key_column(self.keyring.current());
        let query = bind_events(sqlx::query(COMMIT), &part, key);
        let query = bind_account(query, &part, &beside);
        let query = self.bind_session(query, &part.account_rows)?;
        let query = bind_tokens_and_secrets(query, &part.account_rows, &beside);
        let query = bind_keys_and_devices(query, &part, &beside);
        let query = bind_beside(query, &beside, at);
        let query = bind_answer_and_staff(query, part.staff.as_ref(), &beside);
        // Boxed: a statement of this many parameters would make every use case's future as large.
        Box::pin(query.execute(&self.pool)).await?;
        if appends {
            self.appended.notify_one();
        }
        Ok(())
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

pub(crate) fn key_column(key: KeyId) -> i32 {
    i32::try_from(key.0).unwrap_or(i32::MAX)
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// $1 to $17
fn bind_events<'q>(query: Statement<'q>, part: &StreamPart, key: i32) -> Statement<'q> {
    let (events, state) = (
        &part.events,
        part.state
            .as_ref()
            .filter(|_| !part.events.types.is_empty()),
    );
    query
        .bind(part.id.clone())
        .bind(part.aggregate_type)
        .bind(part.base)
        .bind(events.types.clone())
        .bind(events.versions.clone())
        .bind(events.payloads.clone())
        .bind(events.metadata.clone())
        .bind(events.recorded_at.clone())
        .bind(events.hashes.clone())
        .bind(events.macs.clone())
        .bind(key)
        .bind(state.map(|state| state.version))
        .bind(state.map(|state| state.state.clone()))
        .bind(state.map(|state| state.tip.clone()))
        .bind(state.map(|state| state.recorded_at.clone()))
        .bind(crate::stream::STATE_SHAPE)
        .bind(state.map(|state| state.mac.clone()))
}

/// $18 to $30
fn bind_account<'q>(query: Statement<'q>, part: &StreamPart, beside: &Beside) -> Statement<'q> {
    let (rows, settings) = (&part.account_rows, part.account_rows.settings.as_ref());
    // Without events nothing of the state has changed, so nothing is ended.
    let ends = part.account.is_some() && !part.events.types.is_empty();
    let live = |keys: &Vec<Uuid>| ends.then(|| keys.clone());
    query
        .bind(part.account)
        .bind(beside.address_hash.map(|hash| hash.to_vec()))
        .bind(rows.last_signed_in_at)
        .bind(settings.map(|image| image.email.clone()))
        .bind(settings.map(|image| image.created_at))
        .bind(settings.map(|image| image.password_changed_at))
        .bind(settings.map(|image| image.two_factor))
        .bind(settings.and_then(|image| image.enabled_at))
        .bind(settings.and_then(|image| image.enrollment_expires_at))
        .bind(live(&rows.live_sessions))
        .bind(live(&rows.live_tokens))
        .bind(live(&rows.live_secrets))
        .bind(beside.spent.unblock)
}

impl Store {
    /// $31 to $42
    fn bind_session<'q>(
        &self,
        query: Statement<'q>,
        rows: &AccountRows,
    ) -> Result<Statement<'q>, Error> {
        let new = rows.new_session.as_slice();
        let json = |personal: &Option<account::Personal>| {
            personal
                .as_ref()
                .map(serde_json::to_string)
                .transpose()
                .map_err(Error::Serialize)
        };
        let macs = new
            .iter()
            .map(|session| session.mac(&self.keyring).map(|mac| mac.to_vec()));
        let ips = new
            .iter()
            .map(|session| json(&session.ip))
            .collect::<Result<Vec<_>, _>>()?;
        let agents = new
            .iter()
            .map(|session| json(&session.user_agent))
            .collect::<Result<Vec<_>, _>>()?;
        let changed = rows.changed_session.as_ref();
        let changed_mac = changed
            .map(|session| session.mac(&self.keyring))
            .transpose()?;
        Ok(query
            .bind(
                new.iter()
                    .map(|session| session.id.as_uuid())
                    .collect::<Vec<_>>(),
            )
            .bind(
                new.iter()
                    .map(|session| session.token.hash.to_vec())
                    .collect::<Vec<_>>(),
            )
            .bind(
                new.iter()
                    .map(|session| session.created_at)
                    .collect::<Vec<_>>(),
            )
            .bind(
                new.iter()
                    .map(|session| session.expires_at)
                    .collect::<Vec<_>>(),
            )
            .bind(
                new.iter()
                    .map(|s| crate::sessions::factors_text(&s.factors))
                    .collect::<Vec<_>>(),
            )
            .bind(ips)
            .bind(agents)
            .bind(macs.collect::<Result<Vec<_>, _>>()?)
            .bind(changed.map(|session| session.id.as_uuid()))
            .bind(changed.map(|session| crate::sessions::factors_text(&session.factors)))
            .bind(changed.map(|session| session.last_seen_at))
            .bind(changed_mac.map(|mac| mac.to_vec())))
    }
}

/// $43 to $50
fn bind_tokens_and_secrets<'q>(
    query: Statement<'q>,
    rows: &AccountRows,
    beside: &Beside,
) -> Statement<'q> {
    let mut kinds = rows
        .new_tokens
        .iter()
        .map(|token| token.kind)
        .collect::<Vec<_>>();
    let mut ids = rows
        .new_tokens
        .iter()
        .map(|token| token.id)
        .collect::<Vec<_>>();
    let mut hashes = rows
        .new_tokens
        .iter()
        .map(|t| t.hash.hash.to_vec())
        .collect::<Vec<_>>();
    let mut expiries = rows
        .new_tokens
        .iter()
        .map(|token| token.expires_at)
        .collect::<Vec<_>>();
    if let Some((id, hash, expires_at)) = &beside.unblock {
        kinds.push("unblock");
        ids.push(*id);
        hashes.push(hash.hash.to_vec());
        expiries.push(*expires_at);
    }
    let secrets = &beside.secrets;
    query
        .bind(kinds)
        .bind(ids)
        .bind(hashes)
        .bind(expiries)
        .bind(
            secrets
                .iter()
                .map(|secret| secret.id.as_uuid())
                .collect::<Vec<_>>(),
        )
        .bind(
            secrets
                .iter()
                .map(|secret| kind_column(secret.kind))
                .collect::<Vec<_>>(),
        )
        .bind(
            secrets
                .iter()
                .map(|s| s.secret.wrapped_key.clone())
                .collect::<Vec<_>>(),
        )
        .bind(
            secrets
                .iter()
                .map(|s| s.secret.sealed.clone())
                .collect::<Vec<_>>(),
        )
}

pub(crate) const fn kind_column(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::PasswordHash => "password",
        SecretKind::TotpSecret => "totp",
    }
}

/// $51 to $60
fn bind_keys_and_devices<'q>(
    query: Statement<'q>,
    part: &StreamPart,
    beside: &Beside,
) -> Statement<'q> {
    let (rows, device) = (&part.account_rows, beside.device.as_ref());
    let new = rows.new_device.as_ref();
    query
        .bind(part.owner)
        .bind(beside.data_key.as_ref().map(|key| key.bytes.clone()))
        .bind(new.map(|device| device.id))
        .bind(new.map(|device| device.nonce.to_vec()))
        .bind(new.map(|device| device.expires_at))
        .bind(rows.voids_devices)
        .bind(device.map(|device| device.id.as_uuid()))
        .bind(device.and_then(|device| device.failures.clone()))
        .bind(device.map(|device| device.expires_at))
        .bind(device.map(|device| device.expected_version))
}

/// $61 to $74
fn bind_beside<'q>(query: Statement<'q>, beside: &Beside, at: DateTime<Utc>) -> Statement<'q> {
    let (throttles, mails) = (&beside.throttles, &beside.mails);
    let registration = beside.registration.as_ref();
    query
        .bind(
            throttles
                .iter()
                .map(|throttle| throttle.kind)
                .collect::<Vec<_>>(),
        )
        .bind(
            throttles
                .iter()
                .map(|throttle| throttle.key.to_vec())
                .collect::<Vec<_>>(),
        )
        .bind(
            throttles
                .iter()
                .map(|throttle| throttle.state.clone())
                .collect::<Vec<_>>(),
        )
        .bind(
            throttles
                .iter()
                .map(|throttle| throttle.expected_version)
                .collect::<Vec<_>>(),
        )
        .bind(at)
        .bind(mails.iter().map(|mail| mail.id).collect::<Vec<_>>())
        .bind(
            mails
                .iter()
                .map(|mail| mail.sealed.clone())
                .collect::<Vec<_>>(),
        )
        .bind(registration.map(|registration| registration.id))
        .bind(registration.map(|registration| registration.address_hash.to_vec()))
        .bind(registration.map(|registration| registration.token.hash.to_vec()))
        .bind(registration.map(|registration| registration.address.clone()))
        .bind(registration.map(|registration| registration.expires_at))
        .bind(beside.spent.registration)
        .bind(beside.spent.job)
}

/// $75 to $87
fn bind_answer_and_staff<'q>(
    query: Statement<'q>,
    staff: Option<&StaffImage>,
    beside: &Beside,
) -> Statement<'q> {
    let answer = beside.answer.as_ref();
    query
        .bind(answer.map(|answer| answer.staff.as_uuid()))
        .bind(answer.map(|answer| answer.key_hash.to_vec()))
        .bind(answer.map(|answer| answer.request_hash.to_vec()))
        .bind(answer.map(|answer| answer.sealed.clone()))
        .bind(staff.map(|staff| staff.record.id.as_uuid()))
        .bind(staff.map(|staff| staff.record.name.clone()))
        .bind(staff.map(|staff| staff.record.role_column()))
        .bind(staff.map(|staff| staff.record.token.hash.to_vec()))
        .bind(staff.map(|staff| staff.record.issued_at))
        .bind(staff.map(|staff| staff.record.expires_at))
        .bind(staff.and_then(|staff| staff.record.revoked_at))
        .bind(staff.map(|staff| staff.mac.to_vec()))
        .bind(beside.lifts_devices)
}
