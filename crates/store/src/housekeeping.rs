//! Rows that have outlived their use, deleted in small steps.

use chrono::{DateTime, Duration, Utc};

use crate::{Error, Store};

impl Store {
    /// Deletes what expired before `now`; nothing of it is history. Returns how many rows went.
    pub async fn sweep(&self, now: DateTime<Utc>, session_idle: Duration) -> Result<u64, Error> {
        let day_ago = now - Duration::days(1);
        let mut swept = 0;
        swept += sqlx::query("DELETE FROM sessions WHERE expires_at < $1 OR last_seen_at < $2")
            .bind(day_ago)
            .bind(now - session_idle - Duration::days(1))
            .execute(&self.pool)
            .await?
            .rows_affected();
        for statement in [
            "DELETE FROM tokens WHERE expires_at < $1",
            "DELETE FROM registrations WHERE expires_at < $1",
            "DELETE FROM devices WHERE expires_at < $1",
            "DELETE FROM idempotent_answers WHERE created_at < $1",
        ] {
            swept += sqlx::query(statement)
                .bind(day_ago)
                .execute(&self.pool)
                .await?
                .rows_affected();
        }
        // The longest wait is a day; one that is closed stays until somebody lifts it.
        swept += sqlx::query(
            "DELETE FROM throttles WHERE updated_at < $1 AND state NOT LIKE '%\"closed\"%'",
        )
        .bind(now - Duration::days(30))
        .execute(&self.pool)
        .await?
        .rows_affected();
        Ok(swept)
    }
}
