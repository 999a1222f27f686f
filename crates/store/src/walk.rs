//! The streams in the order of their ids, each replayed whole: read page by page in the order of
//! the events' key, every hash and MAC verified on the way, one stream in memory at a time.
//!
//! Each page is a query of its own rather than a part of a long one: none holds back vacuum, and
//! none runs into a time limit. A page is newer than the one before; a stream goes on in it where
//! it stood.

use account::Account;
use account::log::Log;
use account::staff::Staff;
use cqrs_es::Aggregate;
use cqrs_es::persist::SerializedEvent;
use proofs::event::{GENESIS, stream_name};
use uuid::Uuid;

use crate::replay::{Expected, Outcome, Replay, STAFF};
use crate::stream::Loaded;
use crate::{ACCOUNT, Corruption, Error, Store, StoredEvent};

const LOG: &str = <Log as Aggregate>::TYPE;

/// How many streams are held against their rows, or written, at a time.
const BATCH: usize = 500;

macro_rules! page {
    ($among:literal) => {
        concat!(
            "SELECT e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, e.event_version,
                e.recorded_at, e.payload::text AS payload, e.metadata::text AS metadata,
                e.hash, e.mac, e.key_id, NULL::bigint AS position
            FROM events e ",
            $among,
            " WHERE (e.aggregate_id, e.aggregate_type, e.sequence) > ($1, $2, $3)
            ORDER BY e.aggregate_id, e.aggregate_type, e.sequence LIMIT 2000"
        )
    };
}

const ALL: &str = page!("");
const CHOSEN: &str = page!(
    "JOIN unnest($4::text[], $5::text[]) AS chosen (aggregate_type, aggregate_id)
        USING (aggregate_type, aggregate_id)"
);

/// The key of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stream {
    pub(crate) aggregate_type: String,
    pub(crate) aggregate_id: String,
}

impl Stream {
    pub(crate) fn name(&self) -> String {
        stream_name(&self.aggregate_type, &self.aggregate_id)
    }

    /// None: nothing of ours.
    pub(crate) fn id(&self) -> Option<Uuid> {
        self.aggregate_id.parse().ok()
    }
}

/// Types and ids of streams, as the parameters of a query.
pub(crate) fn columns<'a>(
    streams: impl IntoIterator<Item = &'a Stream>,
) -> (Vec<String>, Vec<String>) {
    let pair = |stream: &Stream| (stream.aggregate_type.clone(), stream.aggregate_id.clone());
    streams.into_iter().map(pair).unzip()
}

/// A stream, and what its events tell.
pub(crate) struct Replayed {
    pub(crate) stream: Stream,
    pub(crate) events: u64,
    /// Or the first thing that is wrong with it.
    pub(crate) told: Result<Told, Corruption>,
}

pub(crate) enum Told {
    Account(Box<Expected>),
    /// Of which nothing but the state is left.
    Erased(Box<Loaded<Account>>),
    Staff(Box<Loaded<Staff>>),
    Log(Box<Loaded<Log>>),
    /// Rows of none: nothing has happened.
    Nothing,
}

/// Reads streams one after the other.
pub(crate) struct Walk<'s> {
    store: &'s Store,
    chosen: Option<(Vec<String>, Vec<String>)>,
    after: (String, String, i64),
    page: std::vec::IntoIter<StoredEvent>,
    /// What is appended from then on is of streams that may have been told.
    ended: bool,
    folding: Option<Folding>,
}

impl<'s> Walk<'s> {
    pub(crate) fn all(store: &'s Store) -> Self {
        Self {
            store,
            chosen: None,
            after: Default::default(),
            page: Vec::new().into_iter(),
            ended: false,
            folding: None,
        }
    }

    pub(crate) fn among<'a>(
        store: &'s Store,
        streams: impl IntoIterator<Item = &'a Stream>,
    ) -> Self {
        Self {
            chosen: Some(columns(streams)),
            ..Self::all(store)
        }
    }

    /// The next streams; none at the end.
    pub(crate) async fn batch(&mut self) -> Result<Vec<Replayed>, Error> {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            match self.next().await? {
                Some(replayed) => batch.push(replayed),
                None => break,
            }
        }
        Ok(batch)
    }

    async fn next(&mut self) -> Result<Option<Replayed>, Error> {
        loop {
            let Some(row) = self.event().await? else {
                return self.folding.take().map(Folding::finish).transpose();
            };
            match &mut self.folding {
                Some(folding) if folding.holds(&row) => folding.go_on(self.store, &row)?,
                folding => {
                    let mut next = Folding::begin(&row);
                    next.go_on(self.store, &row)?;
                    if let Some(done) = folding.replace(next) {
                        return done.finish().map(Some);
                    }
                }
            }
        }
    }

    async fn event(&mut self) -> Result<Option<StoredEvent>, Error> {
        if let Some(row) = self.page.next() {
            return Ok(Some(row));
        }
        if self.ended {
            return Ok(None);
        }
        let (id, aggregate_type, sequence) = &self.after;
        let (statement, chosen) = match &self.chosen {
            None => (ALL, None),
            Some(chosen) => (CHOSEN, Some(chosen)),
        };
        let mut query = sqlx::query_as::<_, StoredEvent>(statement)
            .bind(id)
            .bind(aggregate_type)
            .bind(sequence);
        if let Some((types, ids)) = chosen {
            query = query.bind(types).bind(ids);
        }
        let page = query.fetch_all(&self.store.pool).await?;
        if let Some(last) = page.last() {
            let (id, of) = (last.aggregate_id.clone(), last.aggregate_type.clone());
            self.after = (id, of, last.sequence);
        }
        self.ended = page.is_empty();
        self.page = page.into_iter();
        Ok(self.page.next())
    }
}

