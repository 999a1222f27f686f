//! A hundred failures close the strangers' way in, until its owner or support opens it.

use acceptance::{Deployment, Person};
use chrono::Duration;
use serde_json::json;

use crate::throttles::guessing::{
    Guesser, WRONG, expect_code, retry_after, turn_to, two_servers_without_source_limits,
};
use crate::throttles::known_devices::reset;
use crate::throttles::retention::wait_for_rows;

/// Guesses a hundred times at each address, as fast as the waits allow.
async fn guess_a_hundred_times(deployment: &Deployment, emails: &[&str]) {
    let strangers = emails
        .iter()
        .map(|email| Guesser::stranger(deployment, email));
    let strangers = strangers.collect::<Vec<_>>();
    let began = deployment.clock.now();
    for failures in 1..=100 {
        let mut over = deployment.clock.now();
        for stranger in &strangers {
            let failure = stranger.fail().await;
            if (5..100).contains(&failures) {
                let refused = stranger.refused().await;
                let wait = Duration::seconds(retry_after(&refused.answer));
                if failures >= 18 {
                    refused.waits_since(&failure, Duration::hours(24));
                }
                over = refused.ended + wait;
            }
        }
        turn_to(deployment, over);
    }
    let passed = deployment.clock.now() - began;
    assert_eq!(passed.num_days(), 84, "a hundred guesses take 84 days");
    for email in emails {
        is_closed(deployment, email).await;
    }
}

/// No passing of time opens it; what is told looks like the longest wait.
async fn is_closed(deployment: &Deployment, email: &str) {
    let stranger = Guesser::stranger(deployment, email);
    for days in [0, 1, 30] {
        deployment.clock.turn(Duration::days(days));
        let refused = stranger.refused().await;
        assert_eq!(retry_after(&refused.answer), 24 * 3600);
    }
}

/// Checks: throttle_as_documented (NIST RL-2), chk_nist_3_2_2_b (NIST-3.2.2-B),
/// unblock_link_only_device_cookie (OWASP-DEV-3).
#[tokio::test]
async fn at_a_hundred_failures_strangers_are_refused_until_a_mailed_link_lets_one_browser_in_or_a_reset_all()
 {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let ada = deployment.register("ada@example.com").await;
    guess_a_hundred_times(&deployment, &[&ada.email]).await;
    let stranger = Guesser::stranger(&deployment, &ada.email);
    let right = stranger.present(&ada.password).await;
    expect_code(&right.answer, 429, "too_many_attempts");
    let known = Guesser::known(&deployment, &ada);
    known.fail().await;
    known.signs_in(&ada.password).await;
    is_closed(&deployment, &ada.email).await;

    let token = unblock_token(&deployment, &ada).await;
    let visitor = deployment.visitor_at(1);
    let confirm = json!({ "token": token, "transport": "bearer" });
    let answer = visitor
        .post("/unblock/confirm", confirm.clone())
        .await
        .expect(200);
    let fields = answer.json.as_object().unwrap().keys().collect::<Vec<_>>();
    assert_eq!(fields, ["device_token"], "nothing else");
    assert!(answer.headers.get("set-cookie").is_none());
    visitor
        .post("/unblock/confirm", confirm)
        .await
        .expect_problem(410, "token_expired");
    let let_in = answer.text_at("/device_token");
    visitor
        .clone()
        .with_bearer(&let_in)
        .get("/session")
        .await
        .expect(401);
    let let_in = Guesser::with_device(&deployment, &ada.email, &let_in);
    let_in.fail_times(9).await;
    is_closed(&deployment, &ada.email).await;
    turn_to(&deployment, deployment.clock.now() + Duration::hours(1));
    let_in.signs_in(&ada.password).await;
    is_closed(&deployment, &ada.email).await;

    let ada = reset(&deployment, &ada).await;
    let stranger = Guesser::stranger(&deployment, &ada.email);
    let fifth = stranger.fail_times(5).await;
    stranger
        .refused()
        .await
        .waits_since(&fifth, Duration::seconds(30));
    Guesser::known(&deployment, &ada)
        .signs_in(&ada.password)
        .await;
    deployment.verify().await;
}

async fn unblock_token(deployment: &Deployment, person: &Person) -> String {
    let asked = json!({ "email": person.email });
    let answer = deployment
        .visitor()
        .post("/unblock", asked)
        .await
        .expect(202);
    assert_eq!(answer.json, json!({ "status": "unblock_sent" }));
    deployment.mailed_token(&person.email, "unblock").await
}

#[tokio::test]
async fn support_opens_what_a_hundred_failures_closed() {
    let mut deployment = Deployment::with(two_servers_without_source_limits()).await;
    let ada = deployment.create_account("ada@example.com").await;
    let once = Guesser::stranger(&deployment, "once@example.com");
    once.fail().await;
    let emails = [ada.email.as_str(), "nobody@example.com"];
    guess_a_hundred_times(&deployment, &emails).await;
    // Housekeeping, which a server begins with, forgets old counts but nothing that is closed.
    deployment.servers[0].terminate().await;
    deployment.restart(0).await;
    wait_for_rows(&deployment, "throttles", 2).await;
    for email in emails {
        is_closed(&deployment, email).await;
    }

    let support = deployment.support().await;
    let account = deployment.account_id(&ada.email).await;
    let seen = support
        .get(&format!("/support/accounts/{account}"))
        .await
        .expect(200);
    let wait = &seen.json["waits"][0];
    assert_eq!(wait["failures"], 100, "{}", seen.text);
    let unlock = json!({ "reason": "an owner on the phone, shown a passport" });
    let path = format!("/support/accounts/{account}/unlock");
    support.post(&path, unlock.clone()).await.expect(200);
    support
        .post(&path, unlock)
        .await
        .expect_problem(409, "nothing_to_unlock");
    let stranger = Guesser::stranger(&deployment, &ada.email);
    stranger.fail_times(4).await;
    stranger.signs_in(&ada.password).await;
    is_closed(&deployment, "nobody@example.com").await;
    deployment.verify().await;
}

/// Checks: unblock_link_only_device_cookie (OWASP-DEV-3): in a browser.
#[tokio::test]
async fn an_unblock_link_sets_the_device_cookie_and_nothing_else_and_only_for_its_own_account() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let ada = deployment.create_account("ada@example.com").await;
    let bob = deployment.create_account("bob@example.com").await;
    for person in [&ada, &bob] {
        Guesser::stranger(&deployment, &person.email)
            .fail_times(5)
            .await;
    }
    let token = unblock_token(&deployment, &ada).await;
    let page = deployment
        .visitor()
        .with_header("sec-fetch-site", "same-origin");
    let answer = page
        .post("/unblock/confirm", json!({ "token": token }))
        .await
        .expect(204);
    let cookies = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .collect::<Vec<_>>();
    assert_eq!(cookies.len(), 1);
    let name = "__Host-countersign_device";
    let device = answer.cookie(name).unwrap();
    let browser = page.with_header("cookie", &format!("{name}={device}"));
    browser.get("/session").await.expect(401);
    let login =
        |person: &Person, password: &str| json!({ "email": person.email, "password": password });
    let answer = browser.post("/login", login(&bob, &bob.password)).await;
    expect_code(&answer, 429, "too_many_attempts");
    let answer = browser.post("/login", login(&ada, WRONG)).await;
    expect_code(&answer, 401, "invalid_credentials");
    browser
        .post("/login", login(&ada, &ada.password))
        .await
        .expect(200);
}
