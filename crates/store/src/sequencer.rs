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
use std::time::Duration;

use credentials::Keyring;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, FromRow, PgConnection, PgPool};
use tokio::sync::Notify;

use crate::{Error, StoredEvent};

/// "countersign", as the key of an advisory lock in its database.
const LOCK: i64 = 0x636f_756e_7465_7273;
const BATCH: i64 = 1000;
/// How long an append by another process may wait to be noticed.
const POLL: Duration = Duration::from_millis(50);
/// How often a standby asks whether the lead is free.
const STANDBY: Duration = Duration::from_millis(500);

/// Gives positions for as long as it runs, or waits for its turn to.
pub struct Sequencer {
    options: Arc<PgConnectOptions>,
    keyring: Arc<Keyring>,
    appended: Arc<Notify>,
    sequenced: Arc<Notify>,
}

impl std::fmt::Debug for Sequencer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sequencer").finish_non_exhaustive()
    }
}

/// An event that waits for its position.
#[derive(FromRow)]
struct Waiting {
    id: i64,
    /// The hash of the event before it.
    previous: Option<Vec<u8>>,
    #[sqlx(flatten)]
    event: StoredEvent,
}

const TAKE: &str = "
    SELECT u.id, e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, e.event_version,
        e.recorded_at, e.payload::text AS payload, e.metadata::text AS metadata,
        e.hash, e.mac, e.key_id, NULL::bigint AS position, p.hash AS previous
    FROM unsequenced u
    JOIN events e USING (aggregate_id, aggregate_type, sequence)
    LEFT JOIN events p ON p.aggregate_id = e.aggregate_id
        AND p.aggregate_type = e.aggregate_type AND p.sequence = e.sequence - 1
    ORDER BY u.id LIMIT $1";

const GIVE: &str = "
    WITH fenced AS (
        UPDATE log_head SET next = next + cardinality($2::bigint[]) WHERE next = $1 RETURNING 1
    ),
    taken AS (
        DELETE FROM unsequenced WHERE id = ANY ($2) AND EXISTS (SELECT FROM fenced)
    )
    INSERT INTO log (position, aggregate_id, aggregate_type, sequence, hash)
    SELECT $1 + ordinal - 1, id, type, sequence, hash
    FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bytea[])
        WITH ORDINALITY AS new (id, type, sequence, hash, ordinal)
    WHERE EXISTS (SELECT FROM fenced)
    ORDER BY ordinal";

impl Sequencer {
    /// `pool` is connected as [`crate::Role::Sequencer`]; its options are used for a connection of
    /// the sequencer's own, since the lead is the connection's.
    pub fn new(
        pool: &PgPool,
        keyring: Arc<Keyring>,
        appended: Arc<Notify>,
        sequenced: Arc<Notify>,
    ) -> Self {
        Self {
            options: pool.connect_options(),
            keyring,
            appended,
            sequenced,
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

    async fn serve_once(&self) -> Result<(), Error> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        while !try_lead(&mut connection).await? {
            tokio::time::sleep(STANDBY).await;
        }
        loop {
            if self.step(&mut connection).await? == 0 {
                let _ = tokio::time::timeout(POLL, self.appended.notified()).await;
            } else {
                self.sequenced.notify_one();
            }
        }
    }

    /// Gives positions to one batch; returns how many.
    async fn step(&self, connection: &mut PgConnection) -> Result<usize, Error> {
        let waiting = sqlx::query_as::<_, Waiting>(TAKE)
            .bind(BATCH)
            .fetch_all(&mut *connection)
            .await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        for event in &waiting {
            // From the stored bytes: nothing forged in between is given a place in the log.
            event
                .event
                .verify_after(&self.keyring, event.previous.clone())?;
        }
        let next = sqlx::query_scalar::<_, i64>("SELECT next FROM log_head")
            .fetch_one(&mut *connection)
            .await?;
        let given = sqlx::query(GIVE)
            .bind(next)
            .bind(waiting.iter().map(|event| event.id).collect::<Vec<_>>())
            .bind(
                waiting
                    .iter()
                    .map(|event| event.event.aggregate_id.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(
                waiting
                    .iter()
                    .map(|event| event.event.aggregate_type.as_str())
                    .collect::<Vec<_>>(),
            )
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
        Ok(waiting.len())
    }
}

async fn try_lead(connection: &mut PgConnection) -> Result<bool, Error> {
    let leads = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(LOCK)
        .fetch_one(connection)
        .await?;
    Ok(leads)
}
