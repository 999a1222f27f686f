//! What every call of an owner has in common: who may make it, how a browser's requests prove
//! where they come from, and what is no request.

use acceptance::{Caller, Deployment, OTHER_PASSWORD, PASSWORD};
use reqwest::Method;
use serde_json::{Value, json};

use super::browser::{Browser, DEVICE, SESSION, SetCookie};
use super::protected::{CONFIRM, DISABLE, ENROLLMENT, PASSWORD_SETTING, public_url};
use super::shape::{assert_about, assert_uuid_v7, members};

/// Every call of an owner's, with a body that would do.
fn calls() -> Vec<(Method, &'static str, Option<Value>)> {
    let password = json!({ "current_password": PASSWORD });
    let change = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
    let id = "/sessions/0195a3e8-0000-7000-8000-000000000000";
    vec![
        (Method::GET, "/session", None),
        (Method::POST, "/logout", None),
        (Method::GET, "/sessions", None),
        (Method::DELETE, id, None),
        (Method::DELETE, "/sessions", None),
        (Method::GET, "/settings", None),
        (Method::PUT, PASSWORD_SETTING, Some(change)),
        (Method::POST, ENROLLMENT, Some(password.clone())),
        (Method::POST, CONFIRM, Some(json!({ "code": "123456" }))),
        (Method::DELETE, ENROLLMENT, None),
        (Method::POST, DISABLE, Some(password)),
    ]
}

/// Unknown and missing fields, what is no JSON object, and a wrong content type.
pub(crate) async fn refuses_what_is_no_request(
    caller: &Caller,
    method: Method,
    path: &str,
    body: &Value,
    required: &[&str],
) {
    let send = |body: Value| caller.send(method.clone(), path, Some(body));
    let mut unknown = body.clone();
    unknown["admin"] = json!(true);
    let answer = send(unknown).await.expect_problem(400, "invalid_request");
    assert_eq!(answer.json["errors"][0]["pointer"], "/admin", "{path}");

    let answer = send(json!({})).await.expect_problem(400, "invalid_request");
    let pointers = answer.json["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect::<Vec<_>>();
    assert_eq!(pointers, required, "{path}");
    for field in required {
        let mut wrong = body.clone();
        wrong[field.trim_start_matches('/')] = json!(["no text"]);
        let answer = send(wrong).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json["errors"][0]["pointer"], *field, "{path}");
    }
    let raw = |content_type, body: &str| {
        caller.send_raw(method.clone(), path, content_type, body.as_bytes().to_vec())
    };
    for malformed in ["", "{", "[]", "null", "\"text\""] {
        let answer = raw(Some("application/json"), malformed).await;
        answer.expect_problem(400, "invalid_request");
    }
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let answer = raw(content_type, &body.to_string()).await;
        answer.expect_problem(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn calls_of_owners_are_for_owners_alone() {
    let deployment = Deployment::start().await;
    let visitor = deployment.visitor();
    let (support, auditor) = (deployment.support().await, deployment.auditor().await);
    for (method, path, body) in calls() {
        let answer = visitor.send(method.clone(), path, body.clone()).await;
        let answer = answer.expect_problem(401, "unauthenticated");
        assert!(answer.headers.contains_key("www-authenticate"), "{path}");
        for staff in [&support, &auditor] {
            let answer = staff.send(method.clone(), path, body.clone()).await;
            answer.expect_problem(403, "forbidden");
        }
    }
}

#[tokio::test]
async fn calls_of_owners_refuse_what_is_not_their_request() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    for (method, path, body) in calls() {
        let Some(body) = body else { continue };
        let required = match path {
            PASSWORD_SETTING => &["/current_password", "/new_password"][..],
            CONFIRM => &["/code"],
            _ => &["/current_password"],
        };
        refuses_what_is_no_request(&owner, method, path, &body, required).await;
        owner
            .send(Method::PATCH, path, None)
            .await
            .expect_problem(405, "method_not_allowed");
    }
    for path in ["/logout", CONFIRM, DISABLE, PASSWORD_SETTING] {
        owner
            .get(path)
            .await
            .expect_problem(405, "method_not_allowed");
    }
    owner.get("/nothing").await.expect_problem(404, "not_found");
    owner.get("/session").await.expect(200);
}

const EVIL: &str = "https://evil.example";

/// The headers of requests that carry a cookie and are not from our own pages.
fn cross_site(own: &str) -> Vec<Vec<(&'static str, &str)>> {
    vec![
        vec![],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("sec-fetch-site", "cross-site"), ("origin", own)],
        vec![("sec-fetch-site", "same-site"), ("origin", "null")],
        vec![("origin", EVIL)],
        vec![("origin", "null")],
        vec![("origin", "http://localhost")],
        vec![("origin", "http://localhost.evil.example")],
        vec![("referer", own)],
    ]
}

