//! `POST /password-reset` and `POST /password-reset/confirm`.

use acceptance::{Deployment, OTHER_PASSWORD, Options, PASSWORD};
use chrono::Duration;
use serde_json::json;

use super::browser::{Browser, DEVICE, SESSION, SetCookie};
use super::protected::{Protected, login, public_url, reset, reset_link, turn_to};
use super::shape::{members, words};

/// Checks: enum_reset (ASVS-6.3.8), as far as texts go, and reset_request_changes_nothing
/// (OWASP-RESET-1).
#[tokio::test]
async fn asking_for_a_reset_reads_alike_for_everybody_and_changes_nothing() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner = ada.sign_in(&visitor).await;
    let ask = |email: &'static str| {
        let visitor = visitor.clone();
        async move {
            let body = json!({ "email": email });
            visitor.post("/password-reset", body).await.expect(202)
        }
    };
    let unknown = ask("nobody@example.com").await;
    let known = ask("ada@example.com").await;
    assert_eq!(known.json, json!({ "status": "reset_sent" }));
    assert_eq!(known.text, unknown.text);
    let mail = deployment.mail("ada@example.com", "Reset").await;
    let own = public_url(&deployment);
    assert!(mail.text.contains(&format!("{own}/reset/cs_reset_")));
    assert!(!words(&mail.text).contains("two-factor authentication is on"));
    owner.get("/session").await.expect(200);
    ada.sign_in(&visitor).await;
    deployment.verify().await;
}

#[tokio::test]
async fn a_reset_answers_with_the_mark_of_the_client_and_signs_nobody_in() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let token = reset_link(&deployment, &ada.email, 1).await;
    let answer = reset(&deployment.visitor(), &token, OTHER_PASSWORD).await;
    let answer = answer.expect(200);
    assert_eq!(members(&answer.json), ["device_token"]);
    assert!(answer.headers.get("set-cookie").is_none());

    let token = reset_link(&deployment, &ada.email, 2).await;
    let mut browser = Browser::new(&deployment);
    let body = json!({ "token": token, "new_password": PASSWORD });
    let answer = browser.post("/password-reset/confirm", body).await;
    let answer = answer.expect(204);
    assert!(answer.text.is_empty());
    assert_eq!(SetCookie::of(&answer).len(), 1);
    assert!(browser.cookies.contains_key(DEVICE));
    assert!(!browser.cookies.contains_key(SESSION));
    login(&deployment.visitor(), &ada.email, PASSWORD)
        .await
        .expect(200);
}

/// Whoever else is signed in in that browser is signed out with all the others.
#[tokio::test]
async fn a_reset_signs_out_the_browser_that_follows_the_link() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let mut browser = Browser::new(&deployment);
    browser.login(&ada).await.expect(200);
    let token = reset_link(&deployment, &ada.email, 1).await;
    let body = json!({ "token": token, "new_password": OTHER_PASSWORD });
    browser
        .post("/password-reset/confirm", body)
        .await
        .expect(204);
    browser
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
}

/// Checks: reset_token_expires (NIST-4.2.1.2-B).
#[tokio::test]
async fn a_reset_link_is_good_for_half_an_hour() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let before = deployment.clock.now();
    let first = reset_link(&deployment, &ada.email, 1).await;
    let second = reset_link(&deployment, &ada.email, 2).await;
    turn_to(
        &deployment,
        before + Duration::minutes(30) - Duration::seconds(20),
    );
    reset(&deployment.visitor(), &first, "short")
        .await
        .expect_problem(422, "password_rejected");
    deployment.clock.turn(Duration::seconds(50));
    for token in [&first, &second] {
        reset(&deployment.visitor(), token, OTHER_PASSWORD)
            .await
            .expect_problem(410, "token_expired");
    }
    ada.sign_in(&deployment.visitor()).await;
}

/// Several links are valid until one of them is used; then all are spent.
#[tokio::test]
async fn the_earlier_of_two_links_still_works_and_spends_both() {
    let deployment = Deployment::with(Options::default().servers(2)).await;
    let ada = deployment.create_account("ada@example.com").await;
    let ben = deployment.create_account("ben@example.com").await;
    let first = reset_link(&deployment, &ada.email, 1).await;
    let second = reset_link(&deployment, &ada.email, 2).await;
    let of_ben = reset_link(&deployment, &ben.email, 1).await;
    assert_ne!(first, second);
    reset(&deployment.visitor(), &first, OTHER_PASSWORD)
        .await
        .expect(200);
    for server in 0..2 {
        for token in [&first, &second] {
            reset(&deployment.visitor_at(server), token, PASSWORD)
                .await
                .expect_problem(410, "token_expired");
        }
    }
    login(&deployment.visitor(), &ada.email, OTHER_PASSWORD)
        .await
        .expect(200);
    reset(&deployment.visitor(), &of_ben, OTHER_PASSWORD)
        .await
        .expect(200);
    deployment.verify().await;
}

/// Checks: host_header_injection (OWASP-RESET-2).
#[tokio::test]
async fn the_host_of_a_mailed_link_is_that_of_the_configuration() {
    let options = Options::default().setting("COUNTERSIGN_PUBLIC_URL", "https://id.example.com");
    let deployment = Deployment::with(options).await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment
        .visitor()
        .with_header("host", "evil.example")
        .with_header("x-forwarded-host", "evil.example")
        .with_header("forwarded", "host=evil.example");
    let body = json!({ "email": ada.email });
    visitor.post("/password-reset", body).await.expect(202);
    let mail = deployment.mail(&ada.email, "Reset").await;
    assert!(mail.text.contains("https://id.example.com/reset/cs_reset_"));
    assert!(!mail.text.contains("evil"));
}

/// Checks: get_is_safe (OWASP-RESET-3, ASVS-3.5.3): opening a link does not spend it.
#[tokio::test]
async fn opening_a_mailed_link_does_not_spend_it() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let token = reset_link(&deployment, &ada.email, 1).await;
    let url = format!("{}/reset/{token}", deployment.servers[0].url);
    for _ in 0..3 {
        let page = reqwest::get(&url).await.unwrap();
        assert_eq!(page.status(), 200);
        for cookie in page.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with("__Host-countersign_form="), "{cookie}");
        }
        assert_eq!(page.headers()["referrer-policy"], "no-referrer");
    }
    let path = format!("/password-reset/confirm?token={token}");
    let answer = deployment.visitor().get(&path).await;
    answer.expect_problem(405, "method_not_allowed");
    reset(&deployment.visitor(), &token, OTHER_PASSWORD)
        .await
        .expect(200);
    assert!(!deployment.log(0).contains(&token), "a token is in the log");
}

/// Two-factor stays on, and the mail says so to those whom it concerns.
#[tokio::test]
async fn the_mail_warns_somebody_with_two_factor_on() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    reset_link(&deployment, &ada.person.email, 1).await;
    let mail = deployment.mail(&ada.person.email, "Reset").await;
    let text = words(&mail.text);
    for said in [
        "two-factor authentication is on, and a password reset leaves it on",
        "do NOT reset the password",
        "A session that is still signed in",
        "Support, who can unlock your account",
    ] {
        assert!(text.contains(said), "{said} is missing: {text}");
    }
}
