//! "The life of two-factor, step by step": the seven promises of the product, one test each.

use acceptance::{Deployment, OTHER_PASSWORD, Options, oracle};
use chrono::Duration;
use data_encoding::BASE64;
use serde_json::json;

use super::browser::{Browser, SESSION};
use super::protected::{
    CONFIRM, ENROLLMENT, Protected, confirm, current, login, reset, reset_link, turn_to,
};
use super::shape::{assert_about, instant, members, words};

/// Promise 1.
#[tokio::test]
async fn sign_in_takes_the_password_first_and_only_password_and_code_together_give_a_session() {
    let deployment = Deployment::start().await;
    let ada = deployment.register("ada@example.com").await;
    let mut browser = Browser::new(&deployment);
    browser.login(&ada).await.expect(200);
    let session = browser.get("/session").await.expect(200);
    assert_eq!(session.json["session"]["factors"], json!(["password"]));

    let protected = Protected::protect(&deployment, ada.clone()).await;
    let mut browser = Browser::new(&deployment);
    let answer = browser.login(&ada).await.expect(200);
    assert_eq!(answer.json["status"], "second_factor_required");
    assert_eq!(answer.json["challenge"]["factors"], json!(["totp"]));
    assert_eq!(members(&answer.json), ["challenge", "status"]);
    assert!(answer.headers.get("set-cookie").is_none());
    browser
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");

    let code = protected.fresh_code(&deployment);
    let challenge = answer.text_at("/challenge/token");
    let body = json!({ "challenge": challenge, "code": code });
    let answer = browser.post("/login/second-factor", body).await.expect(200);
    assert_eq!(answer.json["status"], "signed_in");
    assert!(browser.cookies.contains_key(SESSION));
    let session = browser.get("/session").await.expect(200);
    assert_eq!(
        session.json["session"]["factors"],
        json!(["password", "totp"])
    );
    deployment.verify().await;
}

/// Promise 2. Checks: secret_shown_once (NIST-3.1.4.2-B).
#[tokio::test]
async fn turning_it_on_takes_the_current_password_a_scan_and_a_code() {
    let deployment = Deployment::start().await;
    let ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner = ada.sign_in(&visitor).await;
    owner
        .post(ENROLLMENT, json!({ "current_password": OTHER_PASSWORD }))
        .await
        .expect_problem(401, "invalid_credentials");

    let answer = owner.post(ENROLLMENT, current(&ada)).await.expect(201);
    let uri = answer.text_at("/otpauth_uri");
    let folder = tempfile::tempdir().unwrap();
    let (png, svg) = (folder.path().join("qr.png"), folder.path().join("svg.png"));
    let data = answer.text_at("/qr_png");
    let data = data.strip_prefix("data:image/png;base64,").unwrap();
    std::fs::write(&png, BASE64.decode(data.as_bytes()).unwrap()).unwrap();
    assert_eq!(oracle::zbarimg(&png), uri);
    oracle::rsvg_convert(&answer.text_at("/qr_svg"), &svg);
    assert_eq!(oracle::zbarimg(&svg), uri);
    let secret = answer.text_at("/secret");
    assert!(uri.contains(&format!("secret={secret}&")), "{uri}");
    assert!(uri.starts_with("otpauth://totp/Countersign:ada%40example.com?"));

    // Until then sign-in asks for no code.
    ada.sign_in(&visitor).await;
    let authenticator = acceptance::Authenticator { secret };
    let wrong = authenticator.wrong_code(deployment.clock.now());
    confirm(&owner, &wrong)
        .await
        .expect_problem(401, "invalid_code");
    ada.sign_in(&visitor).await;
    let code = authenticator.code(deployment.clock.now());
    let answer = confirm(&owner, &code).await.expect(200);
    assert_eq!(answer.json["status"], "enabled");
    ada.challenge(&visitor).await;
}

