//! `POST /accounts` and `POST /accounts/verify`.

use acceptance::{Deployment, OTHER_PASSWORD, Options, PASSWORD, forged};
use chrono::Duration;
use serde_json::json;

use super::browser::{Browser, DEVICE, SESSION, SetCookie};
use super::protected::{login, nth_link, public_url, turn_to};
use super::shape::{members, words};

async fn ask(deployment: &Deployment, email: &str) -> acceptance::Answer {
    let body = json!({ "email": email });
    deployment.visitor().post("/accounts", body).await
}

async fn verify(deployment: &Deployment, token: &str, password: &str) -> acceptance::Answer {
    let body = json!({ "token": token, "password": password, "transport": "bearer" });
    deployment.visitor().post("/accounts/verify", body).await
}

/// Checks: enum_signup (ASVS-6.3.8), as far as texts go.
#[tokio::test]
async fn asking_for_an_account_reads_alike_for_a_new_and_for_a_taken_address() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let new = ask(&deployment, "new@example.com").await.expect(202);
    let taken = ask(&deployment, &ada.email).await.expect(202);
    assert_eq!(new.json, json!({ "status": "verification_sent" }));
    assert_eq!(new.text, taken.text);
    let names = |answer: &acceptance::Answer| {
        answer
            .headers
            .keys()
            .cloned()
            .collect::<std::collections::HashSet<_>>()
    };
    assert_eq!(names(&new), names(&taken));

    let mail = deployment.mail(&ada.email, "already have an account").await;
    assert_eq!(mail.token("verify"), None);
    assert!(words(&mail.text).contains("There already is an account"));
    ada.sign_in(&deployment.visitor()).await;
    let mail = deployment.mail("new@example.com", "Confirm").await;
    let link = format!("{}/verify/", public_url(&deployment));
    assert!(mail.text.contains(&link), "{}", mail.text);
}