fn with(caller: Caller, headers: &[(&str, &str)]) -> Caller {
    headers.iter().fold(caller, |caller, (name, value)| {
        caller.with_header(name, value)
    })
}

/// Checks: headers_absent_refused (OWASP-CSRF-1, ASVS-3.5.2).
#[tokio::test]
async fn a_change_that_carries_a_cookie_must_come_from_our_own_pages() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let mut browser = Browser::new(&deployment);
    browser.login(&ada).await.expect(200);
    let own = public_url(&deployment);
    for headers in cross_site(&own) {
        let caller = with(browser.bare(), &headers);
        for (method, path, body) in calls() {
            let answer = caller.send(method.clone(), path, body).await;
            if method == Method::GET {
                answer.expect(200);
            } else {
                answer.expect_problem(403, "cross_site_request");
            }
        }
        // A sign-in that carries a cookie is no exception.
        let login = json!({ "email": ada.email, "password": ada.password });
        let answer = caller.post("/login", login).await;
        answer.expect_problem(403, "cross_site_request");
    }
    let passing: [&[(&str, &str)]; 4] = [
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "same-origin"), ("origin", EVIL)],
        &[("origin", &own)],
    ];
    for headers in passing {
        let caller = with(browser.bare(), headers);
        caller.delete("/sessions").await.expect(204);
    }
}

#[tokio::test]
async fn a_bearer_token_needs_no_word_about_where_it_comes_from() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let with_cookie = owner.with_header("cookie", &format!("{DEVICE}=x; {SESSION}=y"));
    for headers in cross_site(&public_url(&deployment)) {
        let caller = with(with_cookie.clone(), &headers);
        caller.delete("/sessions").await.expect(204);
    }
}

/// An ended bearer token is gone; a cookie that lies about never stands in for it.
#[tokio::test]
async fn a_bearer_token_stands_for_itself_whatever_cookie_lies_about() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let mut browser = Browser::new(&deployment);
    browser.login(&ada).await.expect(200);
    let owner = ada.sign_in(&deployment.visitor()).await;
    owner.post("/logout", json!({})).await.expect(204);
    let cookie = format!("{SESSION}={}", browser.cookies[SESSION]);
    owner
        .with_header("cookie", &cookie)
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
    browser.get("/session").await.expect(200);
}

#[tokio::test]
async fn the_session_is_told_with_headers_for_a_proxy() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let mut browser = Browser::new(&deployment);
    let signed_in = browser.login(&ada).await.expect(200);
    let by_cookie = browser.get("/session").await.expect(200);
    let owner = ada.sign_in(&deployment.visitor()).await;
    let by_bearer = owner.get("/session").await.expect(200);
    for answer in [&by_cookie, &by_bearer] {
        assert_eq!(members(&answer.json), ["account", "session"]);
        assert_eq!(members(&answer.json["account"]), ["email", "id"]);
        assert_eq!(
            members(&answer.json["session"]),
            ["created_at", "expires_at", "factors", "id", "last_seen_at"]
        );
        assert_uuid_v7(&answer.json["account"]["id"]);
        assert_eq!(answer.json["account"]["email"], "ada@example.com");
        assert_about(
            &answer.json["session"]["created_at"],
            deployment.clock.now(),
        );
        let id = answer.text_at("/account/id");
        assert_eq!(answer.headers["x-countersign-account"], id.as_str());
        assert_eq!(answer.headers["x-countersign-factors"], "password");
        assert!(answer.headers.get("set-cookie").is_none());
        assert!(answer.headers.get("access-control-allow-origin").is_none());
    }
    assert_eq!(
        by_cookie.json["session"]["id"],
        signed_in.json["session"]["id"]
    );
    assert_ne!(
        by_cookie.json["session"]["id"],
        by_bearer.json["session"]["id"]
    );
    // A proxy asks with whatever the browser sent; the refusal names no account.
    let answer = deployment.visitor().get("/session").await;
    let answer = answer.expect_problem(401, "unauthenticated");
    assert!(answer.headers.get("x-countersign-account").is_none());
}

