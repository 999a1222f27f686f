//! Many calls at once, and what may be said of their answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acceptance::{Answer, Caller, Deployment};
use reqwest::Method;
use serde_json::Value;
use sqlx::PgConnection;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// One call of a crowd.
pub(crate) struct Call {
    pub(crate) caller: Caller,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) body: Option<Value>,
}

impl Call {
    pub(crate) fn post(caller: &Caller, path: &'static str, body: Value) -> Self {
        Self {
            caller: caller.clone(),
            method: Method::POST,
            path,
            body: Some(body),
        }
    }
}

/// All calls at the same moment; their answers, in no order.
pub(crate) async fn at_once(calls: Vec<Call>) -> Vec<Answer> {
    let start = Arc::new(Barrier::new(calls.len()));
    let mut crowd = JoinSet::new();
    for call in calls {
        let start = Arc::clone(&start);
        crowd.spawn(async move {
            start.wait().await;
            call.caller.send(call.method, call.path, call.body).await
        });
    }
    crowd.join_all().await
}

/// Visitors of the first two servers, in turns.
pub(crate) fn visitors(deployment: &Deployment) -> impl Iterator<Item = Caller> {
    [deployment.visitor_at(0), deployment.visitor_at(1)]
        .into_iter()
        .cycle()
}

/// How often which answer was given.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<(u16, String), usize>);

impl Tally {
    /// Of answers that may all be given to a crowd: no fault of the server's own, and where it
    /// sends somebody away for now, it says for how long.
    pub(crate) fn of(answers: &[Answer]) -> Self {
        Self::counted(answers, &["overloaded"])
    }

    /// The same of more than a server can take: connections to the database may run short as well.
    pub(crate) fn of_a_flood(answers: &[Answer]) -> Self {
        Self::counted(answers, &["overloaded", "unavailable"])
    }

    fn counted(answers: &[Answer], excuses: &[&str]) -> Self {
        let mut tally = Self::default();
        for answer in answers {
            let (status, code) = (answer.status.as_u16(), answer.code());
            let may_be = status == 503 && excuses.contains(&code);
            assert!(
                status < 500 || may_be,
                "a server failed: {status} {}",
                answer.text
            );
            if status == 429 || may_be {
                let seconds = answer.headers["retry-after"].to_str().unwrap();
                assert!(seconds.parse::<u64>().unwrap() > 0, "{}", answer.text);
            }
            let counted = tally.0.entry((status, code.to_owned()));
            *counted.or_default() += 1;
        }
        tally
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (answer, count) in other.0 {
            *self.0.entry(answer).or_default() += count;
        }
    }

    pub(crate) fn count(&self, status: u16, code: &str) -> usize {
        let counted = self.0.get(&(status, code.to_owned()));
        counted.copied().unwrap_or_default()
    }

    pub(crate) fn succeeded(&self) -> usize {
        let successes = self.0.iter().filter(|((status, _), _)| *status < 300);
        successes.map(|(_, count)| count).sum()
    }

    pub(crate) fn overloaded(&self) -> usize {
        self.count(503, "overloaded")
    }

    /// Nothing but the answers named here, and the retries' end.
    #[track_caller]
    pub(crate) fn holds_only(&self, allowed: &[(u16, &str)]) {
        let mut other = self.0.iter().filter(|((status, code), _)| {
            !allowed.contains(&(*status, code.as_str())) && *status != 503
        });
        assert!(other.next().is_none(), "{self:?}");
    }
}

/// How many were turned away since a command was beaten to its account too often, rather than since
/// too many passwords waited to be hashed, which is what a busy machine does.
pub(crate) async fn beaten(deployment: &Deployment, tally: &Tally) -> usize {
    let mut turned_away = 0;
    for server in &deployment.servers {
        turned_away += figure(&server.internal_url, "countersign_hashing_rejected_total").await;
    }
    let turned_away = usize::try_from(turned_away).unwrap();
    tally.overloaded().checked_sub(turned_away).unwrap()
}

/// Waits until a statement waits for a lock in this database.
pub(crate) async fn somebody_waits(connection: &mut PgConnection) {
    so_many_wait(connection, 1).await;
}

/// Waits until so many statements wait for a lock in this database.
pub(crate) async fn so_many_wait(connection: &mut PgConnection, count: i64) {
    let began = Instant::now();
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    loop {
        let waiting = sqlx::query_scalar::<_, i64>(waiting);
        let waiting = waiting.fetch_one(&mut *connection).await.unwrap();
        if waiting >= count {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{waiting} wait");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Empties the mailbox, so that the next mail with a link is the one that is asked for next.
pub(crate) fn empty_mailbox(deployment: &Deployment) {
    let Ok(entries) = std::fs::read_dir(deployment.data_dir().join("mail")) else {
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|ending| ending == "eml") {
            std::fs::remove_file(path).unwrap();
        }
    }
}

/// A figure of a server's, as its operators read it.
pub(crate) async fn figure(internal_url: &str, name: &str) -> i64 {
    let answer = reqwest::get(format!("{internal_url}/metrics"))
        .await
        .unwrap();
    let text = answer.text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap_or_else(|| panic!("no {name} in {text}"));
    value.trim().parse().unwrap()
}
