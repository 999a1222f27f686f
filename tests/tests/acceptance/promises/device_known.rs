//! Browsers that are known: what they are spared, and that they prove nothing.

use acceptance::{Caller, Deployment, OTHER_PASSWORD, Options, Person, forged};
use chrono::Duration;
use serde_json::json;

use super::browser::{Browser, DEVICE, SESSION};
use super::protected::{Protected, login, reset, reset_link};

async fn wrong_from(visitor: &Caller, person: &Person, device: Option<&str>) -> u16 {
    let mut body = json!({
        "email": person.email, "password": OTHER_PASSWORD, "transport": "bearer",
    });
    if let Some(device) = device {
        body["device_token"] = json!(device);
    }
    visitor.post("/login", body).await.status.as_u16()
}

async fn close_for_strangers(deployment: &Deployment, person: &Person) {
    let visitor = deployment.visitor();
    for _ in 0..5 {
        assert_eq!(wrong_from(&visitor, person, None).await, 401);
    }
    assert_eq!(wrong_from(&visitor, person, None).await, 429);
}

/// Checks: owner_not_locked_out (NIST-3.2.2-m1), device_cookie_protocol (OWASP-DEV-1).
#[tokio::test]
async fn a_known_device_signs_in_while_strangers_are_refused() {
    let deployment = Deployment::start().await;
    let ada = deployment.register("ada@example.com").await;
    let eve = deployment.register("eve@example.com").await;
    let visitor = deployment.visitor();
    let mut browser = Browser::new(&deployment);
    browser.login(&ada).await.expect(200);
    close_for_strangers(&deployment, &ada).await;
    // The right password waits as well, in any spelling of the address.
    visitor
        .post("/login", ada.login())
        .await
        .expect_problem(429, "too_many_attempts");
    login(&visitor, "ADA@example.com", &ada.password)
        .await
        .expect_problem(429, "too_many_attempts");

    visitor.post("/login", ada.login_known()).await.expect(200);
    browser.cookies.remove(SESSION);
    browser.login(&ada).await.expect(200);

    // A forged mark, and one of another account, are as good as none.
    let forged = forged(&ada.device_token);
    for device in [forged.as_str(), &eve.device_token, "cs_device_x", ""] {
        assert_eq!(wrong_from(&visitor, &ada, Some(device)).await, 429);
    }
}

#[tokio::test]
async fn failures_of_a_known_device_count_against_that_device_alone() {
    let options = Options::default().setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let deployment = Deployment::with(options).await;
    let ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let other = visitor.post("/login", ada.login()).await.expect(200);
    let other = other.text_at("/device_token");
    for _ in 0..10 {
        assert_eq!(
            wrong_from(&visitor, &ada, Some(&ada.device_token)).await,
            401
        );
    }
    assert_eq!(
        wrong_from(&visitor, &ada, Some(&ada.device_token)).await,
        429
    );
    visitor
        .post("/login", ada.login_known())
        .await
        .expect_problem(429, "too_many_attempts");
    assert_eq!(wrong_from(&visitor, &ada, Some(&other)).await, 401);
    visitor.post("/login", ada.login()).await.expect(200);

    deployment.clock.turn(Duration::minutes(61));
    visitor.post("/login", ada.login_known()).await.expect(200);
}

/// Scenario:
/// 1. An owner whose browser is known signs in from twenty others, one after the other.
/// 2. The twentieth took the place of the one that was used longest ago, and of no other.
#[tokio::test]
async fn an_account_knows_twenty_browsers() {
    let options = Options::default().setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let deployment = Deployment::with(options).await;
    let ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let mut known = vec![ada.device_token.clone()];
    for _ in 0..20 {
        deployment.clock.turn(Duration::minutes(1));
        let answer = visitor.post("/login", ada.login()).await.expect(200);
        known.push(answer.text_at("/device_token"));
    }
    close_for_strangers(&deployment, &ada).await;
    for (number, token) in known.iter().enumerate() {
        let expected = if number == 0 { 429 } else { 401 };
        assert_eq!(
            wrong_from(&visitor, &ada, Some(token)).await,
            expected,
            "{number}"
        );
    }
}

/// Checks: device_cookie_revoked (OWASP-DEV-4), in that a reset voids every mark but the new one.
#[tokio::test]
async fn a_reset_voids_every_mark_but_that_of_the_browser_that_reset() {
    let deployment = Deployment::start().await;
    let ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let token = reset_link(&deployment, &ada.email, 1).await;
    let answer = reset(&visitor, &token, OTHER_PASSWORD).await.expect(200);
    let known = answer.text_at("/device_token");
    let ada = Person {
        password: OTHER_PASSWORD.to_owned(),
        ..ada
    };
    for _ in 0..5 {
        let answer = login(&visitor, &ada.email, "some other password").await;
        answer.expect_problem(401, "invalid_credentials");
    }
    let old = visitor.post("/login", ada.login_known()).await;
    old.expect_problem(429, "too_many_attempts");
    let ada = Person {
        device_token: known,
        ..ada
    };
    visitor.post("/login", ada.login_known()).await.expect(200);
}

/// A password reset lifts the wait of strangers.
#[tokio::test]
async fn a_reset_lifts_the_wait_for_passwords() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    close_for_strangers(&deployment, &ada).await;
    let visitor = deployment.visitor();
    let token = reset_link(&deployment, &ada.email, 1).await;
    reset(&visitor, &token, OTHER_PASSWORD).await.expect(200);
    login(&visitor, &ada.email, OTHER_PASSWORD)
        .await
        .expect(200);
}

/// Checks: device_cookie_never_authenticates (NIST-5.1-D).
#[tokio::test]
async fn a_mark_is_no_factor_and_opens_nothing() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let answer = ada
        .visitor
        .post("/login", ada.person.login_known())
        .await
        .expect(200);
    assert_eq!(answer.json["status"], "second_factor_required");
    let mut browser = Browser::new(&deployment);
    let device = ada.person.device_token.clone();
    browser.cookies.insert(DEVICE.to_owned(), device);
    for path in ["/session", "/settings", "/sessions"] {
        browser
            .get(path)
            .await
            .expect_problem(401, "unauthenticated");
    }
}

/// The mark follows the challenge: whoever was known when the password was given stays known.
#[tokio::test]
async fn a_completed_sign_in_with_a_code_keeps_the_mark_that_gave_the_password() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let answer = ada.visitor.post("/login", ada.person.login_known()).await;
    let challenge = answer.expect(200).text_at("/challenge/token");
    let code = ada.fresh_code(&deployment);
    let answer = ada.present(&challenge, &code).await.expect(200);
    assert_eq!(answer.text_at("/device_token"), ada.person.device_token);
    // Without a mark, one is made.
    let challenge = ada.challenge().await;
    let code = ada.fresh_code(&deployment);
    let answer = ada.present(&challenge, &code).await.expect(200);
    assert_ne!(answer.text_at("/device_token"), ada.person.device_token);
}

/// Signing out leaves the browser known.
#[tokio::test]
async fn signing_out_leaves_the_browser_known() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let mut browser = Browser::new(&deployment);
    browser.login(&ada).await.expect(200);
    let answer = browser.post("/logout", json!({})).await.expect(204);
    assert!(browser.cookies.contains_key(DEVICE));
    assert!(!browser.cookies.contains_key(SESSION));
    let clear = answer.headers["clear-site-data"].to_str().unwrap();
    assert!(!clear.contains("cookies"), "{clear}");
    close_for_strangers(&deployment, &ada).await;
    browser.login(&ada).await.expect(200);
}
