//! The read models made anew from the events, while servers run: new tables are filled from the
//! log, checked, and take the place of the present ones in one transaction.
//!
//! Servers write to the present tables all the while; the streams that went on are made again,
//! until few are left. Only then are writers locked out, for as long as it takes to make these few
//! and to exchange the tables. Whatever ends a rebuild before that commit leaves the present tables
//! as they were, and the next one begins with none of its own.

mod changes;
mod rows;
mod tables;
mod write;

use std::time::{Duration, Instant};

use thiserror::Error as ThisError;

use self::changes::Mark;
use self::rows::NewRows;
use crate::check::OnProgress;
use crate::live_rows::LiveRows;
use crate::walk::{Replayed, Stream, Told, Walk};
use crate::{Error, Progress, Store};

/// How few streams to make are worth a try to lock writers out, and how many may have been added
/// by then.
const FEW: usize = 100;
const MANY: usize = 1000;
/// How often it is tried to come that close; under heavy load it is locked with more to do.
const ROUNDS: usize = 20;
/// How long requests may have to wait behind a lock that is not to be had, the first times and
/// then: autovacuum gives way after a second.
const PATIENCE: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(1500)];
const PATIENT_TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(500);
/// When somebody else, such as a backup, has the tables for longer than this, it is given up.
const GIVEN_UP: Duration = Duration::from_mins(10);

#[derive(Debug)]
pub struct Rebuilt {
    pub accounts: u64,
    /// Streams whose history or key is damaged: their rows are as they were.
    pub damaged: u64,
    pub first_damage: Option<String>,
    /// How long commands had to wait at most.
    pub locked: Duration,
}

#[derive(Debug, ThisError)]
pub enum RebuildError {
    #[error("another rebuild is under way")]
    Busy,
    #[error(
        "whoever rebuilds must own the tables and may create a schema: set \
         COUNTERSIGN_MIGRATION_DATABASE_URL to the user who migrates"
    )]
    NotOwner,
    #[error("the tables changed while new ones were filled, or cannot be made the same: {0}")]
    Shape(String),
    #[error("{0} new rows do not fit the history; the present ones are left as they were")]
    Unfit(i64),
    #[error(
        "others, such as a backup, have held the tables for minutes; the read models are left as \
         they were: try again later"
    )]
    Held,
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<sqlx::Error> for RebuildError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Makes every read model anew. The pool must be connected as [`crate::Role::Owner`], with
    /// three connections or more. Only one rebuild at a time.
    pub async fn rebuild_projections(&self, told: OnProgress<'_>) -> Result<Rebuilt, RebuildError> {
        // Not given back to the pool: its lock ends with it.
        let mut connection = self.pool.acquire().await?.detach();
        tables::exclude_others(&mut connection).await?;
        tables::make(&mut connection).await?;
        let rebuilt = Rebuild::begin(self).await?.run(told).await;
        if rebuilt.is_err() {
            // Should this fail as well, the next rebuild clears away what is left.
            let _ = tables::discard(&mut connection).await;
        }
        rebuilt
    }
}

/// How many streams are damaged, and how one of them is.
type Damage = (u64, Option<String>);

struct Rebuild<'s> {
    store: &'s Store,
    /// Up to where the new tables are whole.
    mark: Mark,
}

impl<'s> Rebuild<'s> {
    async fn begin(store: &'s Store) -> Result<Self, Error> {
        let mark = Mark::now(&store.pool).await?;
        Ok(Self { store, mark })
    }

    async fn run(mut self, told: OnProgress<'_>) -> Result<Rebuilt, RebuildError> {
        let pool = &self.store.pool;
        let streams = self.fill(self.store.progress().await?, told).await?;
        let accounts = changes::count(pool, streams).await?;
        tables::vacuum(pool).await?;
        self.approach().await?;
        changes::check_all(pool).await?;
        let ((damaged, first_damage), locked) = self.swap().await?;
        Ok(Rebuilt {
            accounts,
            damaged,
            first_damage,
            locked,
        })
    }

