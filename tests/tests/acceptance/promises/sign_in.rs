//! `POST /login` and `POST /login/second-factor`, call by call.

use acceptance::{Deployment, OTHER_PASSWORD, Options, PASSWORD};
use chrono::Duration;
use reqwest::Method;
use serde_json::{Value, json};

use super::browser::{Browser, DEVICE, SESSION, SetCookie};
use super::owners::refuses_what_is_no_request;
use super::protected::{Protected, login, turn_to};
use super::shape::{assert_about, assert_uuid_v7, instant, members, problem_without_request};

#[tokio::test]
async fn a_bearer_client_gets_its_tokens_in_the_body_and_no_cookie() {
    let deployment = Deployment::start().await;
    let ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let answer = visitor.post("/login", ada.login()).await.expect(200);
    assert_eq!(answer.json["status"], "signed_in");
    assert_eq!(members(&answer.json), ["device_token", "session", "status"]);
    assert_eq!(
        members(&answer.json["session"]),
        ["expires_at", "id", "token"]
    );
    assert!(answer.headers.get("set-cookie").is_none());
    assert_uuid_v7(&answer.json["session"]["id"]);
    let fortnight = deployment.clock.now() + Duration::days(14);
    assert_about(&answer.json["session"]["expires_at"], fortnight);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let owner = visitor.with_bearer(&answer.text_at("/session/token"));
    let session = owner.get("/session").await.expect(200);
    assert_eq!(session.json["session"]["id"], answer.json["session"]["id"]);
}

/// Checks: every_cookie_flags (ASVS-3.3.1), cookie_samesite_table (ASVS-3.3.2),
/// cookie_host_prefix (ASVS-3.3.3), cookie_value_not_in_body (ASVS-3.3.4), cookie_size
/// (ASVS-3.3.5).
#[tokio::test]
async fn a_browser_gets_two_cookies_and_no_token_in_the_body() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let mut browser = Browser::new(&deployment);
    let asked = browser.login(&ada.person).await.expect(200);
    let code = ada.fresh_code(&deployment);
    let challenge = asked.text_at("/challenge/token");
    let body = json!({ "challenge": challenge, "code": code });
    let answer = browser.post("/login/second-factor", body).await.expect(200);

    assert_eq!(members(&answer.json), ["session", "status"]);
    assert_eq!(members(&answer.json["session"]), ["expires_at", "id"]);
    let cookies = SetCookie::of(&answer);
    assert_eq!(cookies.len(), 2);
    for cookie in &cookies {
        for attribute in ["HttpOnly", "Path=/", "Secure"] {
            assert!(
                cookie.attributes.contains(&attribute.to_owned()),
                "{attribute} is missing: {cookie:?}"
            );
        }
        assert!(cookie.name.starts_with("__Host-"));
        assert!(!cookie.attributes.iter().any(|a| a.starts_with("Domain")));
        assert!(cookie.name.len() + cookie.value.len() < 300);
        assert!(!answer.text.contains(&cookie.value));
    }
    let session = SetCookie::named(&answer, SESSION);
    assert!(session.attributes.contains(&"SameSite=Lax".to_owned()));
    let device = SetCookie::named(&answer, DEVICE);
    assert!(device.attributes.contains(&"Max-Age=31536000".to_owned()));
    assert!(!device.attributes.contains(&"SameSite=None".to_owned()));
    browser.get("/session").await.expect(200);
}

#[tokio::test]
async fn a_challenge_is_short_lived_and_names_the_factors() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let answer = ada.visitor.post("/login", ada.person.login()).await;
    let answer = answer.expect(200);
    assert_eq!(members(&answer.json), ["challenge", "status"]);
    assert_eq!(
        members(&answer.json["challenge"]),
        ["expires_at", "factors", "token"]
    );
    assert_eq!(answer.json["challenge"]["factors"], json!(["totp"]));
    let expires_at = instant(&answer.json["challenge"]["expires_at"]);
    let five_minutes = deployment.clock.now() + Duration::minutes(5);
    assert_about(&answer.json["challenge"]["expires_at"], five_minutes);

    let late = ada.challenge().await;
    turn_to(&deployment, expires_at - Duration::seconds(20));
    let code = ada.authenticator.code(deployment.clock.now());
    ada.present(&answer.text_at("/challenge/token"), &code)
        .await
        .expect(200);
    deployment.clock.turn(Duration::minutes(6));
    let code = ada.fresh_code(&deployment);
    ada.present(&late, &code)
        .await
        .expect_problem(401, "challenge_expired");
}

/// Checks: enum_login (ASVS-6.3.8, OWASP-AUTH-1), as far as texts go.
#[tokio::test]
async fn a_wrong_password_an_unknown_address_and_an_unverified_account_read_alike() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let protected = Protected::open(&deployment, "pat@example.com").await;
    let visitor = deployment.visitor();
    let body = json!({ "email": "new@example.com" });
    visitor.post("/accounts", body).await.expect(202);
    deployment.mailed_token("new@example.com", "verify").await;

    let wrong = login(&visitor, &ada.email, OTHER_PASSWORD).await;
    let expected = wrong.expect_problem(401, "invalid_credentials");
    let names = |answer: &acceptance::Answer| {
        let mut names = answer
            .headers
            .keys()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        names.sort();
        names
    };
    for (email, password) in [
        (protected.person.email.as_str(), OTHER_PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("new@example.com", PASSWORD),
        ("ada@example.com", ""),
        ("ada@example.com", &"x".repeat(2000)),
    ] {
        let answer = login(&visitor, email, password).await;
        let answer = answer.expect_problem(401, "invalid_credentials");
        assert_eq!(
            problem_without_request(&answer),
            problem_without_request(&expected),
            "{email}"
        );
        assert_eq!(names(&answer), names(&expected), "{email}");
    }
}