/// A stream on its way.
struct Folding {
    stream: Stream,
    events: u64,
    version: u64,
    tip: [u8; 32],
    told: Result<Fold, Corruption>,
}

enum Fold {
    Account(Box<Replay>),
    Staff(Box<Loaded<Staff>>),
    Log(Box<Loaded<Log>>),
    /// Of a type that no read model has.
    Other,
}

impl Folding {
    fn begin(first: &StoredEvent) -> Self {
        let stream = Stream {
            aggregate_type: first.aggregate_type.clone(),
            aggregate_id: first.aggregate_id.clone(),
        };
        let fold = match (stream.aggregate_type.as_str(), stream.id()) {
            (ACCOUNT, Some(id)) => Fold::Account(Box::new(Replay::unborn(id))),
            (STAFF, Some(id)) => Fold::Staff(Box::new(Loaded::unborn(id))),
            (LOG, Some(id)) => Fold::Log(Box::new(Loaded::unborn(id))),
            _ => Fold::Other,
        };
        Self {
            stream,
            events: 0,
            version: 0,
            tip: GENESIS,
            told: Ok(fold),
        }
    }

    fn holds(&self, row: &StoredEvent) -> bool {
        self.stream.aggregate_id == row.aggregate_id
            && self.stream.aggregate_type == row.aggregate_type
    }

    /// What follows on a damaged event is counted, and told no further.
    fn go_on(&mut self, store: &Store, row: &StoredEvent) -> Result<(), Error> {
        self.events += 1;
        match self.fold(store, row) {
            Err(Error::Corrupt(what)) => self.told = Err(what),
            other => other?,
        }
        Ok(())
    }

    fn fold(&mut self, store: &Store, row: &StoredEvent) -> Result<(), Error> {
        let Ok(fold) = &mut self.told else {
            return Ok(());
        };
        if matches!(fold, Fold::Other) {
            return Ok(());
        }
        self.version += 1;
        if row.sequence.cast_unsigned() != self.version {
            return Err(Corruption::Gap {
                stream: self.stream.name(),
                expected: self.version,
            }
            .into());
        }
        self.tip = row.verify(&store.keyring, &self.tip)?;
        match fold {
            Fold::Account(replay) => replay.advance(row, store.read_event::<Account>(row)?),
            Fold::Staff(loaded) => loaded.advance(row, store.read_event::<Staff>(row)?),
            Fold::Log(loaded) => loaded.advance(row, store.read_event::<Log>(row)?),
            Fold::Other => Ok(()),
        }
    }

    fn finish(self) -> Result<Replayed, Error> {
        let told = match self.told {
            Ok(Fold::Account(replay)) => Ok(match replay.finish()? {
                Outcome::Nothing => Told::Nothing,
                Outcome::Open(expected) => Told::Account(expected),
                Outcome::Erased(loaded) => Told::Erased(loaded),
            }),
            Ok(Fold::Staff(loaded)) => Ok(Told::Staff(loaded)),
            Ok(Fold::Log(loaded)) => Ok(Told::Log(loaded)),
            Ok(Fold::Other) => Ok(Told::Nothing),
            Err(what) => Err(what),
        };
        Ok(Replayed {
            stream: self.stream,
            events: self.events,
            told,
        })
    }
}

impl Store {
    fn read_event<A: Aggregate>(&self, row: &StoredEvent) -> Result<A::Event, Error> {
        let read = |text: &str| {
            serde_json::from_str(text).map_err(|_| row.corrupt("it cannot be read as JSON"))
        };
        self.typed::<A>(SerializedEvent {
            aggregate_id: row.aggregate_id.clone(),
            sequence: usize::try_from(row.sequence).unwrap_or(usize::MAX),
            aggregate_type: row.aggregate_type.clone(),
            event_type: row.event_type.clone(),
            event_version: row.event_version.clone(),
            payload: read(&row.payload)?,
            metadata: serde_json::Value::Null,
        })
    }
}
