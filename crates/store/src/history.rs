//! One account's history, read whole and checked event by event.
//!
//! postgres-es reads the events; beside them the stored text is read, from which each hash is
//! computed anew and compared. An event without its MAC is refused: a correct hash alone would let
//! whoever writes to the database append to history.

use account::AccountEvent;
use cqrs_es::persist::{
    PersistedEventRepository, PersistenceError, SemanticVersion, SerializedEvent,
};
use cqrs_es::{Aggregate, DomainEvent};
use futures::TryStreamExt;
use postgres_es::PostgresEventRepository;
use proofs::event::{GENESIS, Preimage, stream_name};
use sqlx::FromRow;
use uuid::Uuid;

use crate::error::key_id;
use crate::event_row::mac_fits;
use crate::stream::Loaded;
use crate::{Corruption, Error, Store};

/// An event as stored, its hash recomputed and its MAC verified.
#[derive(Clone, Debug, FromRow)]
pub struct StoredEvent {
    pub aggregate_type: String,
    pub aggregate_id: String,
    pub sequence: i64,
    pub event_type: String,
    pub event_version: String,
    /// RFC 3339, UTC, microseconds.
    pub recorded_at: String,
    /// The very text that was hashed.
    pub payload: String,
    pub metadata: String,
    pub hash: Vec<u8>,
    pub(crate) mac: Vec<u8>,
    pub(crate) key_id: i32,
    /// In the global log; none until the sequencer has given it.
    pub position: Option<i64>,
}

impl StoredEvent {
    /// Checks that the event is the one after `previous`, and was appended by this service.
    pub(crate) fn verify(
        &self,
        keyring: &credentials::Keyring,
        previous: &[u8; 32],
    ) -> Result<[u8; 32], Error> {
        let hash = Preimage {
            aggregate_type: &self.aggregate_type,
            aggregate_id: &self.aggregate_id,
            sequence: self.sequence.cast_unsigned(),
            event_type: &self.event_type,
            event_version: &self.event_version,
            recorded_at: &self.recorded_at,
            payload: &self.payload,
            metadata: &self.metadata,
        }
        .hash(previous);
        if hash.as_slice() != self.hash {
            return Err(self.corrupt("its hash does not fit"));
        }
        if !mac_fits(keyring, key_id(self.key_id)?, &self.hash, &self.mac) {
            return Err(self.corrupt("its MAC does not fit"));
        }
        Ok(hash)
    }

    /// As [`Self::verify`], with the stored hash of the event before; none before the first.
    pub(crate) fn verify_after(
        &self,
        keyring: &credentials::Keyring,
        previous: Option<Vec<u8>>,
    ) -> Result<[u8; 32], Error> {
        let previous = match (self.sequence, previous) {
            (1, None) => GENESIS,
            (_, Some(hash)) => hash
                .try_into()
                .map_err(|_| self.corrupt("the hash before is too short"))?,
            (_, None) => return Err(self.corrupt("the event before is missing")),
        };
        self.verify(keyring, &previous)
    }

    pub(crate) fn corrupt(&self, what: &str) -> Error {
        Corruption::Event {
            stream: stream_name(&self.aggregate_type, &self.aggregate_id),
            sequence: self.sequence.cast_unsigned(),
            what: what.to_owned(),
        }
        .into()
    }
}

impl<A: Aggregate> Loaded<A> {
    /// Goes on to the next event of the stream.
    pub(crate) fn advance(&mut self, row: &StoredEvent, event: A::Event) -> Result<(), Error> {
        self.state.apply(event);
        self.version = row.sequence.cast_unsigned();
        self.recorded_at = row.recorded_at.parse().ok();
        self.tip = row
            .hash
            .as_slice()
            .try_into()
            .map_err(|_| row.corrupt("its hash is too short"))?;
        Ok(())
    }
}

const SELECT_STREAM: &str = "
    SELECT e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, e.event_version,
        e.recorded_at, e.payload::text AS payload, e.metadata::text AS metadata,
        e.hash, e.mac, e.key_id, l.position
    FROM events e LEFT JOIN log l USING (aggregate_id, aggregate_type, sequence)
    WHERE e.aggregate_id = $1 AND e.aggregate_type = $2 AND e.sequence <= $3
    ORDER BY e.sequence";

