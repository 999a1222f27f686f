//! What clears the counts of failures: a completed sign-in those of its own class, and nothing less.

use acceptance::{Deployment, Person};
use chrono::Duration;
use serde_json::json;

use crate::throttles::guessing::{
    Guesser, WRONG, retry_after, sit_out, two_servers_without_source_limits,
};

/// Checks: counter_reset_rules (NIST-3.2.2-s1, RL-5).
#[tokio::test]
async fn a_completed_sign_in_clears_the_strangers_count_and_a_known_device_s_does_not() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let ada = deployment.register("ada@example.com").await;
    let stranger = Guesser::stranger(&deployment, &ada.email);
    stranger.fail_times(4).await;
    stranger.signs_in(&ada.password).await;
    stranger.fail_times(4).await;
    Guesser::known(&deployment, &ada)
        .signs_in(&ada.password)
        .await;
    let fifth = stranger.fail().await;
    stranger
        .refused()
        .await
        .waits_since(&fifth, Duration::seconds(30));

    // Nor does a sign-in as a stranger clear the count of a device.
    sit_out(&[(&stranger, &fifth)], Duration::seconds(30)).await;
    let known = Guesser::known(&deployment, &ada);
    known.fail_times(10).await;
    stranger.signs_in(&ada.password).await;
    known.refused().await;
}

/// Checks: counter_reset_rules (NIST-3.2.2-s1, RL-5).
#[tokio::test]
async fn the_right_password_alone_clears_nothing_while_a_code_is_to_come() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner = ada.sign_in(&visitor).await;
    let authenticator = ada.enable_two_factor(&owner, deployment.clock.now()).await;
    let stranger = Guesser::stranger(&deployment, &ada.email);
    stranger.fail_times(4).await;
    wrong_code(
        &deployment,
        &ada,
        &authenticator.wrong_code(deployment.clock.now()),
    )
    .await;
    let fifth = stranger.fail().await;
    stranger
        .refused()
        .await
        .waits_since(&fifth, Duration::seconds(30));
    sit_out(&[(&stranger, &fifth)], Duration::seconds(30)).await;

    // Neither does a code count as a password, nor the password as a code: three codes more are
    // evaluated, and the sign-in that a right one completes clears both counts.
    let now = deployment.clock.now();
    for _ in 0..3 {
        wrong_code(&deployment, &ada, &authenticator.wrong_code(now)).await;
    }
    deployment.clock.turn_to_next_step();
    let code = authenticator.code(deployment.clock.now());
    ada.sign_in_with(&visitor, &code).await;
    stranger.fail_times(5).await;
    let refused = stranger.refused().await;
    assert!(retry_after(&refused.answer) <= 30, "the first wait again");
    let now = deployment.clock.now();
    for _ in 0..5 {
        known_wrong_code(&deployment, &ada, &authenticator.wrong_code(now)).await;
    }
    let challenge = known_challenge(&deployment, &ada).await;
    let body = json!({ "challenge": challenge, "code": authenticator.wrong_code(now) });
    let answer = visitor.post("/login/second-factor", body).await;
    assert!(retry_after(&answer) <= 30, "the first wait again");
}

async fn wrong_code(deployment: &Deployment, person: &Person, code: &str) {
    let challenge = person.challenge(&deployment.visitor_at(1)).await;
    reject(deployment, &challenge, code).await;
}

async fn known_wrong_code(deployment: &Deployment, person: &Person, code: &str) {
    let challenge = known_challenge(deployment, person).await;
    reject(deployment, &challenge, code).await;
}

async fn known_challenge(deployment: &Deployment, person: &Person) -> String {
    let answer = deployment
        .visitor()
        .post("/login", person.login_known())
        .await
        .expect(200);
    answer.text_at("/challenge/token")
}

async fn reject(deployment: &Deployment, challenge: &str, code: &str) {
    let body = json!({ "challenge": challenge, "code": code });
    let answer = deployment
        .visitor()
        .post("/login/second-factor", body)
        .await;
    answer.expect_problem(401, "invalid_code");
}

/// An owner's own mistakes in settings have a budget of their own, by session.
#[tokio::test]
async fn ten_wrong_current_passwords_in_a_session_close_it_to_an_eleventh_for_an_hour_and_it_lives()
{
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let ada = deployment.register("ada@example.com").await;
    let (here, there) = (deployment.visitor_at(0), deployment.visitor_at(1));
    let owner = ada.sign_in(&here).await;
    let elsewhere = ada.sign_in(&there).await;
    let wrong = json!({ "current_password": WRONG });
    let began = deployment.clock.now();
    for n in 0..10 {
        let owner = owner.at(&deployment.servers[n % 2].url);
        let path = "/settings/two-factor/enrollment";
        let answer = owner.post(path, wrong.clone()).await;
        answer.expect_problem(401, "invalid_credentials");
    }
    let right = json!({ "current_password": ada.password });
    let path = "/settings/two-factor/enrollment";
    let answer = owner.post(path, right.clone()).await;
    let left = retry_after(&answer);
    let spent = (deployment.clock.now() - began).num_seconds();
    assert!((3600 - spent - 1..=3600).contains(&left), "{left}");
    owner.get("/session").await.expect(200);
    elsewhere.post(path, right.clone()).await.expect(201);
    Guesser::stranger(&deployment, &ada.email)
        .fail_times(4)
        .await;
    deployment.clock.turn(Duration::seconds(left));
    owner.post(path, right).await.expect(201);
}
