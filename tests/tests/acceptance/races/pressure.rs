//! More logins than can be hashed: who is turned away is told at once, and everything else goes on.

use std::time::{Duration, Instant};

use acceptance::{Answer, Deployment, Person};
use tokio::task::JoinSet;

use crate::races::crowd::{Call, Tally, at_once, figure};

async fn people(deployment: &Deployment, count: usize) -> Vec<Person> {
    let mut people = Vec::new();
    for number in 0..count {
        let email = format!("person-{number}@example.com");
        people.push(deployment.create_account(&email).await);
    }
    people
}

/// The most memory that a process ever took, in MiB.
fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
    kibibytes.parse::<u64>().unwrap() / 1024
}

/// Scenario:
/// 1. One server with the settings of its own: as many hashes at a time as it has cores, and 32
///    logins that wait. Two hundred people sign in at once.
/// 2. Those for whom there is room are signed in. All others are told 503 `overloaded` with
///    `Retry-After`, long before a wait in the queue would have ended; there is no other answer.
/// 3. The process has taken no more memory than the hashes that run at a time need.
/// 4. Afterwards everybody signs in as ever.
///
/// Checks: hash_queue_full_503 (ASVS-2.4.1), memory stays under a bound with 200 parallel logins.
#[tokio::test]
async fn logins_beyond_the_hashing_queue_are_told_at_once_that_the_server_is_overloaded() {
    let deployment = Deployment::start().await;
    let people = people(&deployment, 5).await;
    let visitor = deployment.visitor();
    let calls = people.iter().cycle().take(200);
    let calls = calls.map(|person| Call::post(&visitor, "/login", person.login()));
    let answers = at_once(calls.collect()).await;
    let tally = Tally::of_a_flood(&answers);
    tally.holds_only(&[(200, "")]);
    assert!(tally.succeeded() >= 32, "{tally:?}");
    assert!(tally.overloaded() >= 50, "{tally:?}");
    let refusal = answers.iter().find(|answer| answer.status == 503).unwrap();
    let seconds = refusal.headers["retry-after"].to_str().unwrap();
    assert!((1..=10).contains(&seconds.parse().unwrap()), "{seconds}");

    let memory = peak_memory(deployment.servers[0].pid());
    assert!(memory < 250, "{memory} MiB");
    for person in people {
        person.sign_in(&visitor).await;
    }
    deployment.verify().await;
}

/// Scenario:
/// 1. For two seconds, forty callers sign in again and again, so that the queue is full all the
///    time.
/// 2. A session is checked meanwhile, one check after the other: each one succeeds, and none
///    waits for a hash.
/// 3. Whoever was turned away was told so sooner than the queue moves.
#[tokio::test]
async fn a_session_check_is_answered_while_the_hashing_queue_is_full() {
    let deployment = Deployment::start().await;
    let people = people(&deployment, 5).await;
    let visitor = deployment.visitor();
    let owner = people[0].sign_in(&visitor).await;
    let (end, mut flood) = (Instant::now() + Duration::from_secs(2), JoinSet::new());
    for person in people.iter().skip(1).cycle().take(40) {
        let (visitor, login) = (visitor.clone(), person.login());
        flood.spawn(async move {
            let mut answers = Vec::new();
            while Instant::now() < end {
                let began = Instant::now();
                answers.push((visitor.post("/login", login.clone()).await, began.elapsed()));
            }
            answers
        });
    }
    let mut checks = Vec::new();
    while Instant::now() < end {
        let began = Instant::now();
        owner.get("/session").await.expect(200);
        checks.push(began.elapsed());
    }
    let answers = flood.join_all().await.into_iter().flatten();
    let (answers, delays): (Vec<Answer>, Vec<Duration>) = answers.unzip();
    let tally = Tally::of_a_flood(&answers);
    tally.holds_only(&[(200, "")]);
    assert!(tally.overloaded() > 0 && tally.succeeded() > 0, "{tally:?}");
    let mut refusals = answers
        .iter()
        .zip(&delays)
        .filter(|(answer, _)| answer.status == 503);
    let quick = refusals
        .clone()
        .filter(|(_, delay)| **delay < Duration::from_secs(1))
        .count();
    assert!(
        quick * 2 > tally.overloaded(),
        "{tally:?} {:?}",
        refusals.next()
    );
    checks.sort();
    assert!(checks.len() >= 10, "{checks:?}");
    assert!(
        checks[checks.len() / 2] < Duration::from_millis(400),
        "{checks:?}"
    );
    let rejected = figure(
        &deployment.servers[0].internal_url,
        "countersign_hashing_rejected_total",
    )
    .await;
    assert_eq!(usize::try_from(rejected).unwrap(), tally.overloaded());
}
