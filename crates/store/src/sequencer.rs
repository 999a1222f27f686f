//! The one order of all events.
//!
//! Appends take no global lock: they leave a row in the work list. One sequencer (whoever holds
//! the advisory lock; standby elsewhere) takes what is committed, in order of insertion, and gives
//! it the next positions. Positions are dense, never change and never skip.
//!
//! Why no event of an account can overtake an earlier one: a row is taken once it is visible, and
//! event n+1 is written after n was visible, so a snapshot that has n+1 has n; within a batch the
//! order of insertion keeps n before n+1. The lock comes first and the fence second: a row lock on
//! the head without the advisory lock would deadlock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use credentials::Keyring;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, FromRow, PgConnection, PgPool};
use tokio::sync::Notify;

use crate::log::{Growth, LogHead, grow};
use crate::{Error, Store, StoredEvent};

/// "countersign", as the key of an advisory lock in its database.
const LOCK: i64 = 0x636f_756e_7465_7273;
/// Beside it: held together by all servers, whether they lead or wait to.
const SERVERS: i64 = LOCK + 1;
/// How long an append by another process may wait to be noticed.
const POLL: Duration = Duration::from_millis(50);
/// Events at most, as the statements below have it.
const BATCH: usize = 1000;
/// A batch costs nearly the same whatever its size. After one the sequencer leaves this many times as
/// long to others, so that the next one is larger where appends come fast.
const BREATHER: u32 = 9;
/// At most: longer no append waits for its batch to begin.
const LONGEST_BREATHER: Duration = Duration::from_millis(50);
/// How often, at least, it is asked whether events are gone.
const REPORT: Duration = Duration::from_secs(1);
/// How often a standby asks whether the lead is free.
const STANDBY: Duration = Duration::from_millis(500);

/// Gives positions for as long as it runs, or waits for its turn to.
pub struct Sequencer {
    options: Arc<PgConnectOptions>,
    keyring: Arc<Keyring>,
    log_keyring: Arc<Keyring>,
    appended: Arc<Notify>,
    sequenced: Arc<Notify>,
}

impl std::fmt::Debug for Sequencer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sequencer").finish_non_exhaustive()
    }
}

/// The lead of a command that needs that nobody else changes anything, for as long as it is held.
#[derive(Debug)]
pub struct Lead<'s> {
    sequencer: &'s Sequencer,
    connection: PgConnection,
}

/// An event that waits for its position or its leaf.
#[derive(FromRow)]
struct Waiting {
    /// In the work list; the position, where it waits for its leaf alone.
    id: i64,
    /// The hash of the event before it.
    previous: Option<Vec<u8>>,
    #[sqlx(flatten)]
    event: StoredEvent,
}

/// Events in the order of `batch`, each with the hash of the one before it. The batch is taken
/// before anything is joined to it, and its size is in the text, not a parameter: of that the
/// planner would think a tenth of the table, and read all events for each batch.
macro_rules! select_waiting {
    ($batch:literal) => {
        concat!(
            "WITH batch AS MATERIALIZED (",
            $batch,
            ")
            SELECT b.id, e.aggregate_type, e.aggregate_id, e.sequence, e.event_type,
                e.event_version, e.recorded_at, e.payload::text AS payload,
                e.metadata::text AS metadata, e.hash, e.mac, e.key_id, NULL::bigint AS position,
                p.hash AS previous
            FROM batch b JOIN events e USING (aggregate_id, aggregate_type, sequence)
            LEFT JOIN events p ON p.aggregate_id = e.aggregate_id
                AND p.aggregate_type = e.aggregate_type AND p.sequence = e.sequence - 1
            WHERE b.hash IS NULL OR b.hash = e.hash
            ORDER BY b.id"
        )
    };
}

const TAKE: &str = select_waiting!(
    "SELECT id, aggregate_id, aggregate_type, sequence, NULL::bytea AS hash
    FROM unsequenced ORDER BY id LIMIT 1000"
);

/// Of those that are next on the work list, how many events are gone; one snapshot sees both tables.
const GONE: &str = "
    SELECT count(*)
    FROM (
        SELECT aggregate_id, aggregate_type, sequence FROM unsequenced ORDER BY id LIMIT 1000
    ) u
    WHERE NOT EXISTS (
        SELECT FROM events e WHERE e.aggregate_id = u.aggregate_id
            AND e.aggregate_type = u.aggregate_type AND e.sequence = u.sequence
    )";