/// Promise 2, its end.
#[tokio::test]
async fn an_enrollment_that_is_never_finished_expires() {
    let deployment = Deployment::start().await;
    let ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner = ada.sign_in(&visitor).await;
    let answer = owner.post(ENROLLMENT, current(&ada)).await.expect(201);
    let authenticator = acceptance::Authenticator {
        secret: answer.text_at("/secret"),
    };
    let expires_at = instant(&answer.json["expires_at"]);
    assert_about(
        &answer.json["expires_at"],
        deployment.clock.now() + Duration::minutes(15),
    );
    turn_to(&deployment, expires_at - Duration::seconds(20));
    let settings = owner.get("/settings").await.expect(200);
    assert_eq!(settings.json["two_factor"]["status"], "enrolling");
    let wrong = authenticator.wrong_code(deployment.clock.now());
    confirm(&owner, &wrong)
        .await
        .expect_problem(401, "invalid_code");

    turn_to(&deployment, expires_at);
    let code = authenticator.code(deployment.clock.now());
    confirm(&owner, &code)
        .await
        .expect_problem(409, "no_enrollment");
    let settings = owner.get("/settings").await.expect(200);
    assert_eq!(settings.json["two_factor"], json!({ "status": "disabled" }));
    ada.sign_in(&visitor).await;
    deployment.verify().await;
}

/// Promise 3, as far as the API tells what the banner says.
#[tokio::test]
async fn the_settings_say_that_two_factor_is_on_and_since_when() {
    let deployment = Deployment::start().await;
    let ada = deployment.register("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let authenticator = ada.start_enrollment(&owner).await;
    let code = authenticator.code(deployment.clock.now());
    let answer = owner
        .post(CONFIRM, json!({ "code": code }))
        .await
        .expect(200);
    assert_about(&answer.json["enabled_at"], deployment.clock.now());

    deployment.clock.turn(Duration::hours(20));
    let settings = owner.get("/settings").await.expect(200);
    let since = &answer.json["enabled_at"];
    assert_eq!(
        settings.json["two_factor"],
        json!({ "status": "enabled", "enabled_at": since })
    );
}

/// Promise 4: the lost device, with a session that is still signed in.
#[tokio::test]
async fn somebody_who_lost_the_device_turns_it_off_from_a_session_that_is_still_signed_in() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let other = ada.sign_in(&deployment).await;
    // A week later the device is gone, and the session is not.
    for _ in 0..7 {
        deployment.clock.turn(Duration::hours(23));
        other.get("/session").await.expect(200);
    }
    let body = json!({ "current_password": OTHER_PASSWORD });
    other
        .post("/settings/two-factor/disable", body)
        .await
        .expect_problem(401, "invalid_credentials");
    assert_eq!(ada.attempt("000000").await.status, 401);
    ada.disable(&other).await.expect(204);

    let settings = other.get("/settings").await.expect(200);
    assert_eq!(settings.json["two_factor"], json!({ "status": "disabled" }));
    ada.person.sign_in(&ada.visitor).await;
    let mail = deployment
        .mail(
            &ada.person.email,
            "Two-factor authentication was turned off",
        )
        .await;
    assert!(words(&mail.text).contains("If it was not you"));
    deployment.verify().await;
}

/// Promise 5. Checks: new_seed_each_enrollment (RFC6238-3-R2).
#[tokio::test]
async fn changing_the_device_is_turning_it_off_and_on_again_with_a_new_secret() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    ada.disable(&ada.owner).await.expect(204);
    deployment.clock.turn_to_next_step();
    let now = deployment.clock.now();
    let new = ada.person.enable_two_factor(&ada.owner, now).await;
    assert_ne!(new.secret, ada.authenticator.secret);

    let old_code = ada.fresh_code(&deployment);
    ada.attempt(&old_code)
        .await
        .expect_problem(401, "invalid_code");
    let code = new.code(deployment.clock.now());
    ada.person.sign_in_with(&ada.visitor, &code).await;
    deployment.verify().await;
}

