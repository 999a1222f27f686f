//! Guesses that come at once: only as many are answered as the budget allows.

use acceptance::{Deployment, Options, Person};
use serde_json::{Value, json};

use crate::races::crowd::{Call, Tally, at_once, visitors};

const WRONG: &str = "not the right one at all";

async fn two_servers() -> Deployment {
    Deployment::with(Options::default().servers(2)).await
}

/// How many events of this type the account's history holds.
async fn recorded(deployment: &Deployment, person: &Person, event_type: &str) -> usize {
    let account = deployment.account_id(&person.email).await;
    let auditor = deployment.auditor().await;
    let events = deployment.events(&auditor, &account).await;
    events
        .iter()
        .filter(|event| event["type"] == event_type)
        .count()
}

/// As many of forty guesses are answered as the budget allows, and not one more; all others are
/// throttled, but for those that found the queue of the hashing full on a busy machine.
#[track_caller]
fn assert_answered(tally: &Tally, code: &str, budget: usize) -> usize {
    let evaluated = 40 - tally.overloaded();
    let answered = tally.count(401, code);
    assert_eq!(answered, budget.min(evaluated), "{tally:?}");
    let throttled = tally.count(429, "too_many_attempts");
    assert_eq!(throttled, evaluated - answered, "{tally:?}");
    answered
}

fn wrong_login(email: &str) -> Value {
    json!({ "email": email, "password": WRONG, "transport": "bearer" })
}

/// Scenario:
/// 1. Two servers are sent forty wrong passwords for one account at once, twenty each.
/// 2. Exactly five are answered, and are events; thirty-five are throttled, and are none.
/// 3. The owner, on the browser that verified the address, signs in all the same.
///
/// Checks: ASVS-15.4.2, "the order of a sign-in": the commit is the reservation.
#[tokio::test]
async fn of_forty_wrong_passwords_at_once_on_two_servers_exactly_five_are_answered() {
    let deployment = two_servers().await;
    let ada = deployment.register("ada@example.com").await;
    let calls = visitors(&deployment)
        .take(40)
        .map(|visitor| Call::post(&visitor, "/login", wrong_login(&ada.email)));
    let tally = Tally::of(&at_once(calls.collect()).await);
    assert_eq!(
        assert_answered(&tally, "invalid_credentials", 5),
        5,
        "{tally:?}"
    );
    assert_eq!(recorded(&deployment, &ada, "PasswordRejected").await, 5);
    assert_eq!(recorded(&deployment, &ada, "AttemptsThrottled").await, 1);

    let visitor = deployment.visitor();
    visitor.post("/login", ada.login_known()).await.expect(200);
    visitor
        .post("/login", ada.login())
        .await
        .expect_problem(429, "too_many_attempts");
    deployment.verify().await;
}

/// Scenario:
/// 1. Two servers are sent forty passwords at once for an address that has no account.
/// 2. The answers are those for an address that has one: five, and thirty-five.
#[tokio::test]
async fn of_forty_passwords_for_an_unknown_address_at_once_exactly_five_are_answered() {
    let deployment = two_servers().await;
    let calls = visitors(&deployment)
        .take(40)
        .map(|visitor| Call::post(&visitor, "/login", wrong_login("nobody@example.com")));
    let tally = Tally::of(&at_once(calls.collect()).await);
    assert_eq!(
        assert_answered(&tally, "invalid_credentials", 5),
        5,
        "{tally:?}"
    );
}

/// Scenario:
/// 1. An owner with two-factor on has presented the password twenty times.
/// 2. Two servers are sent forty wrong codes at once, two for each challenge.
/// 3. Exactly five are answered, whatever the challenge, and are events; the rest is throttled.
///
/// Checks: totp_guess_across_challenges (RFC4226-7.3).
#[tokio::test]
async fn of_forty_wrong_codes_at_once_over_twenty_challenges_exactly_five_are_answered() {
    let deployment = two_servers().await;
    let ada = deployment.register("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let authenticator = ada.enable_two_factor(&owner, deployment.clock.now()).await;
    let mut challenges = Vec::new();
    for visitor in visitors(&deployment).take(20) {
        challenges.push(ada.challenge(&visitor).await);
    }
    let code = authenticator.wrong_code(deployment.clock.now());
    let calls = visitors(&deployment)
        .zip(challenges.iter().flat_map(|challenge| [challenge; 2]))
        .map(|(visitor, challenge)| {
            let body = json!({ "challenge": challenge, "code": code, "transport": "bearer" });
            Call::post(&visitor, "/login/second-factor", body)
        });
    let tally = Tally::of(&at_once(calls.collect()).await);
    assert_eq!(assert_answered(&tally, "invalid_code", 5), 5, "{tally:?}");
    assert_eq!(recorded(&deployment, &ada, "CodeRejected").await, 5);
    assert_eq!(recorded(&deployment, &ada, "AttemptsThrottled").await, 1);
    deployment.verify().await;
}

/// Scenario:
/// 1. Somebody sits at a session that is not theirs, and sends forty wrong current passwords at
///    once to two servers.
/// 2. Exactly ten are answered, and are events; thirty are throttled; the session lives.
#[tokio::test]
async fn of_forty_wrong_current_passwords_at_once_in_one_session_exactly_ten_are_answered() {
    let deployment = two_servers().await;
    let ada = deployment.register("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let body = json!({ "current_password": WRONG });
    let calls = (0..40).map(|number: usize| {
        let owner = owner.at(&deployment.servers[number % 2].url);
        Call::post(&owner, "/settings/two-factor/enrollment", body.clone())
    });
    let tally = Tally::of(&at_once(calls.collect()).await);
    let answered = assert_answered(&tally, "invalid_credentials", 10);
    let recorded = recorded(&deployment, &ada, "PasswordRejected").await;
    assert_eq!(recorded, answered, "{tally:?}");
    owner.get("/session").await.expect(200);
    deployment.verify().await;
}
