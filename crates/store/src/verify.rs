//! The whole log verified: each event from its stored bytes, the chain of each stream, the tree,
//! and every checkpoint that was kept. One snapshot, in memory a page at a time; what is appended
//! meanwhile is not looked at.

mod chains;
mod checkpoints;
mod tree;

use std::fmt;

use proofs::Hash;
use sqlx::{Connection, PgConnection};

use crate::log::LogHead;
use crate::{Error, Store};

pub use checkpoints::{Gap, Kept};

/// How many damages are told one by one.
const TOLD: usize = 100;

/// What kind of damage was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Damage {
    /// The stored event is not the one whose hash stands beside it, or which was logged.
    Changed,
    /// An event that this service did not write.
    Forged,
    /// An event that was there.
    Missing,
    /// An event that the log does not know and nobody waits to give it a position.
    Unlogged,
    /// The order of the log, or the head of it.
    Log,
    /// A node of the tree over the log.
    Tree,
    /// A checkpoint that is not signed by this log's keys.
    Checkpoint,
    /// The log is not the one of which a checkpoint was kept.
    Fork,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "changed",
            Self::Forged => "forged",
            Self::Missing => "missing",
            Self::Unlogged => "not in the log",
            Self::Log => "log damaged",
            Self::Tree => "tree damaged",
            Self::Checkpoint => "checkpoint not to be trusted",
            Self::Fork => "not the log of a kept checkpoint",
        })
    }
}

/// One place where history is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    pub kind: Damage,
    pub stream: Option<String>,
    pub sequence: Option<u64>,
    pub position: Option<u64>,
    pub what: String,
}

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    pub events: u64,
    pub streams: u64,
    /// Of the tree.
    pub size: u64,
    /// Kept checkpoints that this log continues.
    pub checkpoints: u64,
    /// The first of them by their positions.
    pub damaged: Vec<Damaged>,
    /// Of all.
    pub damages: u64,
    /// What recoveries from backups lost, as they told.
    pub gaps: Vec<Gap>,
}

impl Verdict {
    fn add(&mut self, damaged: Damaged) {
        self.damages += 1;
        let known = |known: &&mut Damaged| {
            known.stream.is_some()
                && known.stream == damaged.stream
                && known.sequence == damaged.sequence
                && known.kind == damaged.kind
        };
        if let Some(known) = self.damaged.iter_mut().find(known) {
            // The same place from two sides.
            self.damages -= 1;
            known.position = known.position.or(damaged.position);
        } else if self.damaged.len() < TOLD {
            self.damaged.push(damaged);
        }
    }

    fn sort(&mut self) {
        self.damaged
            .sort_by_key(|damaged| (damaged.position.unwrap_or(u64::MAX), damaged.kind));
    }
}

/// How far a verification has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    pub of: u64,
}

impl Store {
    /// Verifies the log up to its head, and that it continues the checkpoints in `kept` and those
    /// that the database itself remembers.
    pub async fn verify_log(
        &self,
        kept: Vec<Kept>,
        mut progress: impl FnMut(Progress),
    ) -> Result<Verdict, Error> {
        let mut connection = self.pool.acquire().await?;
        let mut snapshot = connection.begin().await?;
        for setting in [
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            "SET LOCAL statement_timeout = 0",
            // Both tables are read in the order of an index: neither is sorted or held.
            "SET LOCAL enable_sort = off",
            "SET LOCAL enable_hashjoin = off",
        ] {
            sqlx::query(setting).execute(&mut *snapshot).await?;
        }
        let mut verdict = Verdict::default();
        let head = LogHead::read(&mut *snapshot).await?;
        // Each event is looked at once by itself and once in the tree.
        let mut done = 0;
        let of = head.size() * 2;
        let mut each = |count: u64| {
            done += count;
            progress(Progress {
                done: done.min(of),
                of,
            });
        };
        self.verify_chains(&mut snapshot, &mut verdict, &mut each)
            .await?;
        let kept = self
            .kept_checkpoints(&head, kept, &mut snapshot, &mut verdict)
            .await?;
        let roots = kept.iter().map(|kept| kept.checkpoint.size).collect();
        let roots = tree::verify(&head, roots, &mut snapshot, &mut verdict, &mut each).await?;
        self.verify_head(&head, &roots, &mut verdict)?;
        checkpoints::compare(&kept, &head, &roots, &mut snapshot, &mut verdict).await?;
        snapshot.rollback().await?;
        verdict.sort();
        Ok(verdict)
    }
}

/// The stream, sequence and position of the first event at or after a position.
async fn event_from(
    position: u64,
    connection: &mut PgConnection,
) -> Result<Option<(String, u64)>, Error> {
    let row = sqlx::query_as::<_, (String, String, i64)>(
        "SELECT aggregate_type, aggregate_id, sequence FROM log
        WHERE position >= $1 ORDER BY position LIMIT 1",
    )
    .bind(position.cast_signed())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|(kind, id, sequence)| {
        (
            proofs::event::stream_name(&kind, &id),
            sequence.cast_unsigned(),
        )
    }))
}

/// Roots of the tree by its sizes.
type Roots = std::collections::BTreeMap<u64, Hash>;
