//! Connections whose last statement was answered a moment ago.
//!
//! Whenever one is given back, sqlx's pool asks the server whether it still answers: a round trip
//! as long as a statement itself. What has just answered need not be asked. A connection whose
//! statement failed or was abandoned goes back by way of the pool, which asks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Connection as _, Executor, PgPool, Postgres};

use crate::error::is_lost_connection;

/// Longer, and the server may have gone.
const MOMENT: Duration = Duration::from_secs(30);

type Connection = PoolConnection<Postgres>;
pub(crate) type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

#[derive(Debug)]
pub(crate) struct Ready {
    pool: PgPool,
    kept: Mutex<Kept>,
    /// The rest of the pool is for everybody else.
    most: usize,
}

#[derive(Debug, Default)]
struct Kept {
    /// The last one was used last.
    idle: Vec<(Connection, Instant)>,
    /// When a connection was found dead: others may have died with it.
    doubted: Option<Instant>,
}

impl Ready {
    pub(crate) fn of(pool: PgPool) -> Self {
        let most = usize::try_from(pool.options().get_max_connections() / 2).unwrap_or_default();
        Self {
            pool,
            kept: Mutex::default(),
            most,
        }
    }

    /// Of a query that changes nothing: where its connection turns out to be dead, it is asked
    /// again over one that is not.
    pub(crate) async fn fetch_all<'q>(
        &self,
        query: impl Fn() -> PgQuery<'q>,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        match self.fetch_once(query()).await {
            Err(error) if is_lost_connection(&error) => self.fetch_once(query()).await,
            fetched => fetched,
        }
    }

    async fn fetch_once(&self, query: PgQuery<'_>) -> Result<Vec<PgRow>, sqlx::Error> {
        let mut connection = self.take().await?;
        let rows = connection.fetch_all(query).await;
        self.give_back(connection, &rows);
        rows
    }

    pub(crate) async fn execute(&self, query: PgQuery<'_>) -> Result<(), sqlx::Error> {
        let mut connection = self.take().await?;
        let done = connection.execute(query).await;
        self.give_back(connection, &done);
        done.map(drop)
    }

    pub(crate) fn idle(&self) -> usize {
        self.kept().idle.len()
    }

    /// Gives all of them back to the pool.
    pub(crate) fn release(&self) {
        self.kept().idle.clear();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self) -> Result<Connection, sqlx::Error> {
        let (last, doubted) = {
            let mut kept = self.kept();
            (kept.idle.pop(), kept.is_doubted())
        };
        match last {
            Some((connection, used)) if used.elapsed() < MOMENT => Ok(connection),
            _ if doubted => self.take_alive().await,
            Some(_) => {
                self.release();
                self.pool.acquire().await
            }
            None => self.pool.acquire().await,
        }
    }

    async fn take_alive(&self) -> Result<Connection, sqlx::Error> {
        loop {
            let mut connection = self.pool.acquire().await?;
            if connection.ping().await.is_ok() {
                return Ok(connection);
            }
            // Not given back: the pool may open another one instead.
            drop(connection.detach());
        }
    }

    fn give_back<T>(&self, connection: Connection, result: &Result<T, sqlx::Error>) {
        let mut kept = self.kept();
        match result {
            Ok(_) => {
                // What a crowd needed and nobody needs now is everybody's again.
                kept.idle.retain(|(_, used)| used.elapsed() < MOMENT);
                if kept.idle.len() < self.most && !self.pool.is_closed() {
                    kept.idle.push((connection, Instant::now()));
                }
            }
            Err(error) if is_lost_connection(error) => {
                kept.idle.clear();
                kept.doubted = Some(Instant::now());
            }
            Err(_) => {}
        }
    }
}

impl Kept {
    /// For as long as the pool itself does not ask whether a connection still answers.
    fn is_doubted(&self) -> bool {
        self.doubted.is_some_and(|found| found.elapsed() < MOMENT)
    }
}