#[tokio::test]
async fn an_address_is_found_in_any_case_and_never_by_one_that_only_looks_alike() {
    let options = Options::default().setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let deployment = Deployment::with(options).await;
    let mike = deployment.create_account("Mike.Strasse@Example.com").await;
    let visitor = deployment.visitor();
    let same = [
        "mike.strasse@example.com",
        "MIKE.STRASSE@EXAMPLE.COM",
        // Unicode calls the Kelvin sign the letter K, and IDNA full-width letters in a domain
        // the letters that they are.
        "mi\u{212a}e.strasse@example.com",
        "mike.strasse@\u{ff45}xample.com",
    ];
    for email in same {
        login(&visitor, email, &mike.password).await.expect(200);
    }
    let others = [
        "m\u{131}ke.strasse@example.com",
        "mike.stra\u{df}e@example.com",
        "\u{ff4d}ike.strasse@example.com",
        "mikestrasse@example.com",
        "mike.strasse+x@example.com",
    ];
    for email in others {
        login(&visitor, email, &mike.password)
            .await
            .expect_problem(401, "invalid_credentials");
    }
}

/// Checks: fixation (ASVS-7.2.4, NIST-5.1-F).
#[tokio::test]
async fn a_cookie_that_was_planted_is_never_adopted() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let planted = format!("cs_session_{}", "A".repeat(86));
    let mut browser = Browser::new(&deployment);
    browser.cookies.insert(SESSION.to_owned(), planted.clone());
    let answer = browser.login(&ada).await.expect(200);
    let session = SetCookie::named(&answer, SESSION);
    assert_ne!(session.value, planted);
    let caller = deployment
        .visitor()
        .with_header("cookie", &format!("{SESSION}={planted}"));
    caller
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");

    // Signing in again in the same browser is another session with another token.
    let again = browser.login(&ada).await.expect(200);
    assert_ne!(SetCookie::named(&again, SESSION).value, session.value);
}

#[tokio::test]
async fn a_device_token_of_a_bearer_client_is_the_same_at_each_sign_in_until_a_reset() {
    let deployment = Deployment::start().await;
    let ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let answer = visitor.post("/login", ada.login_known()).await.expect(200);
    let device = answer.text_at("/device_token");
    assert!(device.starts_with("cs_device_"), "{device}");
    let stranger = visitor.post("/login", ada.login()).await.expect(200);
    assert_ne!(stranger.text_at("/device_token"), device);
}

/// Checks: client_time_ignored (ASVS-6.5.8).
#[tokio::test]
async fn the_time_that_a_client_tells_is_no_time() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let challenge = ada.challenge().await;
    let past = deployment.clock.now() - Duration::minutes(10);
    let code = ada.authenticator.code(past);
    let date = past.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let visitor = ada.visitor.clone().with_header("date", &date);
    super::protected::present(&visitor, &challenge, &code)
        .await
        .expect_problem(401, "invalid_code");
    let body = json!({ "challenge": challenge, "code": code, "time": past });
    visitor
        .post("/login/second-factor", body)
        .await
        .expect_problem(400, "invalid_request");
}

/// Every call of a visitor's, with a body that would do and the fields that it must have.
fn calls() -> [(&'static str, Value, &'static [&'static str]); 8] {
    let email = json!({ "email": "a@example.com" });
    [
        ("/accounts", email.clone(), &["/email"]),
        (
            "/accounts/verify",
            json!({ "token": "t", "password": PASSWORD, "transport": "cookie" }),
            &["/token", "/password"],
        ),
        (
            "/login",
            json!({ "email": "a@example.com", "password": PASSWORD }),
            &["/email", "/password"],
        ),
        (
            "/login/second-factor",
            json!({ "challenge": "c", "code": "123456" }),
            &["/challenge", "/code"],
        ),
        ("/unblock", email.clone(), &["/email"]),
        ("/unblock/confirm", json!({ "token": "t" }), &["/token"]),
        ("/password-reset", email, &["/email"]),
        (
            "/password-reset/confirm",
            json!({ "token": "t", "new_password": PASSWORD }),
            &["/token", "/new_password"],
        ),
    ]
}

#[tokio::test]
async fn calls_of_visitors_refuse_what_is_not_their_request() {
    let deployment = Deployment::start().await;
    let visitor = deployment.visitor();
    for (path, body, required) in calls() {
        refuses_what_is_no_request(&visitor, Method::POST, path, &body, required).await;
        visitor
            .get(path)
            .await
            .expect_problem(405, "method_not_allowed");
        for (field, value) in [("email", "no address"), ("transport", "pigeon")] {
            if body.get(field).is_none() {
                continue;
            }
            let mut wrong = body.clone();
            wrong[field] = json!(value);
            let answer = visitor.post(path, wrong).await;
            let answer = answer.expect_problem(400, "invalid_request");
            let pointer = &answer.json["errors"][0]["pointer"];
            assert_eq!(pointer, &format!("/{field}"), "{path}");
        }
    }
}