    /// Returns how many streams have a new row.
    async fn fill(&self, mut progress: Progress, told: OnProgress<'_>) -> Result<u64, Error> {
        let (mut walk, mut streams) = (Walk::all(self.store), 0);
        loop {
            let batch = walk.batch().await?;
            if batch.is_empty() {
                return Ok(streams);
            }
            streams += self.write(&batch).await?;
            self.store.erase_again(&batch).await?;
            progress.advance(&batch, told);
        }
    }

    async fn write(&self, batch: &[Replayed]) -> Result<u64, Error> {
        let store = self.store;
        let live = LiveRows::of(&store.pool, batch).await?;
        let mut rows = NewRows::default();
        for replayed in batch {
            let new = match &replayed.told {
                Ok(Told::Account(expected)) => NewRows::of_account(&store.keyring, expected, &live),
                Ok(Told::Staff(loaded)) => NewRows::of_staff(&store.keyring, loaded, &live),
                Ok(Told::Erased(loaded)) => NewRows::of_state(&store.keyring, loaded),
                Ok(Told::Log(loaded)) => NewRows::of_state(&store.keyring, loaded),
                Ok(Told::Nothing) => continue,
                Err(what) => Err(what.clone().into()),
            };
            match new {
                Ok(new) => rows.append(new),
                Err(damage @ (Error::Corrupt(_) | Error::Unseal(_) | Error::Key(_))) => {
                    let what = match damage {
                        Error::Corrupt(what) => what.to_string(),
                        other => format!("{}: {other}", replayed.stream.name()),
                    };
                    rows.carried.push((replayed.stream.clone(), what));
                }
                Err(other) => return Err(other),
            }
        }
        let streams = rows.states.len() as u64;
        rows.write(&store.pool).await?;
        Ok(streams)
    }

    async fn write_again(&self, streams: &[Stream]) -> Result<(), Error> {
        for some in streams.chunks(MANY) {
            write::forget(&self.store.pool, some).await?;
            let mut walk = Walk::among(self.store, some);
            loop {
                let batch = walk.batch().await?;
                if batch.is_empty() {
                    break;
                }
                self.write(&batch).await?;
            }
        }
        Ok(())
    }

    /// Makes again what went on, until it is little.
    async fn approach(&mut self) -> Result<(), Error> {
        for _ in 0..ROUNDS {
            let mark = Mark::now(&self.store.pool).await?;
            let changed = self.mark.changed_since(&self.store.pool).await?;
            self.write_again(&changed).await?;
            self.mark = mark;
            if changed.len() <= FEW {
                break;
            }
        }
        Ok(())
    }

    async fn swap(&mut self) -> Result<(Damage, Duration), RebuildError> {
        let began = Instant::now();
        let patience = std::iter::repeat_n(PATIENCE[0], PATIENT_TRIES);
        for patience in patience.chain(std::iter::repeat(PATIENCE[1])) {
            if let Some(swapped) = self.try_swap(patience).await? {
                return Ok(swapped);
            }
            if began.elapsed() > GIVEN_UP {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            self.approach().await?;
        }
        Err(RebuildError::Held)
    }

    /// `None`: others were in the way, or too much went on; once more.
    async fn try_swap(
        &self,
        patience: Duration,
    ) -> Result<Option<(Damage, Duration)>, RebuildError> {
        let (pool, began) = (&self.store.pool, Instant::now());
        let Some(transaction) = tables::lock_writers_out(pool, patience).await? else {
            return Ok(None);
        };
        let changed = self.mark.changed_at_last(pool).await?;
        if changed.len() > MANY {
            transaction.rollback().await?;
            return Ok(None);
        }
        self.write_again(&changed).await?;
        changes::check_these(pool, &changed).await?;
        let damage = changes::damaged(pool).await?;
        let swapped = tables::swap(transaction).await?;
        Ok(swapped.then(|| (damage, began.elapsed())))
    }
}
