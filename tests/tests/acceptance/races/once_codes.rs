//! A code, and a confirmation, have one winner on whatever number of servers.

use acceptance::{Authenticator, Deployment, Options, Person};
use chrono::Duration;
use serde_json::json;

use crate::races::crowd::{Call, Tally, at_once, visitors};

/// Four more than a round needs, since each of five rounds spends one.
const CHALLENGES: usize = 36;

/// Scenario:
/// 1. An owner with two-factor on has presented the password 36 times; two servers run.
/// 2. The next step begins, and all challenges (32 of them at least unspent) are answered with its
///    one code at once, half of them at each server.
/// 3. Exactly one signs in. At most five others are told that the code is spent, which is what the
///    budget allows; all others are throttled; no server fails.
/// 4. The wait passes, and the round is repeated: fifty rounds, with new challenges after each five.
///
/// Checks: totp_once_race (ASVS-6.5.1, RFC6238-5.2-once, SFOV-4), chk_asvs_2_3_4, chk_asvs_15_4_2.
#[tokio::test]
async fn one_code_presented_32_times_at_once_on_two_servers_signs_in_exactly_once() {
    let deployment = Deployment::with(Options::default().servers(2)).await;
    let ada = deployment.register("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let authenticator = ada.enable_two_factor(&owner, deployment.clock.now()).await;

    let mut overloaded = 0;
    for _ in 0..10 {
        let challenges = challenges(&deployment, &ada, CHALLENGES).await;
        for spent in 0..5 {
            let tally = race_for_a_code(&deployment, &authenticator, &challenges).await;
            assert_eq!(tally.count(401, "challenge_expired"), spent, "{tally:?}");
            overloaded += tally.overloaded();
        }
    }
    assert_eq!(overloaded, 0, "retries were exhausted");
    deployment.verify().await;
}

/// A few at a time: this is not the race.
async fn challenges(deployment: &Deployment, person: &Person, count: usize) -> Vec<String> {
    let mut challenges = Vec::new();
    while challenges.len() < count {
        let calls = visitors(deployment)
            .take(6)
            .map(|visitor| Call::post(&visitor, "/login", person.login()));
        let answers = at_once(calls.collect()).await.into_iter();
        challenges.extend(answers.map(|answer| answer.expect(200).text_at("/challenge/token")));
    }
    challenges
}

async fn race_for_a_code(
    deployment: &Deployment,
    authenticator: &Authenticator,
    challenges: &[String],
) -> Tally {
    // Another step, and beyond the wait.
    deployment.clock.turn(Duration::seconds(31));
    let code = authenticator.code(deployment.clock.now());
    let calls = visitors(deployment)
        .zip(challenges)
        .map(|(visitor, challenge)| {
            let body = json!({ "challenge": challenge, "code": code, "transport": "bearer" });
            Call::post(&visitor, "/login/second-factor", body)
        });
    let tally = Tally::of(&at_once(calls.collect()).await);
    assert_eq!(tally.succeeded(), 1, "{tally:?}");
    assert!(tally.count(401, "invalid_code") <= 5, "{tally:?}");
    tally.holds_only(&[
        (200, ""),
        (401, "invalid_code"),
        (401, "challenge_expired"),
        (429, "too_many_attempts"),
    ]);
    tally
}

/// Scenario:
/// 1. An owner is signed in twice and has begun an enrollment; two servers run.
/// 2. Both sessions confirm it with the same right code, sixteen times each, at once, in turns at
///    both servers.
/// 3. Exactly one call is told that two-factor is on. The other session has ended (401), the
///    winner's own repetitions find no enrollment (409), and no server fails.
/// 4. The owner turns two-factor off again, and the round is repeated: twenty-five rounds.
///
/// Checks: chk_asvs_2_3_4 (32 parallel confirms), RFC6238-5.2-once.
#[tokio::test]
async fn one_enrollment_confirmed_by_two_sessions_at_once_is_turned_on_exactly_once() {
    let deployment = Deployment::with(Options::default().servers(2)).await;
    let ada = deployment.register("ada@example.com").await;
    let mut overloaded = 0;
    for _ in 0..25 {
        overloaded += race_to_confirm(&deployment, &ada).await.overloaded();
    }
    assert_eq!(overloaded, 0, "retries were exhausted");
    deployment.verify().await;
}

async fn race_to_confirm(deployment: &Deployment, person: &Person) -> Tally {
    let first = person.sign_in(&deployment.visitor_at(0)).await;
    let second = person.sign_in(&deployment.visitor_at(1)).await;
    let authenticator = person.start_enrollment(&first).await;
    let body = json!({ "code": authenticator.code(deployment.clock.now()) });
    let callers = [0, 1].map(|server| &deployment.servers[server].url);
    let callers = callers.map(|url| [first.at(url), second.at(url)]);
    let calls = callers.iter().flatten().cycle().take(32).map(|caller| {
        Call::post(
            caller,
            "/settings/two-factor/enrollment/confirm",
            body.clone(),
        )
    });
    let tally = Tally::of(&at_once(calls.collect()).await);
    assert_eq!(tally.succeeded(), 1, "{tally:?}");
    tally.holds_only(&[(200, ""), (401, "unauthenticated"), (409, "no_enrollment")]);

    deployment.clock.turn_to_next_step();
    let mut winner = None;
    for owner in [first, second] {
        if owner.get("/session").await.status == 200 {
            assert!(winner.replace(owner).is_none(), "both sessions go on");
        }
    }
    let body = json!({ "current_password": person.password });
    let owner = winner.expect("the session that confirmed goes on");
    owner
        .post("/settings/two-factor/disable", body)
        .await
        .expect(204);
    tally
}
