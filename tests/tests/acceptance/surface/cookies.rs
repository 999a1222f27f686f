//! How a session token comes back, and that a cookie and a bearer token never take each other's
//! place.

use acceptance::{Answer, Caller, Deployment, OTHER_PASSWORD, Person};
use serde_json::{Value, json};

use crate::surface::world::World;

const SESSION: &str = "__Host-countersign_session";
const DEVICE: &str = "__Host-countersign_device";

fn set_cookies(answer: &Answer) -> Vec<String> {
    let cookies = answer.headers.get_all("set-cookie").iter();
    cookies
        .map(|cookie| cookie.to_str().unwrap().to_owned())
        .collect()
}

/// Checks: every_cookie_flags (ASVS-3.3.1), cookie_samesite_table (ASVS-3.3.2),
/// cookie_host_prefix (ASVS-3.3.3), cookie_size (ASVS-3.3.5).
#[track_caller]
fn assert_flags(cookie: &str) {
    let mut parts = cookie.split("; ");
    let (name, value) = parts.next().unwrap().split_once('=').unwrap();
    let flags = parts.collect::<Vec<_>>();
    let (same_site, age) = match name {
        SESSION => ("SameSite=Lax", "Max-Age=1209600"),
        DEVICE => ("SameSite=Strict", "Max-Age=31536000"),
        other => panic!("{other} is no cookie of ours"),
    };
    let mut expected = vec!["Path=/", "Secure", "HttpOnly", same_site, age];
    let mut given = flags.clone();
    expected.sort_unstable();
    given.sort_unstable();
    assert_eq!(given, expected, "{cookie}");
    assert!(name.len() + value.len() < 300, "{cookie}");
    assert!(value.starts_with("cs_"), "{cookie}");
}

async fn cookie_login(person: &Person, visitor: &Caller) -> Answer {
    let body = json!({ "email": person.email, "password": person.password });
    visitor.post("/login", body).await.expect(200)
}

/// Somebody's browser, on our own pages.
async fn browser(person: &Person, visitor: &Caller) -> (Caller, String) {
    let session = cookie_login(person, visitor).await.cookie(SESSION).unwrap();
    let browser = visitor.clone().with_header("sec-fetch-site", "same-origin");
    let browser = browser.with_header("cookie", &format!("theme=dark; {SESSION}={session}"));
    (browser, session)
}

/// Checks: cookie_value_not_in_body (ASVS-3.3.4).
#[tokio::test]
async fn a_browsers_token_comes_as_a_cookie_alone_and_a_bearers_in_the_body_alone() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    let by_cookie = cookie_login(&world.ada, &visitor).await;
    let cookies = set_cookies(&by_cookie);
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    for cookie in &cookies {
        assert_flags(cookie);
    }
    assert!(!by_cookie.text.contains("cs_"), "{}", by_cookie.text);
    let by_name =
        json!({ "email": world.ada.email, "password": world.ada.password, "transport": "cookie" });
    let by_name = visitor.post("/login", by_name).await.expect(200);
    assert_eq!(set_cookies(&by_name).len(), 2);

    let by_bearer = visitor.post("/login", world.ada.login()).await.expect(200);
    assert_eq!(set_cookies(&by_bearer), Vec::<String>::new());
    assert!(by_bearer.text_at("/session/token").starts_with("cs_"));
    assert!(by_bearer.text_at("/device_token").starts_with("cs_device_"));
}

#[tokio::test]
async fn a_second_factor_and_every_mailed_link_know_both_transports() {
    let world = World::start().await;
    let (deployment, ada) = (&world.deployment, &world.ada);
    let visitor = deployment.visitor();
    let authenticator = ada
        .enable_two_factor(&world.owner, deployment.clock.now())
        .await;
    for transport in [None, Some("cookie"), Some("bearer")] {
        deployment.clock.turn_to_next_step();
        let challenge = ada.challenge(&visitor).await;
        let mut body =
            json!({ "challenge": challenge, "code": authenticator.code(deployment.clock.now()) });
        transport.inspect(|transport| body["transport"] = json!(transport));
        let answer = visitor.post("/login/second-factor", body).await.expect(200);
        let by_bearer = transport == Some("bearer");
        assert_eq!(set_cookies(&answer).len(), if by_bearer { 0 } else { 2 });
        for cookie in set_cookies(&answer) {
            assert_flags(&cookie);
        }
        assert_eq!(answer.text.contains("cs_"), by_bearer, "{}", answer.text);
    }
    assert_links_know_both(deployment).await;
}

