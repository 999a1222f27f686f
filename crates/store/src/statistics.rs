//! Figures for the operator.

use chrono::{DateTime, Utc};
use sqlx::Row;

use crate::columns::time_if_any;
use crate::{Error, Store};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// Events that have no position yet.
    pub unsequenced: i64,
    /// When the oldest of them was recorded.
    pub unsequenced_since: Option<DateTime<Utc>>,
    /// The next position of the log.
    pub log_size: i64,
    pub outbox_depth: i64,
    pub outbox_since: Option<DateTime<Utc>>,
    pub jobs: i64,
    pub pool_size: u32,
    pub pool_idle: u32,
}

impl Store {
    pub async fn statistics(&self) -> Result<Statistics, Error> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM unsequenced) AS unsequenced,
                (SELECT e.recorded_at FROM unsequenced u
                    JOIN events e USING (aggregate_id, aggregate_type, sequence)
                    ORDER BY u.id LIMIT 1) AS unsequenced_since,
                (SELECT next FROM log_head) AS log_size,
                (SELECT count(*) FROM outbox) AS outbox_depth,
                (SELECT min(created_at) FROM outbox) AS outbox_since,
                (SELECT count(*) FROM jobs) AS jobs",
        )
        .fetch_one(&self.pool)
        .await?;
        let since: Option<&str> = row.try_get("unsequenced_since")?;
        Ok(Statistics {
            unsequenced: row.try_get("unsequenced")?,
            unsequenced_since: since.and_then(|text| text.parse().ok()),
            log_size: row.try_get("log_size")?,
            outbox_depth: row.try_get("outbox_depth")?,
            outbox_since: time_if_any(&row, "outbox_since")?,
            jobs: row.try_get("jobs")?,
            pool_size: self.pool.size(),
            pool_idle: u32::try_from(self.pool.num_idle() + self.ready.idle()).unwrap_or(u32::MAX),
        })
    }

    /// The database's clock.
    pub async fn database_time(&self) -> Result<DateTime<Utc>, Error> {
        Ok(sqlx::query_scalar("SELECT clock_timestamp()")
            .fetch_one(&self.pool)
            .await?)
    }
}
