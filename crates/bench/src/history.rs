//! Histories made in bulk: whole, chained, authenticated and sealed as the service writes them.

use account::event::{Factor, Opening};
use account::{
    AccountEvent, AccountId, Actor, CredentialId, DeviceId, Metadata, Origin, SessionId,
};
use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use credentials::{DataKey, Field, Keyring, Purpose, Random, SecretKind, SystemRandom};
use data_encoding::HEXLOWER;
use proofs::event::{GENESIS, Preimage};
use sqlx::{Connection, PgConnection};
use std::fmt::Write;
use uuid::Uuid;

use crate::Outcome;

/// Of each account but one.
const EVENTS: u64 = 10;
/// Of that one.
const MANY_EVENTS: u64 = 100_000;
/// Accounts that are written at a time.
const BATCH: u64 = 500;
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36";

const COPY_EVENTS: &str = "COPY events (aggregate_id, aggregate_type, sequence, event_type,
    event_version, payload, metadata, recorded_at, hash, mac, key_id) FROM STDIN";
const COPY_KEYS: &str = "COPY data_keys (owner_id, key_id, wrapped) FROM STDIN";
const COPY_SECRETS: &str =
    "COPY secrets (account_id, credential_id, kind, wrapped_key, sealed) FROM STDIN";
const WORK: &str = "INSERT INTO unsequenced SELECT id, aggregate_id, aggregate_type, sequence
    FROM events WHERE id > $1 ORDER BY id";

/// Writes at least `events` events, ten for each account, and an account of a hundred thousand, and
/// waits until the server has logged them all. Answers with that account, and one of the others.
pub(crate) async fn write(
    url: &str,
    keyring: &Keyring,
    events: u64,
) -> Outcome<(AccountId, AccountId)> {
    let mut connection = PgConnection::connect(url).await?;
    let mut bulk = Bulk::default();
    let long = account(keyring, &mut bulk, MANY_EVENTS)?;
    let short = account(keyring, &mut bulk, EVENTS)?;
    let mut left = events / EVENTS;
    while left > 0 {
        for _ in 0..left.min(BATCH) {
            account(keyring, &mut bulk, EVENTS)?;
        }
        left -= left.min(BATCH);
        let mut transaction = connection.begin().await?;
        let last = sqlx::query_scalar::<_, i64>("SELECT coalesce(max(id), 0) FROM events")
            .fetch_one(&mut *transaction)
            .await?;
        for (statement, text) in [
            (COPY_KEYS, &bulk.keys),
            (COPY_SECRETS, &bulk.secrets),
            (COPY_EVENTS, &bulk.events),
        ] {
            let mut copy = transaction.copy_in_raw(statement).await?;
            copy.send(text.as_bytes()).await?;
            copy.finish().await?;
        }
        sqlx::query(WORK)
            .bind(last)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        bulk = Bulk::default();
    }
    loop {
        let waits = sqlx::query_scalar::<_, bool>("SELECT EXISTS (SELECT FROM unsequenced)")
            .fetch_one(&mut connection)
            .await?;
        if !waits {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    sqlx::query("VACUUM ANALYZE")
        .execute(&mut connection)
        .await?;
    Ok((long, short))
}

/// Rows as COPY takes them.
#[derive(Default)]
struct Bulk {
    events: String,
    keys: String,
    secrets: String,
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is measured is the machine, in its own time"
)]
fn account(keyring: &Keyring, bulk: &mut Bulk, count: u64) -> Outcome<AccountId> {
    let random: &dyn Random = &SystemRandom;
    let mut at = Utc::now().trunc_subsecs(6) - TimeDelta::days(30);
    let id = random.id(at)?;
    let key = DataKey::generate(random)?;
    let wrapped = key.wrap(keyring, id, random)?;
    let wrapped_bytes = HEXLOWER.encode(&wrapped.bytes);
    writeln!(bulk.keys, "{id}\t{}\t\\\\x{wrapped_bytes}", wrapped.key_id)?;
    let mut tip = GENESIS;
    let (mut session, mut events) = (None, Vec::new());
    for _ in 0..count {
        events.push(next(id, &key, &mut session, events.is_empty(), at)?);
    }
    if let Some(AccountEvent::AccountOpened { password, .. }) = events.first() {
        let secret = key.seal_secret(id, *password, SecretKind::PasswordHash, b"none", random)?;
        let (wrapped, sealed) = (&secret.wrapped_key, &secret.sealed);
        let (wrapped, sealed) = (HEXLOWER.encode(wrapped), HEXLOWER.encode(sealed));
        writeln!(
            bulk.secrets,
            "{id}\t{password}\tpassword\t\\\\x{wrapped}\t\\\\x{sealed}"
        )?;
    }
    for (sequence, event) in (1..).zip(&events) {
        at += TimeDelta::seconds(10);
        let metadata = serde_json::to_string(&metadata(id, &key, at)?)?;
        let payload = serde_json::to_string(event)?;
        let recorded_at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let stream = id.to_string();
        tip = Preimage {
            aggregate_type: "account",
            aggregate_id: &stream,
            sequence,
            event_type: event.name(),
            event_version: "1",
            recorded_at: &recorded_at,
            payload: &payload,
            metadata: &metadata,
        }
        .hash(&tip);
        let key_id = keyring.current();
        let mac = keyring.mac(Purpose::EventMac, key_id, &[&key_id.0.to_be_bytes(), &tip])?;
        writeln!(
            bulk.events,
            "{stream}\taccount\t{sequence}\t{}\t1\t{payload}\t{metadata}\t{recorded_at}\t\\\\x{}\t\\\\x{}\t{key_id}",
            event.name(),
            HEXLOWER.encode(&tip),
            HEXLOWER.encode(&mac),
        )?;
    }
    Ok(AccountId::from_uuid(id))
}

/// Opened, then signed in and out in turns.
fn next(
    id: Uuid,
    key: &DataKey,
    session: &mut Option<SessionId>,
    first: bool,
    at: DateTime<Utc>,
) -> Outcome<AccountEvent> {
    let random: &dyn Random = &SystemRandom;
    if first {
        let address = format!("{id}@example.com");
        return Ok(AccountEvent::AccountOpened {
            at,
            email: key.conceal(id, Field::Email, &address, random)?,
            password: CredentialId::from_uuid(random.id(at)?),
            by: Opening::Operator,
        });
    }
    if let Some(session) = session.take() {
        return Ok(AccountEvent::SignedOut { session });
    }
    let begun = SessionId::from_uuid(random.id(at)?);
    *session = Some(begun);
    Ok(AccountEvent::SignedIn {
        at,
        session: begun,
        expires_at: at + TimeDelta::days(14),
        factors: vec![Factor::Password],
        device: DeviceId::from_uuid(random.id(at)?),
        known_device: true,
        challenge: None,
        step: None,
    })
}

pub(crate) fn metadata(id: Uuid, key: &DataKey, at: DateTime<Utc>) -> Outcome<Metadata> {
    let random: &dyn Random = &SystemRandom;
    let conceal = |field, value: &str| key.conceal(id, field, value, random);
    Ok(Metadata {
        command: random.id(at)?,
        actor: Actor::Owner {
            id: AccountId::from_uuid(id),
        },
        request: Some(Origin {
            id: conceal(Field::RequestId, &random.id(at)?.to_string())?,
            ip: Some(conceal(Field::Ip, "203.0.113.7")?),
            user_agent: Some(conceal(Field::UserAgent, AGENT)?),
        }),
    })
}
