//! Session look-ups, answered together: whatever was asked while a query ran is asked by the next
//! one. A look-up is only ever answered by a query that began after it was asked, so what had ended
//! by then is not found.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::ready::Ready;
use crate::stream::state_columns;

/// Queries at a time: while the rows of one are read, the other's are on their way.
const LANES: usize = 1;

/// Account and session.
pub(crate) type Key = (Uuid, Uuid);

/// The session's row with those of its account, if it has them.
type Answer = Result<Option<PgRow>, Arc<sqlx::Error>>;

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
    waiting: Vec<(Key, oneshot::Sender<Answer>)>,
    lanes: usize,
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
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.waiting.push((key, asked));
        let one_more = queue.lanes < LANES;
        queue.lanes += usize::from(one_more);
        one_more
    }

    /// Answers until nobody waits.
    fn lane(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // Whoever is ready to ask takes part in the next query.
            tokio::task::yield_now().await;
            while let Some(asked) = self.next() {
                let keys = asked.iter().map(|(key, _)| *key).collect::<Vec<_>>();
                answer(asked, self.read(&keys).await);
                tokio::task::yield_now().await;
            }
        })
    }

    /// All that wait; at the end of a lane nothing.
    fn next(&self) -> Option<Vec<(Key, oneshot::Sender<Answer>)>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = mem::take(&mut queue.waiting);
        if asked.is_empty() {
            queue.lanes -= 1;
            return None;
        }
        Some(asked)
    }

    async fn read(&self, keys: &[Key]) -> Result<Vec<PgRow>, sqlx::Error> {
        let (accounts, sessions): (Vec<_>, Vec<_>) = keys.iter().copied().unzip();
        let query = sqlx::query(FIND).bind(accounts).bind(sessions);
        self.ready.fetch_all(query).await
    }
}

/// Gives each its row. Who has hung up is not waited for.
fn answer(asked: Vec<(Key, oneshot::Sender<Answer>)>, read: Result<Vec<PgRow>, sqlx::Error>) {
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
