//! Session look-ups, answered together: whatever was asked while a query ran is asked by the next
//! one. A look-up is only ever answered by a query that began after it was asked, so what had ended
//! by then is not found.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::ready::Ready;
use crate::stream::state_columns;

/// Queries at a time. More of them are smaller ones, and cost more than they gain.
const LANES: usize = 1;

/// What the server's own time limit of a statement leaves undecided: a connection that is dead without
/// having told so.
const DEADLINE: Duration = Duration::from_secs(12);

/// Account and session.
pub(crate) type Key = (Uuid, Uuid);

/// The session's row with those of its account, if it has them.
type Answer = Result<Option<PgRow>, Arc<sqlx::Error>>;

type Asked = (Key, oneshot::Sender<Answer>);

const FIND: &str = concat!(
    "SELECT asked.number, s.*, t.email, t.created_at AS opened_at, t.password_changed_at,
        t.two_factor, t.enabled_at, t.enrollment_expires_at, k.key_id AS data_key_id, k.wrapped, ",
    state_columns!(),
    " FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS asked (account_id, session_id, number)
    JOIN sessions s ON s.account_id = asked.account_id AND s.session_id = asked.session_id
    JOIN settings t ON t.account_id = asked.account_id
    JOIN data_keys k ON k.owner_id = asked.account_id
    LEFT JOIN states image ON image.aggregate_id = asked.account_id::text
        AND image.aggregate_type = 'account'",
);

#[derive(Debug)]
pub(crate) struct Lookups {
    ready: Arc<Ready>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Asked>,
    lanes: usize,
}

/// A lane that ended otherwise than by having nothing to do: who waits is told, and the next one to ask
/// begins another.
struct Lane {
    lookups: Arc<Lookups>,
    done: bool,
}

impl Lane {
    fn has_nothing_to_do(mut self) {
        self.done = true;
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if !self.done {
            let mut queue = self.lookups.queue();
            queue.lanes -= 1;
            queue.waiting.clear();
        }
    }
}

impl Lookups {
    pub(crate) fn over(ready: Arc<Ready>) -> Self {
        Self {
            ready,
            queue: Mutex::default(),
        }
    }

    pub(crate) async fn find(self: &Arc<Self>, key: Key) -> Answer {
        let (asked, answer) = oneshot::channel();
        if self.ask(key, asked) {
            tokio::spawn(Arc::clone(self).lane());
        }
        // A lane answers whatever it took.
        answer
            .await
            .unwrap_or_else(|_| Err(Arc::new(sqlx::Error::WorkerCrashed)))
    }

    /// Whether another lane is needed.
    fn ask(&self, key: Key, asked: oneshot::Sender<Answer>) -> bool {
        let mut queue = self.queue();
        queue.waiting.push((key, asked));
        let one_more = queue.lanes < LANES;
        queue.lanes += usize::from(one_more);
        one_more
    }

    /// Answers until nobody waits.
    fn lane(self: Arc<Self>) -> BoxFuture<'static, ()> {
        let lane = Lane {
            lookups: self,
            done: false,
        };
        Box::pin(async move {
            // Whoever is ready to ask takes part in the next query.
            tokio::task::yield_now().await;
            while let Some(asked) = lane.lookups.next() {
                let keys = asked.iter().map(|(key, _)| *key).collect::<Vec<_>>();
                let read = tokio::time::timeout(DEADLINE, lane.lookups.read(&keys)).await;
                answer(asked, read.unwrap_or(Err(sqlx::Error::PoolTimedOut)));
                tokio::task::yield_now().await;
            }
            lane.has_nothing_to_do();
        })
    }

    /// All that wait, but for who has hung up; at the end of a lane nothing.
    fn next(&self) -> Option<Vec<Asked>> {
        let mut queue = self.queue();
        let mut asked = mem::take(&mut queue.waiting);
        asked.retain(|(_, asked)| !asked.is_closed());
        if asked.is_empty() {
            queue.lanes -= 1;
            return None;
        }
        Some(asked)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self, keys: &[Key]) -> Result<Vec<PgRow>, sqlx::Error> {
        let (accounts, sessions): (Vec<_>, Vec<_>) = keys.iter().copied().unzip();
        let query = sqlx::query(FIND).bind(accounts).bind(sessions);
        self.ready.fetch_all(query).await
    }
}

/// Gives each its row. Who has hung up is not waited for.
fn answer(asked: Vec<Asked>, read: Result<Vec<PgRow>, sqlx::Error>) {
    let rows = match read {
        Ok(rows) => rows,
        Err(error) => {
            let error = Arc::new(error);
            for (_, asked) in asked {
                let _ = asked.send(Err(Arc::clone(&error)));
            }
            return;
        }
    };
    let mut found = asked.iter().map(|_| None).collect::<Vec<_>>();
    for row in rows {
        let number = row.try_get::<i64, _>("number").unwrap_or_default();
        let place = usize::try_from(number - 1).ok();
        if let Some(place) = place.and_then(|place| found.get_mut(place)) {
            *place = Some(row);
        }
    }
    for ((_, asked), row) in asked.into_iter().zip(found) {
        let _ = asked.send(Ok(row));
    }
}

#[cfg(test)]
mod tests {
    use sqlx::postgres::PgPoolOptions;

    use super::*;

    fn lookups() -> Arc<Lookups> {
        let nowhere = PgPoolOptions::new()
            .acquire_timeout(Duration::from_millis(50))
            .connect_lazy("postgres://nobody@localhost:1/nothing")
            .unwrap();
        Arc::new(Lookups::over(Arc::new(Ready::of(nowhere))))
    }

    #[tokio::test]
    async fn all_who_wait_are_told_of_a_failure_and_the_next_one_asks_anew() {
        let lookups = lookups();
        for _ in 0..2 {
            let asked = (0..3).map(|_| lookups.find((Uuid::nil(), Uuid::nil())));
            let answers = futures::future::join_all(asked).await;
            assert!(answers.iter().all(Result::is_err));
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            assert_eq!(lookups.queue().lanes, 0);
        }
    }

    #[tokio::test]
    async fn a_lane_that_is_cut_off_leaves_its_place_to_the_next() {
        let lookups = lookups();
        let (asked, answer) = oneshot::channel();
        assert!(lookups.ask((Uuid::nil(), Uuid::nil()), asked));
        drop(Arc::clone(&lookups).lane());
        assert!(answer.await.is_err());
        assert_eq!(lookups.queue().lanes, 0);
    }
}