/// Promise 5, its second half. Checks: secret_shown_once (NIST-3.1.4.2-B).
#[tokio::test]
async fn the_secret_of_an_enrollment_never_comes_back_from_any_call() {
    let deployment = Deployment::start().await;
    let ada = deployment.register("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let authenticator = ada.start_enrollment(&owner).await;
    let (support, auditor) = (deployment.support().await, deployment.auditor().await);
    let account = deployment.account_id(&ada.email).await;
    let mut said = Vec::new();
    for step in ["enrolling", "enabled"] {
        if step == "enabled" {
            let code = authenticator.code(deployment.clock.now());
            said.push(confirm(&owner, &code).await.expect(200).text);
        }
        said.push(owner.get("/settings").await.expect(200).text);
        said.push(owner.get("/session").await.expect(200).text);
        said.push(owner.get("/sessions").await.expect(200).text);
        said.push(owner.get(ENROLLMENT).await.expect(405).text);
        let path = format!("/support/accounts/{account}");
        said.push(support.get(&path).await.expect(200).text);
        let path = format!("/audit/accounts/{account}/state");
        said.push(auditor.get(&path).await.expect(200).text);
        said.push(json!(deployment.events(&auditor, &account).await).to_string());
    }
    let again = owner.post(ENROLLMENT, current(&ada)).await;
    said.push(again.expect_problem(409, "two_factor_already_enabled").text);
    deployment
        .mail(&ada.email, "Two-factor authentication was turned on")
        .await;
    said.extend(deployment.mails().into_iter().map(|mail| mail.text));
    said.push(deployment.log(0));
    for text in said {
        assert!(!text.contains(&authenticator.secret), "{text}");
        assert!(!text.contains("otpauth"), "{text}");
    }
}

/// Promise 6.
#[tokio::test]
async fn a_reset_ends_every_session_at_once_and_leaves_two_factor_on() {
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_SUPPORT_CONTACT", "help@example.com");
    let deployment = Deployment::with(options).await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let here = ada.sign_in(&deployment).await;
    let there = here.at(&deployment.servers[1].url);
    there.get("/session").await.expect(200);

    let token = reset_link(&deployment, &ada.person.email, 1).await;
    let mail = deployment.mail(&ada.person.email, "Reset").await;
    let text = words(&mail.text);
    assert!(text.contains("do NOT reset the password"), "{text}");
    assert!(text.contains("A session that is still signed in"), "{text}");
    assert!(text.contains("Support, who can unlock your account: help@example.com"));

    here.get("/session").await.expect(200);
    reset(&ada.visitor, &token, OTHER_PASSWORD)
        .await
        .expect(200);
    for owner in [&there, &here, &ada.owner] {
        owner
            .get("/session")
            .await
            .expect_problem(401, "unauthenticated");
    }
    let old = login(&ada.visitor, &ada.person.email, &ada.person.password).await;
    old.expect_problem(401, "invalid_credentials");
    let answer = login(&ada.visitor, &ada.person.email, OTHER_PASSWORD).await;
    assert_eq!(answer.json["status"], "second_factor_required");
    let code = ada.fresh_code(&deployment);
    let answer = ada
        .present(&answer.text_at("/challenge/token"), &code)
        .await
        .expect(200);
    let owner = ada
        .visitor
        .clone()
        .with_bearer(&answer.text_at("/session/token"));
    let settings = owner.get("/settings").await.expect(200);
    assert_eq!(settings.json["two_factor"]["status"], "enabled");
    deployment.verify().await;
}

/// Promise 7.
#[tokio::test]
async fn support_unlocks_somebody_who_is_locked_out_and_the_password_alone_signs_in() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let pending = ada.challenge().await;
    let wrong = ada.wrong_code(&deployment);
    for _ in 0..5 {
        ada.attempt(&wrong)
            .await
            .expect_problem(401, "invalid_code");
    }
    let code = ada.fresh_code(&deployment);
    let waiting = ada.present(&pending, &code).await;
    waiting.expect_problem(429, "too_many_attempts");

    let answer = ada.unlock(&deployment).await.expect(200);
    assert_eq!(answer.json["account"]["two_factor"], "disabled");
    assert_eq!(answer.json["account"]["locked"], false);
    ada.owner
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
    let code = ada.fresh_code(&deployment);
    ada.present(&pending, &code)
        .await
        .expect_problem(401, "challenge_expired");
    let owner = ada.person.sign_in(&ada.visitor).await;
    let settings = owner.get("/settings").await.expect(200);
    assert_eq!(settings.json["two_factor"], json!({ "status": "disabled" }));
    deployment.mail(&ada.person.email, "Support unlocked").await;

    let auditor = deployment.auditor().await;
    let account = deployment.account_id(&ada.person.email).await;
    let events = deployment.events(&auditor, &account).await;
    let unlocked = events
        .iter()
        .find(|event| event["type"] == "AccountUnlocked")
        .unwrap();
    assert_eq!(unlocked["actor"]["kind"], "support");
    assert_eq!(unlocked["actor"]["name"], "Sam Support");
    assert!(
        unlocked["data"]
            .to_string()
            .contains("lost the phone; passport checked")
    );
    deployment.verify().await;
}
