//! `POST /unblock` and `POST /unblock/confirm`: for an owner on a new browser while strangers
//! guess.

use acceptance::{Deployment, OTHER_PASSWORD, Person};
use chrono::Duration;
use serde_json::json;

use super::browser::{Browser, DEVICE, SESSION, SetCookie};
use super::protected::{Protected, login, nth_link, reset, reset_link};
use super::shape::members;

async fn ask(deployment: &Deployment, email: &str) -> acceptance::Answer {
    let body = json!({ "email": email });
    deployment
        .visitor()
        .post("/unblock", body)
        .await
        .expect(202)
}

async fn close_for_strangers(deployment: &Deployment, email: &str) {
    for _ in 0..5 {
        login(&deployment.visitor(), email, OTHER_PASSWORD)
            .await
            .expect_problem(401, "invalid_credentials");
    }
}

/// Checks: unblock_link_only_device_cookie (OWASP-DEV-3).
#[tokio::test]
async fn a_mailed_link_makes_a_browser_known_and_nothing_else() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    close_for_strangers(&deployment, &ada.email).await;
    let visitor = deployment.visitor();
    login(&visitor, &ada.email, &ada.password)
        .await
        .expect_problem(429, "too_many_attempts");

    let known = ask(&deployment, &ada.email).await;
    assert_eq!(
        known.text,
        ask(&deployment, "nobody@example.com").await.text
    );
    let token = nth_link(&deployment, &ada.email, "unblock", 1).await;
    let mut browser = Browser::new(&deployment);
    let body = json!({ "token": token });
    let answer = browser.post("/unblock/confirm", body.clone()).await;
    let answer = answer.expect(204);
    assert!(answer.text.is_empty());
    assert_eq!(SetCookie::of(&answer).len(), 1);
    assert!(browser.cookies.contains_key(DEVICE));
    assert!(!browser.cookies.contains_key(SESSION));
    browser
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
    browser.login(&ada).await.expect(200);

    // Strangers wait as before, the owner's session has not ended, and the link is spent.
    login(&visitor, &ada.email, &ada.password)
        .await
        .expect_problem(429, "too_many_attempts");
    owner.get("/session").await.expect(200);
    visitor
        .post("/unblock/confirm", body)
        .await
        .expect_problem(410, "token_expired");
    deployment.verify().await;
}

#[tokio::test]
async fn a_bearer_client_gets_its_mark_in_the_body() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    close_for_strangers(&deployment, &ada.person.email).await;
    ask(&deployment, &ada.person.email).await;
    let token = nth_link(&deployment, &ada.person.email, "unblock", 1).await;
    let body = json!({ "token": token, "transport": "bearer" });
    let answer = ada.visitor.post("/unblock/confirm", body).await.expect(200);
    assert_eq!(members(&answer.json), ["device_token"]);
    let known = Person {
        device_token: answer.text_at("/device_token"),
        ..ada.person.clone()
    };
    // Two-factor is asked for as ever.
    let answer = ada.visitor.post("/login", known.login_known()).await;
    assert_eq!(answer.expect(200).json["status"], "second_factor_required");
}

/// It proves the mailbox and no password: what a reset ends is none of its business.
#[tokio::test]
async fn an_unblock_link_outlives_a_password_reset() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    ask(&deployment, &ada.email).await;
    let token = nth_link(&deployment, &ada.email, "unblock", 1).await;
    let link = reset_link(&deployment, &ada.email, 1).await;
    let visitor = deployment.visitor();
    reset(&visitor, &link, OTHER_PASSWORD).await.expect(200);
    let mut browser = Browser::new(&deployment);
    let body = json!({ "token": token });
    browser.post("/unblock/confirm", body).await.expect(204);
    assert!(browser.cookies.contains_key(DEVICE));
}

#[tokio::test]
async fn an_unblock_link_expires_and_is_good_for_nothing_else() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    ask(&deployment, &ada.email).await;
    let token = nth_link(&deployment, &ada.email, "unblock", 1).await;
    let visitor = deployment.visitor();
    let body = json!({ "token": token, "new_password": OTHER_PASSWORD });
    visitor
        .post("/password-reset/confirm", body)
        .await
        .expect_problem(410, "token_expired");
    for wrong in ["", "x", &token[..token.len() - 1]] {
        let body = json!({ "token": wrong });
        visitor
            .post("/unblock/confirm", body)
            .await
            .expect_problem(410, "token_expired");
    }
    deployment
        .clock
        .turn(Duration::hours(24) + Duration::seconds(1));
    let body = json!({ "token": token });
    visitor
        .post("/unblock/confirm", body)
        .await
        .expect_problem(410, "token_expired");
}