/// Checks: activation_token_once_and_expires (ASVS-6.4.1).
#[tokio::test]
async fn a_link_opens_the_account_once_and_within_a_day() {
    let deployment = Deployment::start().await;
    ask(&deployment, "ada@example.com").await.expect(202);
    let token = nth_link(&deployment, "ada@example.com", "verify", 1).await;
    assert!(token.starts_with("cs_verify_"), "{token}");
    login(&deployment.visitor(), "ada@example.com", PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");
    let answer = verify(&deployment, &token, PASSWORD).await.expect(200);
    assert_eq!(members(&answer.json), ["device_token"]);
    assert!(answer.headers.get("set-cookie").is_none());
    login(&deployment.visitor(), "ada@example.com", PASSWORD)
        .await
        .expect(200);
    verify(&deployment, &token, OTHER_PASSWORD)
        .await
        .expect_problem(410, "token_expired");
    login(&deployment.visitor(), "ada@example.com", OTHER_PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");

    let before = deployment.clock.now();
    for email in ["in.time@example.com", "late@example.com"] {
        ask(&deployment, email).await.expect(202);
    }
    let in_time = nth_link(&deployment, "in.time@example.com", "verify", 1).await;
    let late = nth_link(&deployment, "late@example.com", "verify", 1).await;
    turn_to(
        &deployment,
        before + Duration::hours(24) - Duration::seconds(20),
    );
    verify(&deployment, &in_time, PASSWORD).await.expect(200);
    deployment.clock.turn(Duration::minutes(1));
    verify(&deployment, &late, PASSWORD)
        .await
        .expect_problem(410, "token_expired");
    // It is never too late to ask again.
    ask(&deployment, "late@example.com").await.expect(202);
    let again = nth_link(&deployment, "late@example.com", "verify", 2).await;
    verify(&deployment, &again, PASSWORD).await.expect(200);
    deployment.verify().await;
}

/// Checks: every_cookie_flags (ASVS-3.3.1), no_session_from_get (ASVS-7.6.2).
#[tokio::test]
async fn verifying_in_a_browser_makes_it_known_and_signs_nobody_in() {
    let deployment = Deployment::start().await;
    ask(&deployment, "ada@example.com").await.expect(202);
    let token = nth_link(&deployment, "ada@example.com", "verify", 1).await;
    let mut browser = Browser::new(&deployment);
    let body = json!({ "token": token, "password": PASSWORD });
    let answer = browser.post("/accounts/verify", body).await.expect(204);
    assert!(answer.text.is_empty());
    assert_eq!(SetCookie::of(&answer).len(), 1);
    let device = SetCookie::named(&answer, DEVICE);
    for attribute in ["HttpOnly", "Path=/", "Secure", "Max-Age=31536000"] {
        assert!(device.attributes.contains(&attribute.to_owned()));
    }
    assert!(!browser.cookies.contains_key(SESSION));
    browser
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
}

/// Whoever holds the mailbox chooses the password: two askers, one account, one holder.
#[tokio::test]
async fn pre_hijack_refused() {
    let deployment = Deployment::start().await;
    for number in 1..=2 {
        ask(&deployment, "ada@example.com").await.expect(202);
        nth_link(&deployment, "ada@example.com", "verify", number).await;
    }
    let first = nth_link(&deployment, "ada@example.com", "verify", 1).await;
    let second = nth_link(&deployment, "ada@example.com", "verify", 2).await;
    verify(&deployment, &second, PASSWORD).await.expect(200);
    verify(&deployment, &first, OTHER_PASSWORD)
        .await
        .expect_problem(410, "token_expired");
    login(&deployment.visitor(), "ada@example.com", PASSWORD)
        .await
        .expect(200);
    // A sign-up carries no password that could wait for somebody else's click.
    let body = json!({ "email": "eve@example.com", "password": PASSWORD });
    let answer = deployment.visitor().post("/accounts", body).await;
    answer.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn a_wrong_key_is_a_clean_refusal() {
    let deployment = Deployment::start().await;
    ask(&deployment, "ada@example.com").await.expect(202);
    let token = nth_link(&deployment, "ada@example.com", "verify", 1).await;
    let forged = forged(&token);
    let short = &token[..token.len() - 1];
    for wrong in [
        "",
        "x",
        "cs_verify_",
        &forged,
        short,
        &format!("{token} "),
        "\u{0}",
    ] {
        verify(&deployment, wrong, PASSWORD)
            .await
            .expect_problem(410, "token_expired");
    }
    verify(&deployment, &token, PASSWORD).await.expect(200);
}

/// Mail goes to the address as it was written, and look-alikes are other people.
#[tokio::test]
async fn addresses_that_look_alike_are_different_accounts() {
    let deployment = Deployment::start().await;
    let mike = deployment.register("Mike@Example.com").await;
    let dotless = "m\u{131}ke@example.com";
    ask(&deployment, dotless).await.expect(202);
    let body = json!({ "email": dotless });
    let visitor = deployment.visitor();
    visitor.post("/password-reset", body).await.expect(202);
    ask(&deployment, "mike@example.com").await.expect(202);
    let mail = deployment.mail(&mike.email, "already have").await;
    assert_eq!(mail.to, "Mike@Example.com");
    let resets = deployment.mails();
    assert!(resets.iter().all(|mail| mail.token("reset").is_none()));
}

#[tokio::test]
async fn the_lifetime_of_a_verification_is_a_setting() {
    let options = Options::default().setting("COUNTERSIGN_VERIFICATION_LIFETIME", "1h");
    let deployment = Deployment::with(options).await;
    ask(&deployment, "ada@example.com").await.expect(202);
    let token = nth_link(&deployment, "ada@example.com", "verify", 1).await;
    deployment.clock.turn(Duration::minutes(61));
    verify(&deployment, &token, PASSWORD)
        .await
        .expect_problem(410, "token_expired");
}
