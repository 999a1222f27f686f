//! Rows that have outlived their use, deleted in small steps.

use chrono::{DateTime, Duration, Utc};

use crate::Store;

/// Rows deleted by one statement: it never runs long, and holds no lock for long.
const STEP: u64 = 1000;

impl Store {
    /// Deletes what expired a day before `now`; nothing of it is history. Returns how many rows went.
    /// A table that cannot be swept stands in no other's way.
    pub async fn sweep(&self, now: DateTime<Utc>) -> u64 {
        let (day_ago, month_ago) = (now - Duration::days(1), now - Duration::days(30));
        let mut swept = 0;
        for (table, statement, before) in [
            ("sessions", SESSIONS, day_ago),
            ("tokens", TOKENS, day_ago),
            ("registrations", REGISTRATIONS, day_ago),
            ("devices", DEVICES, day_ago),
            ("idempotent_answers", ANSWERS, day_ago),
            ("throttles", THROTTLES, month_ago),
        ] {
            match self.sweep_table(statement, before).await {
                Ok(rows) => swept += rows,
                Err(error) => {
                    tracing::warn!(table, error = &error as &dyn std::error::Error, "not swept");
                }
            }
        }
        swept
    }

    async fn sweep_table(
        &self,
        statement: &'static str,
        before: DateTime<Utc>,
    ) -> Result<u64, crate::Error> {
        let mut swept = 0;
        loop {
            let step = sqlx::query(statement)
                .bind(before)
                .execute(&self.pool)
                .await?;
            swept += step.rows_affected();
            if step.rows_affected() < STEP {
                return Ok(swept);
            }
        }
    }
}

const SESSIONS: &str = "DELETE FROM sessions WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM sessions WHERE expires_at < $1 LIMIT 1000))";
const TOKENS: &str = "DELETE FROM tokens WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM tokens WHERE expires_at < $1 LIMIT 1000))";
const REGISTRATIONS: &str = "DELETE FROM registrations WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM registrations WHERE expires_at < $1 LIMIT 1000))";
const DEVICES: &str = "DELETE FROM devices WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM devices WHERE expires_at < $1 LIMIT 1000))";
const ANSWERS: &str = "DELETE FROM idempotent_answers WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotent_answers WHERE created_at < $1 LIMIT 1000))";
/// The longest wait is a day; one that is closed stays until somebody lifts it.
const THROTTLES: &str = "DELETE FROM throttles WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM throttles
    WHERE updated_at < $1 AND state NOT LIKE '%\"closed\"%' LIMIT 1000))";