impl Store {
    /// The whole verified history of an account, each event brought to its present version.
    pub async fn history(&self, id: Uuid) -> Result<Vec<(StoredEvent, AccountEvent)>, Error> {
        self.verified_history::<account::Account>(id).await
    }

    pub(crate) async fn verified_history<A: Aggregate>(
        &self,
        id: Uuid,
    ) -> Result<Vec<(StoredEvent, A::Event)>, Error> {
        let aggregate_id = id.to_string();
        let read = PostgresEventRepository::new(self.pool.clone())
            .get_events::<A>(&aggregate_id)
            .await
            .map_err(from_postgres_es)?;
        let last = i64::try_from(read.len()).unwrap_or(i64::MAX);
        let mut stored = sqlx::query_as::<_, StoredEvent>(SELECT_STREAM)
            .bind(&aggregate_id)
            .bind(A::TYPE)
            .bind(last)
            .fetch(&self.pool);
        let (mut tip, mut history) = (GENESIS, Vec::with_capacity(read.len()));
        for (expected, event) in (1..).zip(read) {
            let gap = || Corruption::Gap {
                stream: stream_name(A::TYPE, &aggregate_id),
                expected,
            };
            let row = stored.try_next().await?.ok_or_else(gap)?;
            if row.sequence.cast_unsigned() != expected || event.sequence as u64 != expected {
                return Err(gap().into());
            }
            tip = row.verify(&self.keyring, &tip)?;
            if serde_json::from_str::<serde_json::Value>(&row.payload).ok()
                != Some(event.payload.clone())
            {
                return Err(row.corrupt("it was read differently twice"));
            }
            let payload = self.typed::<A>(event)?;
            history.push((row, payload));
        }
        Ok(history)
    }

    /// Brings a stored event to its present version. One that this server does not know stops it:
    /// it was written by a newer one.
    pub(crate) fn typed<A: Aggregate>(&self, event: SerializedEvent) -> Result<A::Event, Error> {
        let event = self.upcasters.iter().fold(event, |event, upcaster| {
            if upcaster.can_upcast(&event.event_type, &event.event_version) {
                upcaster.upcast(event)
            } else {
                event
            }
        });
        let unknown = || Corruption::UnknownEvent {
            stream: stream_name(&event.aggregate_type, &event.aggregate_id),
            sequence: event.sequence as u64,
            event_type: event.event_type.clone(),
            version: event.event_version.clone(),
        };
        let typed: A::Event =
            serde_json::from_value(event.payload.clone()).map_err(|_| unknown())?;
        let present = typed.event_version().parse::<SemanticVersion>().ok();
        let stored = event.event_version.parse::<SemanticVersion>().ok();
        if typed.event_type() != event.event_type || present.is_none() || present != stored {
            return Err(unknown().into());
        }
        Ok(typed)
    }

    /// Folds a stream from its events, and writes its state row anew: the one that was there is
    /// missing, of another shape, old, or not ours.
    pub(crate) async fn fold<A: Aggregate + Clone>(&self, id: Uuid) -> Result<Loaded<A>, Error> {
        let replaced = self.state_mac(A::TYPE, id).await?;
        let mut folded = Loaded::<A>::unborn(id);
        for (row, event) in self.verified_history::<A>(id).await? {
            folded.advance(&row, event)?;
        }
        if folded.version > 0 {
            self.write_state(&folded, replaced).await?;
        }
        Ok(folded)
    }
}

fn from_postgres_es(error: PersistenceError) -> Error {
    match error {
        PersistenceError::ConnectionError(cause) | PersistenceError::UnknownError(cause) => {
            match cause.downcast::<sqlx::Error>() {
                Ok(cause) => Error::from_sqlx(*cause),
                Err(_) => Error::Unavailable(sqlx::Error::WorkerCrashed),
            }
        }
        PersistenceError::OptimisticLockError => Error::Conflict,
        PersistenceError::DeserializationError(_) => Error::Corrupt(Corruption::Row {
            table: "events",
            row: "a payload that is no JSON".to_owned(),
        }),
    }
}