/// Events that a version without a tree gave positions to.
const TAKE_PLACED: &str = select_waiting!(
    "SELECT position AS id, aggregate_id, aggregate_type, sequence, hash
    FROM log WHERE position >= $1 ORDER BY position LIMIT 1000"
);

const GIVE: &str = grow!(
    ",
    taken AS (
        DELETE FROM unsequenced WHERE id = ANY ($7::bigint[]) AND EXISTS (SELECT FROM fenced)
    )
    INSERT INTO log (position, aggregate_id, aggregate_type, sequence, hash, event_id)
    SELECT $1 + ordinal - 1, aggregate_id, aggregate_type, sequence, hash, id
    FROM unnest($7, $8::text[], $9::text[], $10::bigint[], $11::bytea[]) WITH ORDINALITY
        AS new (id, aggregate_id, aggregate_type, sequence, hash, ordinal)
    WHERE EXISTS (SELECT FROM fenced)
    ORDER BY ordinal"
);

impl Sequencer {
    /// For the log of `store`. `pool` is connected as [`crate::Role::Sequencer`]; its options are
    /// used for a connection of the sequencer's own, since the lead is the connection's.
    pub fn new(pool: &PgPool, store: &Store) -> Self {
        Self {
            options: pool.connect_options(),
            keyring: Arc::clone(&store.keyring),
            log_keyring: Arc::clone(&store.log_keyring),
            appended: store.appended(),
            sequenced: store.sequenced(),
        }
    }

    /// Runs until the task is dropped. A lost connection is a lost lead; a damaged event stops the
    /// log where it is, and is reported until somebody has looked.
    pub async fn run(self) {
        loop {
            if let Err(error) = self.serve_once().await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the sequencer stopped"
                );
            }
            tokio::time::sleep(STANDBY).await;
        }
    }

    /// Gives positions to all that waits now, unless somebody else leads; for commands that work
    /// while no server runs. `false`: somebody else leads.
    pub async fn catch_up(&self) -> Result<bool, Error> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        let leads = try_lead(&mut connection).await?;
        if leads {
            self.drain(&mut connection).await?;
        }
        connection.close().await?;
        Ok(leads)
    }

    /// The lead, while no server runs; none while one does, even one that only waits to lead.
    pub async fn lead_alone(&self) -> Result<Option<Lead<'_>>, Error> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        let alone = try_lock("SELECT pg_try_advisory_lock($1)", SERVERS, &mut connection).await?;
        if !(alone && try_lead(&mut connection).await?) {
            connection.close().await?;
            return Ok(None);
        }
        // Nothing that was changed since the last checkpoint is led on.
        Growth::take_over(&self.log_keyring, &mut connection).await?;
        let sequencer = self;
        Ok(Some(Lead {
            sequencer,
            connection,
        }))
    }

    async fn take_over(&self, connection: &mut PgConnection) -> Result<Growth, Error> {
        let mut growth = Growth::take_over(&self.log_keyring, connection).await?;
        while self.place(&mut growth, connection).await? > 0 {}
        Ok(growth)
    }

    async fn drain(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let mut growth = self.take_over(connection).await?;
        while self.step(&mut growth, connection).await? > 0 {}
        Ok(())
    }

    async fn serve_once(&self) -> Result<(), Error> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        let here = "SELECT pg_try_advisory_lock_shared($1)";
        while !try_lock(here, SERVERS, &mut connection).await? {
            tokio::time::sleep(STANDBY).await;
        }
        while !try_lead(&mut connection).await? {
            tokio::time::sleep(STANDBY).await;
        }
        let mut growth = self.take_over(&mut connection).await?;
        let (mut gone, mut asked) = (0, Instant::now());
        loop {
            let began = Instant::now();
            let given = self.step(&mut growth, &mut connection).await?;
            if given > 0 {
                self.sequenced.notify_one();
            }
            if given == 0 || asked.elapsed() > REPORT {
                gone = report_gone(gone, &mut connection).await?;
                asked = Instant::now();
            }
            if given == 0 {
                let _ = tokio::time::timeout(POLL, self.appended.notified()).await;
            } else if given + usize::try_from(gone).unwrap_or_default() < BATCH {
                let breather = BREATHER * began.elapsed();
                tokio::time::sleep(LONGEST_BREATHER.min(breather)).await;
            }
        }
    }

    /// Gives positions to one batch; returns how many.
    async fn step(
        &self,
        growth: &mut Growth,
        connection: &mut PgConnection,
    ) -> Result<usize, Error> {
        let waiting = sqlx::query_as::<_, Waiting>(TAKE)
            .fetch_all(&mut *connection)
            .await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let grown = growth.with(&self.log_keyring, self.verified(&waiting)?)?;
        let column = |of: fn(&Waiting) -> &str| waiting.iter().map(of).collect::<Vec<_>>();
        let given = growth
            .bind(GIVE, &grown)
            .bind(waiting.iter().map(|event| event.id).collect::<Vec<_>>())
            .bind(column(|waiting| &waiting.event.aggregate_id))
            .bind(column(|waiting| &waiting.event.aggregate_type))
            .bind(
                waiting
                    .iter()
                    .map(|event| event.event.sequence)
                    .collect::<Vec<_>>(),
            )
            .bind(
                waiting
                    .iter()
                    .map(|event| event.event.hash.as_slice())
                    .collect::<Vec<_>>(),
            )
            .execute(connection)
            .await?
            .rows_affected();
        if given == 0 {
            return Err(Error::Conflict);
        }
        growth.advance(grown);
        Ok(waiting.len())
    }

    /// Gives leaves to one batch of events that have their positions; returns how many.
    async fn place(
        &self,
        growth: &mut Growth,
        connection: &mut PgConnection,
    ) -> Result<usize, Error> {
        let placed = sqlx::query_as::<_, Waiting>(TAKE_PLACED)
            .bind(growth.size().cast_signed())
            .fetch_all(&mut *connection)
            .await?;
        if placed.is_empty() {
            return growth.check_complete(connection).await.map(|()| 0);
        }
        for (event, position) in placed.iter().zip(growth.size()..) {
            if event.id.cast_unsigned() != position {
                return Err(event.event.corrupt("the log has a hole before it"));
            }
        }
        let grown = growth.with(&self.log_keyring, self.verified(&placed)?)?;
        growth.catch_up(grown, connection).await?;
        Ok(placed.len())
    }

    /// The hashes of these events, each checked from its stored bytes: nothing forged in between is
    /// given a place in the log.
    fn verified<'w>(&self, events: &'w [Waiting]) -> Result<impl Iterator<Item = &'w [u8]>, Error> {
        for waiting in events {
            let previous = waiting.previous.clone();
            waiting.event.verify_after(&self.keyring, previous)?;
        }
        Ok(events.iter().map(|waiting| waiting.event.hash.as_slice()))
    }
}

