//! `/settings/two-factor`: enrolling, confirming, cancelling and disabling, call by call.

use acceptance::{Deployment, OTHER_PASSWORD, Options};
use chrono::Duration;
use reqwest::Url;
use serde_json::json;

use super::protected::{
    CONFIRM, DISABLE, ENROLLMENT, Protected, change_password, confirm, current, login,
};
use super::shape::{assert_about, instant, members, retry_after};

/// Checks: seed_len (RFC4226-4-R6), chk_nist_3_1_4_1_c.
#[tokio::test]
async fn starting_an_enrollment_answers_with_what_an_app_needs() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let answer = owner.post(ENROLLMENT, current(&ada)).await.expect(201);
    assert_eq!(
        members(&answer.json),
        ["expires_at", "otpauth_uri", "qr_png", "qr_svg", "secret"]
    );
    let in_a_quarter = deployment.clock.now() + Duration::minutes(15);
    assert_about(&answer.json["expires_at"], in_a_quarter);
    let secret = answer.text_at("/secret");
    assert_eq!(secret.len(), 32);
    let seed = data_encoding::BASE32_NOPAD.decode(secret.as_bytes());
    assert_eq!(seed.unwrap().len(), 20);
    assert!(answer.text_at("/qr_svg").starts_with("<svg"));
    assert_eq!(answer.headers["cache-control"], "no-store");
    let settings = owner.get("/settings").await.expect(200);
    assert_eq!(
        settings.json["two_factor"],
        json!({ "status": "enrolling", "enrollment_expires_at": answer.json["expires_at"] })
    );
}

/// Checks: otpauth_roundtrip (ASVS-1.2.2).
#[tokio::test]
async fn the_uri_names_issuer_and_account_percent_encoded() {
    let options = Options::default().setting("COUNTERSIGN_ISSUER", "Blue Heron & Söhne");
    let deployment = Deployment::with(options).await;
    let email = "ada+two factor@example.com".replace(' ', "_");
    let ada = deployment.create_account(&email).await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let answer = owner.post(ENROLLMENT, current(&ada)).await.expect(201);
    let text = answer.text_at("/otpauth_uri");
    let label = "Blue%20Heron%20%26%20S%C3%B6hne:ada%2Btwo_factor%40example.com";
    assert!(
        text.starts_with(&format!("otpauth://totp/{label}?")),
        "{text}"
    );
    assert!(text.contains("issuer=Blue%20Heron%20%26%20S%C3%B6hne"));
    assert!(!text.contains('+'), "{text}");
    let uri = Url::parse(&text).unwrap();
    let parameters = uri.query_pairs().into_owned().collect::<Vec<_>>();
    let parameter = |name: &str| {
        let mut found = parameters.iter().filter(|(key, _)| key == name);
        let value = found.next().unwrap().1.clone();
        assert!(found.next().is_none(), "{name} is there twice");
        value
    };
    assert_eq!(parameter("issuer"), "Blue Heron & Söhne");
    assert_eq!(parameter("secret"), answer.text_at("/secret"));
    assert_eq!(parameter("algorithm"), "SHA1");
    assert_eq!(parameter("digits"), "6");
    assert_eq!(parameter("period"), "30");
}

#[tokio::test]
async fn an_enrollment_is_refused_while_two_factor_is_on_and_disabling_while_it_is_off() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    for password in [&ada.password, OTHER_PASSWORD] {
        let body = json!({ "current_password": password });
        let answer = owner.post(DISABLE, body).await;
        answer.expect_problem(409, "two_factor_not_enabled");
    }
    ada.start_enrollment(&owner).await;
    let answer = owner.post(DISABLE, current(&ada)).await;
    answer.expect_problem(409, "two_factor_not_enabled");

    let now = deployment.clock.now();
    let authenticator = ada.enable_two_factor(&owner, now).await;
    for password in [&ada.password, OTHER_PASSWORD] {
        let body = json!({ "current_password": password });
        let answer = owner.post(ENROLLMENT, body).await;
        answer.expect_problem(409, "two_factor_already_enabled");
    }
    let next = authenticator.code(now + Duration::seconds(30));
    confirm(&owner, &next)
        .await
        .expect_problem(409, "no_enrollment");
    owner.delete(ENROLLMENT).await.expect(204);
    let settings = owner.get("/settings").await.expect(200);
    assert_eq!(settings.json["two_factor"]["status"], "enabled");

    owner.post(DISABLE, current(&ada)).await.expect(204);
    let answer = owner.post(DISABLE, current(&ada)).await;
    answer.expect_problem(409, "two_factor_not_enabled");
}

