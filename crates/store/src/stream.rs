//! One stream: loaded with the tip of its chain, decided upon, and committed as cqrs-es asks.

use account::state::Opened;
use account::{Account, AccountId, Personal, SessionId};
use chrono::{DateTime, SubsecRound, Utc};
use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, AggregateContext};
use credentials::{KeyId, Keyring, Purpose};
use proofs::event::{GENESIS, stream_name};
use serde::Deserialize;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::event_row::timestamp;
use crate::{Error, Store};

/// The shape of the serialised state. A row of another shape is folded anew from the events.
pub(crate) const STATE_SHAPE: i32 = 4;

/// A stream's state as of its last event.
#[derive(Clone, Debug)]
pub struct Loaded<A> {
    pub(crate) id: Uuid,
    pub(crate) state: A,
    pub(crate) version: u64,
    pub(crate) tip: [u8; 32],
    pub(crate) recorded_at: Option<DateTime<Utc>>,
}

/// Events that a decision made, not yet committed.
#[derive(Debug)]
pub struct Decided<A: Aggregate> {
    pub(crate) before: Loaded<A>,
    pub(crate) after: A,
    pub(crate) events: Vec<A::Event>,
    pub(crate) at: DateTime<Utc>,
}

impl<A: Aggregate + Clone> Loaded<A> {
    /// A stream before its first event.
    pub fn unborn(id: Uuid) -> Self {
        Self {
            id,
            state: A::default(),
            version: 0,
            tip: GENESIS,
            recorded_at: None,
        }
    }

    pub const fn id(&self) -> Uuid {
        self.id
    }

    pub const fn state(&self) -> &A {
        &self.state
    }

    /// The sequence of the last event; zero before the first.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The time of the last event; nothing before the first.
    pub const fn recorded_at(&self) -> Option<DateTime<Utc>> {
        self.recorded_at
    }

    /// The time of what is decided now: never before the stream's last event, in microseconds.
    pub fn moment(&self, clock: DateTime<Utc>) -> DateTime<Utc> {
        let clock = clock.trunc_subsecs(6);
        self.recorded_at.map_or(clock, |last| last.max(clock))
    }

    /// Decides `command` as of `at`, which came from [`Self::moment`].
    pub async fn decide(
        self,
        command: A::Command,
        services: &A::Services,
        at: DateTime<Utc>,
    ) -> Result<Decided<A>, A::Error> {
        let sink = EventSink::default();
        let mut after = self.state.clone();
        after.handle(command, services, &sink).await?;
        Ok(Decided {
            before: self,
            after,
            events: sink.collect().await,
            at,
        })
    }
}

impl<A: Aggregate> Decided<A> {
    pub fn events(&self) -> &[A::Event] {
        &self.events
    }

    /// The stream.
    pub const fn id(&self) -> Uuid {
        self.before.id
    }

    /// The sequence of the last event before these.
    pub const fn base(&self) -> u64 {
        self.before.version
    }

    pub const fn before(&self) -> &A {
        &self.before.state
    }
}

impl<A: Aggregate> AggregateContext<A> for Loaded<A> {
    fn aggregate(&mut self) -> &mut A {
        &mut self.state
    }
}

/// The row of a stream's state.
#[derive(Debug)]
pub(crate) struct StateImage {
    pub(crate) version: i64,
    pub(crate) tip: Vec<u8>,
    pub(crate) recorded_at: String,
    pub(crate) state: String,
    pub(crate) mac: Vec<u8>,
    pub(crate) key: KeyId,
}

const SHAPE: &[u8; 4] = &STATE_SHAPE.to_be_bytes();

/// What the MAC of a row of states covers.
pub(crate) fn mac_parts<'a>(
    stream: (&'a str, &'a str),
    version: &'a [u8; 8],
    tip: &'a [u8],
    recorded_at: &'a str,
    (shape, state): (&'a [u8; 4], &'a str),
) -> [&'a [u8]; 7] {
    [
        stream.0.as_bytes(),
        stream.1.as_bytes(),
        version,
        tip,
        recorded_at.as_bytes(),
        shape,
        state.as_bytes(),
    ]
}

