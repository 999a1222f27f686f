//! Headers that every answer carries, whatever was asked and whatever came of it.

use std::collections::BTreeSet;

use acceptance::{Answer, Caller, OTHER_PASSWORD, Options};
use reqwest::Method;
use serde_json::json;

use crate::surface::contract::{CALLS, Who};
use crate::surface::world::{NOBODYS_ID, World};

const HSTS: &str = "strict-transport-security";

#[track_caller]
fn assert_guarded(answer: &Answer, what: &str) {
    let header = |name: &str| {
        let mut values = answer.headers.get_all(name).iter();
        let value = values
            .next()
            .unwrap_or_else(|| panic!("{what} lacks {name}"));
        assert_eq!(values.next(), None, "{what}: {name} twice");
        value.to_str().unwrap().to_owned()
    };
    let policy = header("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "sandbox"] {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(header("x-frame-options"), "DENY", "{what}");
    assert_eq!(header("referrer-policy"), "no-referrer", "{what}");
    assert_eq!(
        header("cross-origin-opener-policy"),
        "same-origin",
        "{what}"
    );
    assert_eq!(
        header("cross-origin-resource-policy"),
        "same-origin",
        "{what}"
    );
    assert_eq!(header("cache-control"), "no-store", "{what}");
    assert_eq!(
        header("vary").to_lowercase(),
        "cookie, authorization",
        "{what}"
    );
    assert!(!header("x-request-id").is_empty(), "{what}");
    for name in answer
        .headers
        .keys()
        .map(reqwest::header::HeaderName::as_str)
    {
        let tells_of_us = ["server", "via", "x-powered-by", "x-runtime"].contains(&name);
        assert!(!tells_of_us && !name.contains("version"), "{what}: {name}");
        assert!(!name.starts_with("access-control-"), "{what}: {name}");
    }
    assert_body_matches(answer, what);
}

/// Checks: content_type_everywhere (ASVS-4.1.1), cl_matches (ASVS-4.2.2).
#[track_caller]
fn assert_body_matches(answer: &Answer, what: &str) {
    let kind = answer
        .headers
        .get("content-type")
        .map(|kind| kind.to_str().unwrap());
    match answer.status.as_u16() {
        204 => assert!(kind.is_none() && answer.text.is_empty(), "{what}: {kind:?}"),
        200 if what.starts_with("GET /audit/checkpoint") => {
            assert_eq!(kind, Some("text/plain; charset=utf-8"), "{what}");
        }
        200..=399 => assert_eq!(kind, Some("application/json"), "{what}"),
        _ => assert_eq!(kind, Some("application/problem+json"), "{what}"),
    }
    if let Some(length) = answer.headers.get("content-length") {
        let length = length.to_str().unwrap().parse::<usize>().unwrap();
        assert_eq!(length, answer.text.len(), "{what}");
    }
}

/// Every call by everybody, then the ways to fail that these do not reach.
async fn answers_of_all_kinds(world: &World) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    for who in [Who::Visitor, Who::Support, Who::Auditor, Who::Owner] {
        let caller = world.caller(who);
        for call in &CALLS {
            let body = call.has_body().then(|| json!({}));
            let answer = caller
                .send(call.method(), &call.path_for(&world.ada_id), body)
                .await;
            answers.push((format!("{} by {who:?}", call.name()), answer));
        }
    }
    let visitor = world.deployment.visitor();
    answers.extend(outcomes(world).await);
    answers.extend(broken_bodies(&visitor).await);
    answers.extend(worn_out(&visitor).await);
    answers
}

async fn outcomes(world: &World) -> Vec<(String, Answer)> {
    let owner = world.ada.sign_in(&world.deployment.visitor()).await;
    let mut answers = Vec::new();
    for (method, path, body) in [
        (
            Method::POST,
            "/accounts",
            Some(json!({ "email": "bob@example.com" })),
        ),
        (Method::POST, "/login", Some(world.ada.login())),
        (
            Method::POST,
            "/login",
            Some(json!({ "email": "a@example.com", "password": OTHER_PASSWORD })),
        ),
        (
            Method::POST,
            "/unblock/confirm",
            Some(json!({ "token": "cs_unblock_none" })),
        ),
        (Method::GET, "/nowhere", None),
        (Method::GET, "/sessions/", None),
        (Method::PATCH, "/session", None),
        (Method::OPTIONS, "/login", None),
        (Method::TRACE, "/session", None),
        (
            Method::POST,
            "/settings/two-factor/enrollment/confirm",
            Some(json!({ "code": "000000" })),
        ),
        (
            Method::POST,
            "/settings/two-factor/enrollment",
            Some(json!({ "current_password": world.ada.password })),
        ),
        (
            Method::PUT,
            "/settings/password",
            Some(json!({ "current_password": world.ada.password, "new_password": "short" })),
        ),
    ] {
        let answer = owner.send(method.clone(), path, body).await;
        answers.push((format!("{method} {path}"), answer));
    }
    answers
}

