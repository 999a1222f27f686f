//! Work that waits: requests for mail by visitors, and mail that was promised by a commit.
//!
//! A worker takes what is due by moving its due time ahead, so that a worker that dies leaves it to
//! another: each is carried out at least once.

use chrono::{DateTime, Duration, Utc};
use credentials::Sealed;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::columns::{key_column, time};
use crate::error::key_id;
use crate::{Error, Store};

/// Requests that may wait at a time: what a flood can add is bounded.
const JOBS: i64 = 10_000;

/// A visitor's request, sealed.
#[derive(Debug)]
pub struct Job {
    pub id: Uuid,
    pub sealed: Sealed,
    /// How often it was taken, this time included.
    pub attempts: i32,
}

/// A mail that waits to be sent, sealed.
#[derive(Debug)]
pub struct QueuedMail {
    pub id: Uuid,
    pub sealed: Sealed,
    pub created_at: DateTime<Utc>,
    /// How often it was taken, this time included.
    pub attempts: i32,
}

fn sealed_from(row: &PgRow) -> Result<Sealed, Error> {
    Ok(Sealed {
        key_id: key_id(row.try_get("key_id")?)?,
        bytes: row.try_get("sealed")?,
    })
}

/// Work that was taken, by its id; some of it may not be readable.
pub type Taken<T> = Vec<(Uuid, Result<T, Error>)>;

fn job(row: &PgRow) -> Result<Job, Error> {
    Ok(Job {
        id: row.try_get("job_id")?,
        sealed: sealed_from(row)?,
        attempts: row.try_get("attempts")?,
    })
}

fn queued_mail(row: &PgRow) -> Result<QueuedMail, Error> {
    Ok(QueuedMail {
        id: row.try_get("mail_id")?,
        sealed: sealed_from(row)?,
        created_at: time(row, "created_at")?,
        attempts: row.try_get("attempts")?,
    })
}

impl Store {
    /// Adds a job; `false`: too many wait already.
    pub async fn add_job(
        &self,
        id: Uuid,
        sealed: &Sealed,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let added = sqlx::query(
            "INSERT INTO jobs (job_id, key_id, sealed, due_at)
            SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT FROM jobs OFFSET $5)",
        )
        .bind(id)
        .bind(key_column(sealed.key_id))
        .bind(&sealed.bytes)
        .bind(now)
        .bind(JOBS)
        .execute(&self.pool)
        .await?;
        Ok(added.rows_affected() == 1)
    }

    /// Takes up to `limit` jobs that are due, for as long as `lease`.
    pub async fn take_jobs(
        &self,
        now: DateTime<Utc>,
        lease: Duration,
        limit: i64,
    ) -> Result<Taken<Job>, Error> {
        let rows = sqlx::query(
            "UPDATE jobs SET due_at = $2, attempts = least(attempts, 2147483646) + 1
            WHERE job_id IN (
                SELECT job_id FROM jobs WHERE due_at <= $1
                ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
            )
            RETURNING job_id, key_id, sealed, attempts",
        )
        .bind(now)
        .bind(now + lease)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| Ok((row.try_get("job_id")?, job(row))))
            .collect()
    }

    /// Forgets a job that came to nothing.
    pub async fn drop_job(&self, id: Uuid) -> Result<(), Error> {
        sqlx::query("DELETE FROM jobs WHERE job_id = $1")
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Takes up to `limit` mails that are due, for as long as `lease`.
    pub async fn take_mails(
        &self,
        now: DateTime<Utc>,
        lease: Duration,
        limit: i64,
    ) -> Result<Taken<QueuedMail>, Error> {
        let rows = sqlx::query(
            "UPDATE outbox SET due_at = $2, attempts = least(attempts, 2147483646) + 1
            WHERE mail_id IN (
                SELECT mail_id FROM outbox WHERE due_at <= $1
                ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
            )
            RETURNING mail_id, key_id, sealed, created_at, attempts",
        )
        .bind(now)
        .bind(now + lease)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| Ok((row.try_get("mail_id")?, queued_mail(row))))
            .collect()
    }

    /// A page of the mails that wait, in the order of their ids.
    pub async fn mails_after(&self, after: Uuid, limit: i64) -> Result<Taken<QueuedMail>, Error> {
        let rows = sqlx::query(
            "SELECT mail_id, key_id, sealed, created_at, attempts FROM outbox
            WHERE mail_id > $1 ORDER BY mail_id LIMIT $2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| Ok((row.try_get("mail_id")?, queued_mail(row))))
            .collect()
    }

    /// Erases a mail that was sent, or that can never be.
    pub async fn mail_done(&self, id: Uuid) -> Result<(), Error> {
        sqlx::query("DELETE FROM outbox WHERE mail_id = $1")
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub async fn mail_again_at(&self, id: Uuid, due_at: DateTime<Utc>) -> Result<(), Error> {
        sqlx::query("UPDATE outbox SET due_at = $2 WHERE mail_id = $1")
            .bind(id)
            .bind(due_at)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
