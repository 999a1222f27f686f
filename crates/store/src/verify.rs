//! The whole log verified: each event from its stored bytes, the chain of each stream, the tree,
//! and every checkpoint that was kept. One snapshot, in memory a page at a time; what is appended
//! meanwhile is not looked at.

mod attest;
mod chains;
mod checkpoints;
mod head;
mod kept;
mod tree;
mod verdict;
mod work_list;

use sqlx::{Connection, PgConnection, Postgres, Transaction};

use crate::log::LogHead;
use crate::{Error, Store};

pub use attest::Attested;
pub use checkpoints::Gap;
pub(crate) use checkpoints::{is_acknowledged, openings};
pub(crate) use kept::Mark;
pub use kept::{Kept, KeptCheckpoints};
pub use verdict::{Damage, Damaged, Verdict};

/// How far a verification has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    pub of: u64,
}

const SNAPSHOT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
/// Both tables are read in the order of an index and merged: neither is sorted, held, or looked up
/// row by row.
const SETTINGS: &str = "SELECT set_config('statement_timeout', '0', true),
    set_config('enable_sort', 'off', true), set_config('enable_hashjoin', 'off', true),
    set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'on', true)";

impl Store {
    /// Verifies the log up to its head, and that it continues the checkpoints in `kept` and those
    /// that the database itself remembers.
    pub async fn verify_log(
        &self,
        kept: KeptCheckpoints,
        mut progress: impl FnMut(Progress),
    ) -> Result<Verdict, Error> {
        let mut connection = self.pool.acquire().await?;
        let mut snapshot = begin(&mut connection).await?;
        let verdict = self.verify(&mut snapshot, kept, &mut progress).await?;
        snapshot.rollback().await?;
        Ok(verdict)
    }

    async fn verify(
        &self,
        snapshot: &mut PgConnection,
        mut kept: KeptCheckpoints,
        progress: &mut impl FnMut(Progress),
    ) -> Result<Verdict, Error> {
        let mut verdict = Verdict::default();
        let head = head::read(snapshot, &mut verdict).await?;
        // Each event is looked at once by itself and once in the tree.
        let mut done = 0;
        let of = head.as_ref().map_or(0, LogHead::size).saturating_mul(2);
        let mut each = |count: u64| {
            done += count;
            progress(Progress {
                done: done.min(of),
                of,
            });
        };
        let given = head.as_ref().map_or(u64::MAX, LogHead::next);
        self.verify_chains(given, snapshot, &mut verdict, &mut each)
            .await?;
        work_list::verify(snapshot, &mut verdict).await?;
        let Some(head) = head else {
            return Ok(verdict);
        };
        let openings = checkpoints::openings_told(&self.keyring, snapshot, &mut verdict).await?;
        kept.add_stored(snapshot, &mut verdict).await?;
        let mut marks = kept.take(head.log_id);
        kept.tell(&mut verdict);
        let root = tree::verify(&head, &mut marks, snapshot, &mut verdict, &mut each).await?;
        if let Some(root) = root {
            self.verify_head(&head, root, &openings, &mut verdict)?;
            let kept = (&kept, marks.as_slice());
            checkpoints::compare(kept, &head, &openings, snapshot, &mut verdict).await?;
        }
        Ok(verdict)
    }
}

async fn begin(connection: &mut PgConnection) -> Result<Transaction<'_, Postgres>, Error> {
    let mut snapshot = connection.begin().await?;
    sqlx::query(SNAPSHOT).execute(&mut *snapshot).await?;
    sqlx::query(SETTINGS).execute(&mut *snapshot).await?;
    Ok(snapshot)
}

/// What cannot be read is damage as well, and keeps nothing else from being found: reads begin with
/// [`part`] and end here.
async fn readable<T>(
    read: Result<T, Error>,
    place: Damaged,
    snapshot: &mut PgConnection,
    verdict: &mut Verdict,
) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Error::Database(cause)) => {
            sqlx::query("ROLLBACK TO SAVEPOINT part")
                .execute(snapshot)
                .await?;
            let what = format!("{} cannot be read: {cause}", place.what);
            verdict.add(Damaged { what, ..place });
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

async fn part(snapshot: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("SAVEPOINT part").execute(snapshot).await?;
    Ok(())
}

/// Names the event that the log has at the position of a damage, if it has one.
async fn named(mut damaged: Damaged, snapshot: &mut PgConnection) -> Result<Damaged, Error> {
    let row = sqlx::query_as::<_, (Option<String>, Option<String>, Option<i64>)>(
        "SELECT aggregate_type, aggregate_id, sequence FROM log WHERE position = $1 LIMIT 1",
    )
    .bind(damaged.position.map(u64::cast_signed))
    .fetch_optional(snapshot)
    .await?;
    if let Some((Some(kind), Some(id), sequence)) = row {
        damaged.stream = Some(proofs::event::stream_name(&kind, &id));
        damaged.sequence = sequence.map(i64::cast_unsigned);
    }
    Ok(damaged)
}