impl Lead<'_> {
    /// The log as it stands; an error if the lead was lost.
    pub async fn head(&mut self) -> Result<LogHead, Error> {
        LogHead::read(&mut self.connection).await
    }

    /// Lets the log go on in this epoch, from where it is.
    pub async fn open_epoch(&mut self, epoch: u32) -> Result<(), Error> {
        let growth = Growth::take_over(&self.sequencer.log_keyring, &mut self.connection).await?;
        growth.open_epoch(epoch, &mut self.connection).await
    }

    /// Gives positions to all that waits now, and the lead back.
    pub async fn finish(mut self) -> Result<(), Error> {
        self.sequencer.drain(&mut self.connection).await?;
        Ok(self.connection.close().await?)
    }
}

/// Somebody deleted events that wait for their positions: they stand in the way of those behind them.
/// Reports how many, if there are others than there were.
async fn report_gone(before: i64, connection: &mut PgConnection) -> Result<i64, Error> {
    let count = sqlx::query_scalar(GONE);
    let gone = count.fetch_one(&mut *connection).await?;
    if gone > 0 && gone != before {
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM unsequenced");
        let waiting = count.fetch_one(connection).await?;
        tracing::error!(
            gone,
            waiting,
            "events on the work list are gone: they are given no position, nor is what waits behind them"
        );
    }
    Ok(gone)
}

async fn try_lead(connection: &mut PgConnection) -> Result<bool, Error> {
    try_lock("SELECT pg_try_advisory_lock($1)", LOCK, connection).await
}

async fn try_lock(
    statement: &'static str,
    key: i64,
    connection: &mut PgConnection,
) -> Result<bool, Error> {
    let locked = sqlx::query_scalar(statement)
        .bind(key)
        .fetch_one(connection)
        .await?;
    Ok(locked)
}