async fn assert_links_know_both(deployment: &Deployment) {
    deployment.create_account("cookie@example.com").await;
    deployment.create_account("bearer@example.com").await;
    let visitor = deployment.visitor();
    for transport in ["cookie", "bearer"] {
        let email = format!("{transport}@example.com");
        let new = format!("new-{email}");
        for (ask, confirm, page, field, address) in [
            ("/accounts", "/accounts/verify", "verify", "password", &new),
            ("/unblock", "/unblock/confirm", "unblock", "", &email),
            (
                "/password-reset",
                "/password-reset/confirm",
                "reset",
                "new_password",
                &email,
            ),
        ] {
            visitor
                .post(ask, json!({ "email": address }))
                .await
                .expect(202);
            let token = deployment.mailed_token(address, page).await;
            let mut body = json!({ "token": token, "transport": transport });
            if !field.is_empty() {
                body[field] = json!(OTHER_PASSWORD);
            }
            let answer = visitor.post(confirm, body).await;
            if transport == "bearer" {
                let answer = answer.expect(200);
                assert_eq!(set_cookies(&answer), Vec::<String>::new());
                assert_eq!(answer.json.as_object().unwrap().len(), 1, "{}", answer.text);
                assert!(answer.text_at("/device_token").starts_with("cs_device_"));
            } else {
                let cookies = set_cookies(&answer.expect(204));
                assert_eq!(cookies.len(), 1, "{cookies:?}");
                assert!(cookies[0].starts_with(DEVICE), "{cookies:?}");
                assert_flags(&cookies[0]);
            }
        }
    }
}

/// Checks: transport_not_interchangeable (ASVS-3.3.4).
#[tokio::test]
async fn transport_not_interchangeable_a_bearer_token_is_no_cookie_and_a_cookie_no_bearer_token() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    let bearer = visitor.post("/login", world.ada.login()).await.expect(200);
    let bearer = bearer.text_at("/session/token");
    let (browser, cookie) = browser(&world.ada, &visitor).await;
    browser.get("/session").await.expect(200);
    visitor
        .clone()
        .with_bearer(&bearer)
        .get("/session")
        .await
        .expect(200);

    let as_cookie = visitor
        .clone()
        .with_header("cookie", &format!("{SESSION}={bearer}"));
    as_cookie
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
    let as_bearer = visitor.clone().with_bearer(&cookie);
    as_bearer
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_cookie_that_lies_about_never_stands_in_for_a_bearer_token_that_has_ended() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    let (browser, _) = browser(&world.ada, &visitor).await;
    let bearer = visitor.post("/login", world.ada.login()).await.expect(200);
    let bearer = bearer.text_at("/session/token");
    let both = browser.clone().with_bearer(&bearer);
    both.get("/session").await.expect(200);
    visitor
        .clone()
        .with_bearer(&bearer)
        .post("/logout", json!({}))
        .await
        .expect(204);
    both.get("/session")
        .await
        .expect_problem(401, "unauthenticated");
    browser
        .clone()
        .with_bearer("cs_session_x")
        .get("/session")
        .await
        .expect(401);
    browser
        .clone()
        .with_bearer("")
        .get("/session")
        .await
        .expect(401);
    let basic = browser.clone().with_header("authorization", "Basic YTpi");
    basic.get("/session").await.expect(200);
    browser.get("/session").await.expect(200);
}

/// Checks: chk_asvs_7_2_4 (ASVS-7.2.4), fixation.
#[tokio::test]
async fn a_presented_cookie_is_never_adopted_at_sign_in() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    let (mallory, planted) = browser(&world.ada, &visitor).await;
    mallory.post("/logout", json!({})).await.expect(204);
    let victim = mallory.clone();
    let answer = cookie_login(&world.ada, &victim).await;
    assert_ne!(answer.cookie(SESSION).unwrap(), planted);
    mallory
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn signing_out_by_cookie_ends_the_session_and_clears_the_cookie() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    let (browser, session) = browser(&world.ada, &visitor).await;
    let answer = browser.post("/logout", json!({})).await.expect(204);
    assert_eq!(answer.json, Value::Null);
    let cookies = set_cookies(&answer);
    assert!(
        cookies.iter().all(|cookie| !cookie.contains(&session)),
        "{cookies:?}"
    );
    browser
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
    browser.post("/logout", json!({})).await.expect(401);
}
