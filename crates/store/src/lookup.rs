//! Session look-ups. Who comes while a lane is free asks at once; who comes meanwhile waits for the end
//! of a query, and all that wait are answered by the next one. A look-up is only ever answered by a
//! query that began after it was asked, so what had ended by then is not found.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::ready::{PgQuery, Ready};
use crate::stream::state_columns;

/// Queries at a time: while the database works on one, what the other one found is answered. More of
/// them are smaller ones, and cost more than they gain. One that its asker has left goes on in the
/// database for as long as any statement may, beside these.
const LANES: usize = 2;

/// What the server's own time limit of a statement leaves undecided: a connection that is dead without
/// having told so.
const DEADLINE: Duration = Duration::from_secs(12);

/// Account and session.
pub(crate) type Key = (Uuid, Uuid);

/// The session's row with those of its account, if it has them.
type Answer = Result<Option<PgRow>, Arc<sqlx::Error>>;

type Asked = (Key, oneshot::Sender<Answer>);

macro_rules! found {
    () => {
        concat!(
            "s.account_id, s.session_id, s.token_hash, s.created_at, s.last_seen_at, s.expires_at,
                s.factors, s.mac, s.key_id, k.key_id AS data_key_id, k.wrapped, ",
            state_columns!(),
        )
    };
}

macro_rules! beside_the_session {
    () => {
        "JOIN data_keys k ON k.owner_id = s.account_id
        LEFT JOIN states image ON image.aggregate_id = s.account_id::text
            AND image.aggregate_type = 'account'"
    };
}

/// The database takes as long to begin a join with arrays as for all the rest of this one.
const FIND_ONE: &str = concat!(
    "SELECT ",
    found!(),
    " FROM sessions s ",
    beside_the_session!(),
    " WHERE s.account_id = $1 AND s.session_id = $2",
);