#[tokio::test]
async fn a_confirmation_needs_an_enrollment_and_a_cancelled_one_is_none() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    confirm(&owner, "123456")
        .await
        .expect_problem(409, "no_enrollment");
    owner.delete(ENROLLMENT).await.expect(204);

    let authenticator = ada.start_enrollment(&owner).await;
    owner.delete(ENROLLMENT).await.expect(204);
    let settings = owner.get("/settings").await.expect(200);
    assert_eq!(settings.json["two_factor"], json!({ "status": "disabled" }));
    let code = authenticator.code(deployment.clock.now());
    confirm(&owner, &code)
        .await
        .expect_problem(409, "no_enrollment");
    deployment.verify().await;
}

/// The session that confirms gains the factor, every other one ends.
#[tokio::test]
async fn confirming_answers_since_when_and_the_session_gains_the_factor() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let (owner, other) = (ada.sign_in(&visitor).await, ada.sign_in(&visitor).await);
    let authenticator = ada.start_enrollment(&owner).await;
    // Long enough for the session's row to have been written in between.
    deployment.clock.turn(Duration::minutes(5));
    let code = authenticator.code(deployment.clock.now());
    let answer = confirm(&owner, &code).await.expect(200);
    assert_eq!(members(&answer.json), ["enabled_at", "status"]);
    instant(&answer.json["enabled_at"]);
    let session = owner.get("/session").await.expect(200);
    assert_eq!(
        session.json["session"]["factors"],
        json!(["password", "totp"])
    );
    assert_eq!(session.headers["x-countersign-factors"], "password,totp");
    other
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
    deployment.verify().await;
}

/// The text differs from that of a wrong code; the counters of sign-in are not touched.
#[tokio::test]
async fn wrong_codes_for_an_enrollment_are_limited_and_never_touch_sign_in() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner = ada.sign_in(&visitor).await;
    let authenticator = ada.start_enrollment(&owner).await;
    let mut rejected = 0;
    let refused = loop {
        let wrong = authenticator.wrong_code(deployment.clock.now());
        let answer = confirm(&owner, &wrong).await;
        if answer.status == 429 {
            break answer.expect_problem(429, "too_many_attempts");
        }
        answer.expect_problem(401, "invalid_code");
        rejected += 1;
        assert!(rejected < 50, "without limit");
    };
    assert!(rejected >= 5, "{rejected} tries are too few for a person");
    let wait = retry_after(&refused);
    let code = authenticator.code(deployment.clock.now());
    confirm(&owner, &code)
        .await
        .expect_problem(429, "too_many_attempts");
    owner.get("/session").await.expect(200);
    ada.sign_in(&visitor).await;

    deployment.clock.turn(wait + Duration::seconds(1));
    let now = deployment.clock.now();
    confirm(&owner, &authenticator.code(now)).await.expect(200);
    // Five wrong codes at sign-in are as free as ever.
    let challenge = ada.challenge(&visitor).await;
    let wrong = authenticator.wrong_code(now);
    for _ in 0..4 {
        super::protected::present(&visitor, &challenge, &wrong)
            .await
            .expect_problem(401, "invalid_code");
    }
    let code = authenticator.code(now + Duration::seconds(30));
    super::protected::present(&visitor, &challenge, &code)
        .await
        .expect(200);
}

#[tokio::test]
async fn disabling_ends_every_other_session_and_keeps_this_one() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let other = ada.sign_in(&deployment).await;
    ada.disable(&other).await.expect(204);
    other.get("/session").await.expect(200);
    ada.owner
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
    let sessions = other.get("/sessions").await.expect(200);
    assert_eq!(sessions.json["sessions"].as_array().unwrap().len(), 1);
    deployment.verify().await;
}

#[tokio::test]
async fn a_new_password_leaves_two_factor_on() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    change_password(&ada.owner, &ada.person.password, OTHER_PASSWORD)
        .await
        .expect(204);
    let answer = login(&ada.visitor, &ada.person.email, OTHER_PASSWORD).await;
    assert_eq!(answer.json["status"], "second_factor_required");
    let code = ada.fresh_code(&deployment);
    ada.present(&answer.text_at("/challenge/token"), &code)
        .await
        .expect(200);
}

#[tokio::test]
async fn the_lifetime_of_an_enrollment_is_a_setting() {
    let options = Options::default().setting("COUNTERSIGN_ENROLLMENT_LIFETIME", "3m");
    let deployment = Deployment::with(options).await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let answer = owner.post(ENROLLMENT, current(&ada)).await.expect(201);
    let end = deployment.clock.now() + Duration::minutes(3);
    assert_about(&answer.json["expires_at"], end);
    deployment.clock.turn(Duration::minutes(3));
    let body = json!({ "code": "123456" });
    owner
        .post(CONFIRM, body)
        .await
        .expect_problem(409, "no_enrollment");
}