#[tokio::test]
async fn signing_out_ends_the_session_and_clears_its_cookie() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let mut browser = Browser::new(&deployment);
    browser.login(&ada).await.expect(200);
    let copy = browser.clone();
    let answer = browser.post("/logout", json!({})).await.expect(204);
    assert!(answer.text.is_empty());
    let cleared = SetCookie::named(&answer, SESSION);
    assert_eq!(cleared.value, "");
    for attribute in ["Max-Age=0", "Path=/", "Secure", "HttpOnly"] {
        assert!(cleared.attributes.contains(&attribute.to_owned()));
    }
    copy.bare()
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");

    let owner = ada.sign_in(&deployment.visitor()).await;
    let answer = owner.send(Method::POST, "/logout", None).await.expect(204);
    assert!(answer.text.is_empty());
    owner
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn the_settings_hold_account_password_and_two_factor_and_no_secret() {
    let deployment = Deployment::start().await;
    let opened_at = deployment.clock.now();
    let ada = deployment.create_account("Ada.L@Example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    deployment.clock.turn(chrono::Duration::hours(2));
    let answer = owner.get("/settings").await.expect(200);
    assert_eq!(members(&answer.json), ["account", "password", "two_factor"]);
    assert_eq!(
        members(&answer.json["account"]),
        ["created_at", "email", "id"]
    );
    assert_eq!(answer.json["account"]["email"], "Ada.L@Example.com");
    assert_about(&answer.json["account"]["created_at"], opened_at);
    assert_eq!(members(&answer.json["password"]), ["changed_at"]);
    assert_about(&answer.json["password"]["changed_at"], opened_at);
    assert_eq!(answer.json["two_factor"], json!({ "status": "disabled" }));

    super::protected::change_password(&owner, PASSWORD, OTHER_PASSWORD)
        .await
        .expect(204);
    let answer = owner.get("/settings").await.expect(200);
    assert_about(
        &answer.json["password"]["changed_at"],
        deployment.clock.now(),
    );
}

/// The id that a client gives is in the answer, in its problems and in the event.
#[tokio::test]
async fn a_request_keeps_the_id_that_its_client_gave() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment
        .visitor()
        .with_header("x-request-id", "from-the-client_1.0");
    let answer = visitor.post("/login", ada.login()).await.expect(200);
    assert_eq!(answer.headers["x-request-id"], "from-the-client_1.0");
    let answer = visitor.get("/session").await;
    let answer = answer.expect_problem(401, "unauthenticated");
    assert_eq!(answer.json["request_id"], "from-the-client_1.0");
    assert!(answer.text_at("/type").ends_with("unauthenticated"));
    assert_eq!(answer.json["status"], 401);
    assert!(!answer.text_at("/title").is_empty());
    assert!(!answer.text_at("/detail").is_empty());

    let account = deployment.account_id(&ada.email).await;
    let auditor = deployment.auditor().await;
    let events = deployment.events(&auditor, &account).await;
    let signed_in = events.iter().find(|event| event["type"] == "SignedIn");
    assert_eq!(signed_in.unwrap()["request"]["id"], "from-the-client_1.0");
    let odd = deployment.visitor().with_header("x-request-id", "a b\"c");
    let answer = odd.get("/session").await;
    assert_ne!(answer.headers["x-request-id"], "a b\"c");
}