const FIND_ALL: &str = concat!(
    "SELECT asked.number, ",
    found!(),
    " FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS asked (account_id, session_id, number)
    JOIN sessions s ON s.account_id = asked.account_id AND s.session_id = asked.session_id ",
    beside_the_session!(),
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

/// What somebody who asks is told.
enum Turn {
    Now(Lane),
    Later(oneshot::Receiver<Answer>),
}

/// A lane of whoever asks in it. When they have, or have hung up, it is theirs who wait.
struct Lane(Arc<Lookups>);

impl Drop for Lane {
    fn drop(&mut self) {
        if self.0.leaves_nobody() {
            return;
        }
        let lookups = Arc::clone(&self.0);
        let shared = SharedLane {
            lookups,
            done: false,
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(shared.answer_all());
        }
    }
}

/// A lane of all who wait, until nobody does. If it is cut off, who waits is told, and the next one to
/// ask has it.
struct SharedLane {
    lookups: Arc<Lookups>,
    done: bool,
}

impl Drop for SharedLane {
    fn drop(&mut self) {
        if !self.done {
            let mut queue = self.lookups.queue();
            queue.lanes -= 1;
            queue.waiting.clear();
        }
    }
}

impl SharedLane {
    fn has_nothing_to_do(mut self) {
        self.done = true;
    }

    fn answer_all(self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // Whoever is ready to ask takes part in the next query.
            tokio::task::yield_now().await;
            while let Some(asked) = self.lookups.next() {
                let keys = asked.iter().map(|(key, _)| *key).collect::<Vec<_>>();
                answer(asked, self.lookups.read_all(&keys).await);
                tokio::task::yield_now().await;
            }
            self.has_nothing_to_do();
        })
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
        match self.ask(key) {
            Turn::Now(lane) => {
                let read = self.read_one(key).await;
                drop(lane);
                read.map(|rows| rows.into_iter().next()).map_err(Arc::new)
            }
            // A lane answers whatever it took.
            Turn::Later(answer) => answer
                .await
                .unwrap_or_else(|_| Err(Arc::new(sqlx::Error::WorkerCrashed))),
        }
    }

    fn ask(self: &Arc<Self>, key: Key) -> Turn {
        let mut queue = self.queue();
        if queue.lanes < LANES {
            queue.lanes += 1;
            return Turn::Now(Lane(Arc::clone(self)));
        }
        let (asked, answer) = oneshot::channel();
        queue.waiting.push((key, asked));
        Turn::Later(answer)
    }

    /// Whether nobody waits for the lane that is left with this.
    fn leaves_nobody(&self) -> bool {
        let mut queue = self.queue();
        let nobody = queue.waiting.is_empty();
        queue.lanes -= usize::from(nobody);
        nobody
    }

    /// All that wait, but for who has hung up; where there are none, the lane is left with this.
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

    async fn read_one(&self, (account, session): Key) -> Result<Vec<PgRow>, sqlx::Error> {
        self.read(|| sqlx::query(FIND_ONE).bind(account).bind(session))
            .await
    }

    async fn read_all(&self, keys: &[Key]) -> Result<Vec<PgRow>, sqlx::Error> {
        let (accounts, sessions): (Vec<_>, Vec<_>) = keys.iter().copied().unzip();
        self.read(|| sqlx::query(FIND_ALL).bind(&accounts).bind(&sessions))
            .await
    }

    async fn read<'q>(&self, query: impl Fn() -> PgQuery<'q>) -> Result<Vec<PgRow>, sqlx::Error> {
        let read = tokio::time::timeout(DEADLINE, self.ready.fetch_all(query)).await;
        read.unwrap_or(Err(sqlx::Error::PoolTimedOut))
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

    fn nobody() -> Key {
        (Uuid::nil(), Uuid::nil())
    }

    #[tokio::test]
    async fn all_who_ask_are_told_of_a_failure_and_the_next_one_asks_anew() {
        let lookups = lookups();
        for _ in 0..2 {
            let asked = (0..5).map(|_| lookups.find(nobody()));
            let answers = futures::future::join_all(asked).await;
            assert!(answers.iter().all(Result::is_err));
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            assert_eq!(lookups.queue().lanes, 0);
        }
    }

    #[tokio::test]
    async fn who_hangs_up_leaves_the_lane_to_those_who_wait() {
        let lookups = lookups();
        let first = (0..LANES)
            .map(|_| {
                let lookups = Arc::clone(&lookups);
                tokio::spawn(async move { lookups.find(nobody()).await.is_err() })
            })
            .collect::<Vec<_>>();
        tokio::task::yield_now().await;
        let waits = lookups.find(nobody());
        let hang_up = async {
            tokio::task::yield_now().await;
            for asking in &first {
                asking.abort();
            }
        };
        let (answer, ()) = futures::future::join(waits, hang_up).await;
        // It was asked, and there is no such database.
        let error = answer.err().unwrap();
        assert!(!matches!(*error, sqlx::Error::WorkerCrashed), "{error}");
    }

    #[tokio::test]
    async fn a_lane_that_is_left_with_nobody_waiting_is_free() {
        let lookups = lookups();
        let held = (0..LANES).map(|_| lookups.ask(nobody()));
        let held = held.collect::<Vec<_>>();
        assert!(matches!(lookups.ask(nobody()), Turn::Later(_)), "all taken");
        lookups.queue().waiting.clear();
        drop(held);
        assert_eq!(lookups.queue().lanes, 0);
    }

    #[test]
    fn who_waits_is_told_where_nothing_is_left_to_run_a_query_on() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let within = runtime.enter();
        let lookups = lookups();
        let held = (0..LANES).map(|_| lookups.ask(nobody()));
        let held = held.collect::<Vec<_>>();
        let Turn::Later(answer) = lookups.ask(nobody()) else {
            panic!("there is no other lane");
        };
        drop(within);
        drop(held);
        assert!(answer.blocking_recv().is_err());
        assert_eq!(lookups.queue().lanes, 0);
    }

    #[tokio::test]
    async fn a_shared_lane_that_is_cut_off_leaves_its_place_to_the_next() {
        let lookups = lookups();
        let held = (0..LANES).map(|_| lookups.ask(nobody()));
        let held = held.collect::<Vec<_>>();
        let Turn::Later(answer) = lookups.ask(nobody()) else {
            panic!("there is no other lane");
        };
        for turn in held {
            mem::forget(turn);
        }
        let shared = SharedLane {
            lookups: Arc::clone(&lookups),
            done: false,
        };
        drop(shared.answer_all());
        assert!(answer.await.is_err());
        assert_eq!(lookups.queue().lanes, LANES - 1);
    }
}
