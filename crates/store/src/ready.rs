//! Connections whose last statement was answered a moment ago.
//!
//! Whenever one is given back, sqlx's pool asks the server whether it still answers: a round trip
//! as long as a statement itself. What has just answered need not be asked. A connection whose
//! statement failed or was abandoned goes back by way of the pool, which asks.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Executor, PgPool, Postgres};

/// Longer, and the server may have gone.
const MOMENT: Duration = Duration::from_secs(30);

type Connection = PoolConnection<Postgres>;
type Statement<'q> = Query<'q, Postgres, PgArguments>;

#[derive(Debug)]
pub(crate) struct Ready {
    pool: PgPool,
    /// The last one was used last.
    idle: Mutex<Vec<(Connection, Instant)>>,
    /// The rest of the pool is for everybody else.
    most: usize,
}

impl Ready {
    pub(crate) fn of(pool: PgPool) -> Self {
        let most = usize::try_from(pool.options().get_max_connections() / 2).unwrap_or_default();
        Self {
            pool,
            idle: Mutex::default(),
            most,
        }
    }

    pub(crate) async fn fetch_all(&self, query: Statement<'_>) -> Result<Vec<PgRow>, sqlx::Error> {
        let mut connection = self.take().await?;
        let rows = connection.fetch_all(query).await?;
        self.give_back(connection);
        Ok(rows)
    }

    pub(crate) async fn execute(&self, query: Statement<'_>) -> Result<(), sqlx::Error> {
        let mut connection = self.take().await?;
        connection.execute(query).await?;
        self.give_back(connection);
        Ok(())
    }

    pub(crate) fn idle(&self) -> usize {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Gives all of them back to the pool.
    pub(crate) fn release(&self) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    async fn take(&self) -> Result<Connection, sqlx::Error> {
        let last = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match last {
            Some((connection, used)) if used.elapsed() < MOMENT => Ok(connection),
            Some(_) => {
                self.release();
                self.pool.acquire().await
            }
            None => self.pool.acquire().await,
        }
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // What a crowd needed and nobody needs now is everybody's again.
        idle.retain(|(_, used)| used.elapsed() < MOMENT);
        if idle.len() < self.most && !self.pool.is_closed() {
            idle.push((connection, Instant::now()));
        }
    }
}