impl StateImage {
    pub(crate) fn of<A: Aggregate>(
        keyring: &Keyring,
        id: Uuid,
        version: u64,
        tip: [u8; 32],
        at: DateTime<Utc>,
        state: &A,
    ) -> Result<Self, Error> {
        let state = serde_json::to_string(state).map_err(Error::Serialize)?;
        let (recorded_at, aggregate_id) = (timestamp(at), id.to_string());
        let version_bytes = version.to_be_bytes();
        let parts = mac_parts(
            (A::TYPE, &aggregate_id),
            &version_bytes,
            &tip,
            &recorded_at,
            (SHAPE, &state),
        );
        let key = keyring.current();
        let mac = keyring.mac(Purpose::StateMac, key, &parts)?;
        Ok(Self {
            version: version.cast_signed(),
            tip: tip.to_vec(),
            recorded_at,
            mac: mac.to_vec(),
            key,
            state,
        })
    }
}

/// What a query selects of the states row that it joins as `image`. A row that the history has gone
/// beyond is an old one that somebody put back, whatever its MAC says.
macro_rules! state_columns {
    () => {
        "image.version, image.tip, image.recorded_at, image.shape, image.state,
        image.mac AS state_mac, image.key_id AS state_key_id,
        NOT EXISTS (
            SELECT FROM events e
            WHERE e.aggregate_id = image.aggregate_id AND e.aggregate_type = image.aggregate_type
                AND e.sequence > image.version
        ) AS is_newest"
    };
}
pub(crate) use state_columns;

/// A row's [`state_columns`], as this service wrote them.
struct Authentic<'r> {
    version: u64,
    tip: Vec<u8>,
    recorded_at: &'r str,
    state: &'r str,
}

/// `None`: there is no such row, or it is old or not ours; fold the events instead.
fn authentic<'r, A: Aggregate>(
    keyring: &Keyring,
    id: Uuid,
    row: &'r PgRow,
) -> Result<Option<Authentic<'r>>, Error> {
    let Some(version) = row.try_get::<Option<i64>, _>("version")? else {
        return Ok(None);
    };
    let (tip, mac): (Vec<u8>, &[u8]) = (row.try_get("tip")?, row.try_get("state_mac")?);
    let (recorded_at, state): (&str, &str) = (row.try_get("recorded_at")?, row.try_get("state")?);
    let aggregate_id = id.to_string();
    let version_bytes = version.to_be_bytes();
    let parts = mac_parts(
        (A::TYPE, &aggregate_id),
        &version_bytes,
        &tip,
        recorded_at,
        (SHAPE, state),
    );
    let key = KeyId::try_from(row.try_get::<i32, _>("state_key_id")?);
    let ours = row.try_get::<i32, _>("shape")? == STATE_SHAPE
        && row.try_get("is_newest")?
        && key.is_ok_and(|key| keyring.verify_mac(Purpose::StateMac, key, &parts, mac));
    Ok(ours.then_some(Authentic {
        version: version.cast_unsigned(),
        tip,
        recorded_at,
        state,
    }))
}

/// The stream in a row's [`state_columns`], if they are [`authentic`].
pub(crate) fn loaded_from<A: Aggregate>(
    keyring: &Keyring,
    id: Uuid,
    row: &PgRow,
) -> Result<Option<Loaded<A>>, Error> {
    let Some(row) = authentic::<A>(keyring, id, row)? else {
        return Ok(None);
    };
    let (Ok(tip), Ok(recorded_at), Ok(state)) = (
        row.tip.try_into(),
        row.recorded_at.parse::<DateTime<Utc>>(),
        serde_json::from_str(row.state),
    ) else {
        return Ok(None);
    };
    Ok(Some(Loaded {
        id,
        state,
        version: row.version,
        tip,
        recorded_at: Some(recorded_at),
    }))
}

