//! What auditors and support read: one stream's events, and all events in their one order.

use account::AccountId;
use credentials::{DataKey, WrappedKey};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use crate::error::key_id;
use crate::history::StoredEvent;
use crate::{ACCOUNT, Corruption, Error, Store};

/// An event of the global log, with the key that opens its personal fields; no key: they were
/// erased.
#[derive(Debug)]
pub struct LoggedEvent {
    pub event: StoredEvent,
    pub data_key: Option<DataKey>,
}

/// A reading position in the global log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feed {
    /// The next position to read.
    pub next: i64,
}

/// An event as stored, with the hash of the one before it, which its own continues.
macro_rules! select_events {
    ($from:literal) => {
        concat!(
            "SELECT e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, e.event_version,
                e.recorded_at, e.payload::text AS payload, e.metadata::text AS metadata,
                e.hash, e.mac, e.key_id, l.position, p.hash AS previous,
                k.key_id AS data_key_id, k.wrapped
            FROM ",
            $from,
            " LEFT JOIN events p ON p.aggregate_id = e.aggregate_id
                AND p.aggregate_type = e.aggregate_type AND p.sequence = e.sequence - 1
            LEFT JOIN data_keys k ON k.owner_id = e.aggregate_id::uuid "
        )
    };
}

const OF_ACCOUNT: &str = concat!(
    select_events!("events e LEFT JOIN log l USING (aggregate_id, aggregate_type, sequence)"),
    "WHERE e.aggregate_id = $1 AND e.aggregate_type = $2 AND e.sequence > $3
    ORDER BY e.sequence LIMIT $4"
);
const LAST_OF_ACCOUNT: &str = concat!(
    select_events!("events e LEFT JOIN log l USING (aggregate_id, aggregate_type, sequence)"),
    "WHERE e.aggregate_id = $1 AND e.aggregate_type = $2
    ORDER BY e.sequence DESC LIMIT $3"
);
/// Positions are dense, so that a page is a range of them: of a limit that is a parameter the
/// planner would think a tenth of the table, and read all of it.
const FEED: &str = concat!(
    select_events!("log l LEFT JOIN events e USING (aggregate_id, aggregate_type, sequence)"),
    "WHERE l.position >= $1 AND l.position < $2 ORDER BY l.position"
);

impl Store {
    /// Up to `limit` events of an account after the sequence `after`, in order. Nobody is shown an
    /// event as this service's that it did not write.
    pub async fn events_of(
        &self,
        account: AccountId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, Error> {
        let rows = self.rows_of(account, after, limit).await?;
        rows.iter().map(|row| self.verified(row)).collect()
    }

    async fn rows_of(
        &self,
        account: AccountId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<PgRow>, Error> {
        let rows = sqlx::query(OF_ACCOUNT)
            .bind(account.to_string())
            .bind(ACCOUNT)
            .bind(after)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows)
    }

    /// The last `limit` events of an account, the newest first.
    pub async fn last_events_of(
        &self,
        account: AccountId,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, Error> {
        let rows = sqlx::query(LAST_OF_ACCOUNT)
            .bind(account.to_string())
            .bind(ACCOUNT)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| self.verified(row)).collect()
    }

    /// Up to `limit` events from `feed` on, in order, each checked to be at the position after
    /// the one before: a hole would be a fault of ours, and stops the reader.
    pub async fn read_feed(&self, feed: Feed, limit: i64) -> Result<Vec<LoggedEvent>, Error> {
        let rows = sqlx::query(FEED)
            .bind(feed.next)
            .bind(feed.next.saturating_add(limit))
            .fetch_all(&self.pool)
            .await?;
        let mut events = Vec::with_capacity(rows.len());
        for (row, expected) in rows.iter().zip(feed.next..) {
            let logged = self.logged(row)?;
            if logged.event.position != Some(expected) {
                return Err(logged.event.corrupt("the log has a hole before it"));
            }
            events.push(logged);
        }
        if events.is_empty() {
            self.check_end(feed.next).await?;
        }
        Ok(events)
    }

    /// An empty page must be the end of the log, and no hole as large as the page. What has come in
    /// the meantime stands at `next` itself.
    async fn check_end(&self, next: i64) -> Result<(), Error> {
        let following = sqlx::query_scalar::<_, Option<i64>>(
            "SELECT min(position) FROM log WHERE position >= $1",
        )
        .bind(next)
        .fetch_one(&self.pool)
        .await?;
        if following.is_some_and(|following| following > next) {
            return Err(Corruption::Log(format!("it has a hole at position {next}")).into());
        }
        Ok(())
    }

    fn logged(&self, row: &PgRow) -> Result<LoggedEvent, Error> {
        let event = self.verified(row)?;
        let data_key = self.data_key_in(row, &event)?;
        Ok(LoggedEvent { event, data_key })
    }

    /// As [`Self::events_of`], with the key that opens their personal fields.
    pub async fn logged_events_of(
        &self,
        account: AccountId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<LoggedEvent>, Error> {
        let rows = self.rows_of(account, after, limit).await?;
        rows.iter().map(|row| self.logged(row)).collect()
    }

    /// How many positions have been given, and so the next one.
    pub async fn log_length(&self) -> Result<i64, Error> {
        Ok(sqlx::query_scalar("SELECT next FROM log_head")
            .fetch_one(&self.pool)
            .await?)
    }

    fn verified(&self, row: &PgRow) -> Result<StoredEvent, Error> {
        let event = StoredEvent::from_row(row)?;
        event.verify_after(&self.keyring, row.try_get("previous")?)?;
        Ok(event)
    }

    fn data_key_in(&self, row: &PgRow, event: &StoredEvent) -> Result<Option<DataKey>, Error> {
        let Some(bytes) = row.try_get::<Option<Vec<u8>>, _>("wrapped")? else {
            return Ok(None);
        };
        let owner: Uuid = event.aggregate_id.parse().unwrap_or_default();
        let key_id = key_id(row.try_get("data_key_id")?)?;
        let wrapped = WrappedKey { key_id, bytes };
        Ok(Some(DataKey::unwrap(&self.keyring, owner, &wrapped)?))
    }
}
