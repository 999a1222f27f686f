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

use self::rows::NewRows;
use crate::check::{OnProgress, Progress};
use crate::live_rows::LiveRows;
use crate::walk::{Replayed, Stream, Told, Walk};
use crate::{Error, Store};

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
    pub first_damage: Option<Error>,
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

struct Rebuild<'s> {
    store: &'s Store,
    /// Up to where the log is in the new tables.
    mark: i64,
    accounts: u64,
    streams: u64,
    damaged: u64,
    first_damage: Option<Error>,
}

/// What became of a batch.
struct Written {
    accounts: usize,
    streams: usize,
    /// What is wrong with the streams whose rows had to stay as they are.
    damages: Vec<Error>,
}

impl<'s> Rebuild<'s> {
    async fn begin(store: &'s Store) -> Result<Self, RebuildError> {
        Ok(Self {
            store,
            mark: changes::mark(&store.pool).await?,
            accounts: 0,
            streams: 0,
            damaged: 0,
            first_damage: None,
        })
    }

    async fn run(mut self, told: OnProgress<'_>) -> Result<Rebuilt, RebuildError> {
        self.fill(self.store.progress().await?, told).await?;
        changes::count(&self.store.pool, self.streams).await?;
        tables::vacuum(&self.store.pool).await?;
        self.approach().await?;
        changes::check_all(&self.store.pool).await?;
        let locked = self.swap().await?;
        Ok(Rebuilt {
            accounts: self.accounts,
            damaged: self.damaged,
            first_damage: self.first_damage,
            locked,
        })
    }

    async fn fill(&mut self, mut progress: Progress, told: OnProgress<'_>) -> Result<(), Error> {
        let mut walk = Walk::all(self.store);
        loop {
            let batch = walk.batch().await?;
            if batch.is_empty() {
                return Ok(());
            }
            let written = self.write(&batch).await?;
            self.accounts += written.accounts as u64;
            self.streams += written.streams as u64;
            self.damaged += written.damages.len() as u64;
            self.first_damage = self
                .first_damage
                .take()
                .or(written.damages.into_iter().next());
            progress.advance(&batch, told);
        }
    }

    async fn write(&self, batch: &[Replayed]) -> Result<Written, Error> {
        let (store, mut damages) = (self.store, Vec::new());
        let live = LiveRows::of(&store.pool, batch).await?;
        let mut rows = NewRows::default();
        for replayed in batch {
            let new = match &replayed.told {
                Ok(Told::Account(expected)) => NewRows::of_account(&store.keyring, expected, &live),
                Ok(Told::Staff(loaded)) => NewRows::of_staff(&store.keyring, loaded, &live),
                Ok(Told::Nothing) => continue,
                Err(what) => Err(what.clone().into()),
            };
            match new {
                Ok(new) => rows.append(new),
                Err(damage @ (Error::Corrupt(_) | Error::Unseal(_) | Error::Key(_))) => {
                    rows.carried.push(replayed.stream.clone());
                    damages.push(damage);
                }
                Err(other) => return Err(other),
            }
        }
        let (accounts, streams) = (rows.accounts.len(), rows.states.len());
        rows.write(&store.pool).await?;
        Ok(Written {
            accounts,
            streams,
            damages,
        })
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
            let mark = changes::mark(&self.store.pool).await?;
            let changed = changes::since(&self.store.pool, self.mark).await?;
            self.write_again(&changed).await?;
            self.mark = mark;
            if changed.len() <= FEW {
                break;
            }
        }
        Ok(())
    }

    async fn swap(&mut self) -> Result<Duration, RebuildError> {
        let began = Instant::now();
        let patience = std::iter::repeat_n(PATIENCE[0], PATIENT_TRIES);
        for patience in patience.chain(std::iter::repeat(PATIENCE[1])) {
            if let Some(locked) = self.try_swap(patience).await? {
                return Ok(locked);
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
    async fn try_swap(&mut self, patience: Duration) -> Result<Option<Duration>, RebuildError> {
        let (pool, began) = (&self.store.pool, Instant::now());
        let Some(transaction) = tables::lock_writers_out(pool, patience).await? else {
            return Ok(None);
        };
        let changed = changes::since(pool, self.mark).await?;
        if changed.len() > MANY {
            transaction.rollback().await?;
            return Ok(None);
        }
        self.write_again(&changed).await?;
        changes::check_these(pool, &changed).await?;
        let swapped = tables::swap(transaction).await?;
        Ok(swapped.then(|| began.elapsed()))
    }
}