async fn broken_bodies(visitor: &Caller) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    for (what, kind, body) in [
        ("too large", "application/json", vec![b' '; 70_000]),
        ("text", "text/plain", b"{}".to_vec()),
        ("broken", "application/json", b"{".to_vec()),
    ] {
        let answer = visitor
            .send_raw(Method::POST, "/login", Some(kind), body)
            .await;
        answers.push((what.to_owned(), answer));
    }
    answers
}

/// Guesses at one address until it waits.
async fn worn_out(visitor: &Caller) -> Vec<(String, Answer)> {
    let body = json!({ "email": "nobody@example.com", "password": OTHER_PASSWORD });
    let mut answers = Vec::new();
    for attempt in 0..7 {
        let answer = visitor.post("/login", body.clone()).await;
        answers.push((format!("guess {attempt}"), answer));
    }
    answers
}

/// Checks: api_context_headers (ASVS-3.2.1), nosniff_everywhere (ASVS-3.4.4),
/// referrer_policy_everywhere (ASVS-3.4.5), frame_ancestors_everywhere (ASVS-3.4.6),
/// no_store_everywhere (ASVS-14.2.2, ASVS-14.3.2), no_version_headers (ASVS-13.4.6),
/// hsts_everywhere (ASVS-3.4.1).
#[tokio::test]
async fn every_answer_of_every_call_carries_the_security_headers() {
    let https = Options::default().setting("COUNTERSIGN_PUBLIC_URL", "https://accounts.example");
    let world = World::with(https).await;
    let mut seen = BTreeSet::new();
    for (what, answer) in answers_of_all_kinds(&world).await {
        assert_guarded(&answer, &what);
        let hsts = answer
            .headers
            .get(HSTS)
            .unwrap_or_else(|| panic!("{what} lacks HSTS"));
        assert_eq!(hsts, "max-age=63072000; includeSubDomains; preload");
        seen.insert(answer.status.as_u16());
    }
    let expected = [
        200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429,
    ];
    assert_eq!(seen, BTreeSet::from(expected));
}

#[tokio::test]
async fn plain_http_on_the_machine_itself_sends_no_hsts() {
    let world = World::start().await;
    for (what, answer) in [
        ("session", world.owner.get("/session").await.expect(200)),
        ("nowhere", world.owner.get("/nowhere").await.expect(404)),
    ] {
        assert_guarded(&answer, what);
        assert!(answer.headers.get(HSTS).is_none(), "{what}");
    }
}

/// Checks: cors_none (ASVS-3.4.2).
#[tokio::test]
async fn no_origin_is_ever_answered_with_a_cors_header() {
    let https = Options::default().setting("COUNTERSIGN_PUBLIC_URL", "https://accounts.example");
    let world = World::with(https).await;
    for origin in [
        "https://evil.example",
        "https://accounts.example",
        "https://app.accounts.example",
        "https://accounts.example.evil.example",
        "http://accounts.example",
        "http://localhost:3000",
        "null",
    ] {
        let asking = |caller: &Caller| {
            caller
                .clone()
                .with_header("origin", origin)
                .with_header("access-control-request-method", "DELETE")
                .with_header(
                    "access-control-request-headers",
                    "authorization,content-type",
                )
        };
        for call in &CALLS {
            let path = call.path_for(NOBODYS_ID);
            let preflight = asking(&world.caller(Who::Visitor))
                .send(Method::OPTIONS, &path, None)
                .await
                .expect(405);
            assert_guarded(&preflight, &format!("OPTIONS {path} from {origin}"));
        }
        for path in ["/session", "/settings", "/nowhere"] {
            let answer = asking(&world.owner).get(path).await;
            assert_guarded(&answer, &format!("GET {path} from {origin}"));
        }
    }
}

/// Checks: logout_headers (ASVS-14.3.1).
#[tokio::test]
async fn signing_out_clears_what_the_browser_kept_but_not_that_it_is_known() {
    let world = World::start().await;
    let answer = world.owner.post("/logout", json!({})).await.expect(204);
    let clear = answer.headers["clear-site-data"].to_str().unwrap();
    assert_eq!(clear, r#""cache", "storage""#);
    let cookies = answer.headers.get_all("set-cookie");
    let cookies = cookies.iter().map(|cookie| cookie.to_str().unwrap());
    let cookies = cookies.collect::<Vec<_>>();
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    assert!(
        cookies[0].starts_with("__Host-countersign_session=;"),
        "{cookies:?}"
    );
    assert!(cookies[0].contains("Max-Age=0"), "{cookies:?}");
}