/// Of an account's state, what each request asks.
#[derive(Deserialize)]
struct Signed {
    opened: Option<SignedIn>,
}

#[derive(Deserialize)]
struct SignedIn {
    at: DateTime<Utc>,
    email: Personal,
    sessions: Vec<Known>,
}

#[derive(Deserialize)]
struct Known {
    id: SessionId,
}

impl From<Opened> for SignedIn {
    fn from(opened: Opened) -> Self {
        let sessions = opened
            .sessions
            .iter()
            .map(|session| Known { id: session.id });
        Self {
            at: opened.at,
            sessions: sessions.collect(),
            email: opened.email,
        }
    }
}

impl Store {
    /// The stream in a row's [`state_columns`], or else folded from its events.
    pub(crate) async fn loaded<A: Aggregate + Clone>(
        &self,
        id: Uuid,
        row: &PgRow,
    ) -> Result<Loaded<A>, Error> {
        if let Some(loaded) = loaded_from(&self.keyring, id, row)? {
            return Ok(loaded);
        }
        let stream = stream_name(A::TYPE, &id.to_string());
        tracing::error!(stream, "the state row is missing, old or not ours: folding");
        self.fold(id).await
    }

    /// The address of the account of a row's [`state_columns`], and when it was opened, if it has
    /// the session. Of a state that can be trusted no more than that is read.
    pub(crate) async fn signed_in(
        &self,
        account: AccountId,
        session: SessionId,
        row: &PgRow,
    ) -> Result<Option<(Personal, DateTime<Utc>)>, Error> {
        let id = account.as_uuid();
        let written = authentic::<Account>(&self.keyring, id, row)?;
        let read = written.and_then(|row| serde_json::from_str::<Signed>(row.state).ok());
        let signed_in = match read {
            Some(state) => state.opened,
            None => self
                .loaded::<Account>(id, row)
                .await?
                .state
                .opened
                .map(SignedIn::from),
        };
        let knows = |known: &SignedIn| known.sessions.iter().any(|known| known.id == session);
        Ok(signed_in.filter(knows).map(|known| (known.email, known.at)))
    }

    pub(crate) async fn state_mac(
        &self,
        aggregate_type: &str,
        id: Uuid,
    ) -> Result<Option<Vec<u8>>, Error> {
        let mac = sqlx::query_scalar(
            "SELECT mac FROM states WHERE aggregate_id = $1 AND aggregate_type = $2",
        )
        .bind(id.to_string())
        .bind(aggregate_type)
        .fetch_optional(&self.pool)
        .await?;
        Ok(mac)
    }

    /// Writes a folded state over the row with the MAC `replaced`; one that was written in the
    /// meantime is newer and stays.
    pub(crate) async fn write_state<A: Aggregate>(
        &self,
        folded: &Loaded<A>,
        replaced: Option<Vec<u8>>,
    ) -> Result<(), Error> {
        let at = folded.recorded_at.unwrap_or(DateTime::UNIX_EPOCH);
        let (id, version) = (folded.id, folded.version);
        let image = StateImage::of(&self.keyring, id, version, folded.tip, at, &folded.state)?;
        sqlx::query(
            "INSERT INTO states AS present (
                aggregate_id, aggregate_type, version, tip, recorded_at, shape, state, mac, key_id
            )
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (aggregate_id, aggregate_type) DO UPDATE SET
                version = excluded.version, tip = excluded.tip,
                recorded_at = excluded.recorded_at, shape = excluded.shape,
                state = excluded.state, mac = excluded.mac, key_id = excluded.key_id
            WHERE present.mac = $10",
        )
        .bind(folded.id.to_string())
        .bind(A::TYPE)
        .bind(image.version)
        .bind(image.tip)
        .bind(image.recorded_at)
        .bind(STATE_SHAPE)
        .bind(image.state)
        .bind(image.mac)
        .bind(crate::columns::key_column(image.key))
        .bind(replaced)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
