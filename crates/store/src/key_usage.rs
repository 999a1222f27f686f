//! How much is under which master key, and for how long.

use chrono::{DateTime, Utc};
use credentials::KeyId;
use sqlx::Row;

use crate::columns::time_if_any;
use crate::error::key_id;
use crate::row_mac::row_mac_key_sql;
use crate::{Error, Store};

/// When something is no longer under its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// When [`Store::rekey`] comes by.
    Renewed,
    /// At its own end, which is then at the latest.
    At(DateTime<Utc>),
    /// When the work is done that it waits for.
    Done,
    /// At its own end, which each use puts off.
    Unused(DateTime<Utc>),
    Never,
}

/// How many rows of one kind are under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    pub what: &'static str,
    pub key: KeyId,
    pub rows: i64,
    pub ends: Ends,
}

type EndsOf = fn(Option<DateTime<Utc>>) -> Ends;

const RENEWED: EndsOf = |_| Ends::Renewed;
const AT: EndsOf = |last| last.map_or(Ends::Done, Ends::At);
const UNUSED: EndsOf = |last| last.map_or(Ends::Done, Ends::Unused);
const DONE: EndsOf = |_| Ends::Done;
const NEVER: EndsOf = |_| Ends::Never;

macro_rules! by_key {
    ($key:expr, $last:literal, $from:literal) => {
        concat!(
            // Not every one of them asks for the time.
            "WITH asked AS (SELECT $1::timestamptz) SELECT ",
            $key,
            " AS key, count(*) AS rows, ",
            $last,
            "::timestamptz AS last FROM ",
            $from,
            " GROUP BY 1 ORDER BY 1"
        )
    };
}

/// What there is, and the rows of each key. Events are not counted: each stays under its own.
const USES: [(&str, EndsOf, &str); 12] = [
    ("data keys", RENEWED, by_key!("key_id", "NULL", "data_keys")),
    ("states", RENEWED, by_key!("key_id", "NULL", "states")),
    (
        "sessions",
        RENEWED,
        by_key!(row_mac_key_sql!(), "NULL", "sessions WHERE expires_at > $1"),
    ),
    (
        "staff",
        RENEWED,
        by_key!(row_mac_key_sql!(), "NULL", "staff"),
    ),
    (
        "session tokens",
        AT,
        by_key!(
            "key_id",
            "max(expires_at)",
            "sessions WHERE expires_at > $1"
        ),
    ),
    (
        "staff tokens",
        AT,
        by_key!(
            "key_id",
            "max(expires_at)",
            "staff WHERE expires_at > $1 AND revoked_at IS NULL"
        ),
    ),
    (
        "challenges and links",
        AT,
        by_key!("key_id", "max(expires_at)", "tokens WHERE expires_at > $1"),
    ),
    (
        "registrations",
        AT,
        by_key!(
            "key_id",
            "max(expires_at)",
            "registrations WHERE expires_at > $1"
        ),
    ),
    (
        "device marks",
        UNUSED,
        by_key!("key_id", "max(expires_at)", "devices WHERE expires_at > $1"),
    ),
    ("requests for mail", DONE, by_key!("key_id", "NULL", "jobs")),
    ("outbox", DONE, by_key!("key_id", "NULL", "outbox")),
    (
        "look-ups by address",
        NEVER,
        by_key!("key_id", "NULL", "logins"),
    ),
];

impl Store {
    /// What is under which key now. Rows that have expired are left out.
    pub async fn key_usage(&self, now: DateTime<Utc>) -> Result<Vec<KeyUse>, Error> {
        let mut uses = Vec::new();
        let mut transaction = self.pool.begin().await?;
        // Whole tables are counted.
        sqlx::query("SET LOCAL statement_timeout = 0")
            .execute(&mut *transaction)
            .await?;
        for (what, ends, statement) in USES {
            let rows = sqlx::query(statement)
                .bind(now)
                .fetch_all(&mut *transaction)
                .await?;
            for row in rows {
                uses.push(KeyUse {
                    what,
                    key: key_id(row.try_get("key")?)?,
                    rows: row.try_get("rows")?,
                    ends: ends(time_if_any(&row, "last")?),
                });
            }
        }
        transaction.commit().await?;
        Ok(uses)
    }
}
