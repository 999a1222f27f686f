//! Request ids: the client's own if it is a decent one, else ours; in the answer, in the log and
//! in the metadata of events.

use acceptance::OTHER_PASSWORD;
use serde_json::{Value, json};

use crate::surface::raw;
use crate::surface::world::World;

fn logged<'l>(log: &'l str, request_id: &str) -> Option<&'l str> {
    log.lines().find(|line| {
        serde_json::from_str::<Value>(line).is_ok_and(|line| line["request.id"] == request_id)
    })
}

#[tokio::test]
async fn a_clients_request_id_is_found_in_the_answer_the_log_and_the_event() {
    let world = World::start().await;
    let id = "Order-77_b.3";
    let asking = world.deployment.visitor().with_header("x-request-id", id);
    let wrong = json!({ "email": world.ada.email, "password": OTHER_PASSWORD });
    let answer = asking.post("/login", wrong).await;
    let answer = answer.expect_problem(401, "invalid_credentials");
    assert_eq!(answer.headers["x-request-id"], id);
    assert_eq!(answer.text_at("/request_id"), id);

    let events = world.deployment.events(&world.auditor, &world.ada_id).await;
    let last = events.last().unwrap();
    assert_eq!(last["type"], "PasswordRejected");
    assert_eq!(last["request"]["id"], id);

    let log = world.deployment.log(0);
    let line = logged(&log, id).unwrap_or_else(|| panic!("{id} is not in the log:\n{log}"));
    let line = serde_json::from_str::<Value>(line).unwrap();
    assert_eq!(line["http.route"], "/api/v1/login");
    assert_eq!(line["http.status"], 401);
    assert_eq!(line["problem.code"], "invalid_credentials");
}

#[tokio::test]
async fn a_decent_id_is_kept_and_any_other_is_replaced_by_a_new_one() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    let longest = "x".repeat(64);
    for id in ["0193d1a0-7e1b-7c3a-9f00-0123456789ab", "a", &longest, "-._"] {
        let answer = visitor
            .clone()
            .with_header("x-request-id", id)
            .get("/session")
            .await;
        assert_eq!(answer.headers["x-request-id"], id);
    }
    let too_long = "x".repeat(65);
    for id in [
        "", " ", "a b", "a/b", "<script>", "a\tb", "ä", &too_long, "a\u{7f}b",
    ] {
        let line = format!("X-Request-Id: {id}");
        let message = raw::request("GET /api/v1/session", &[&line], b"");
        let answer = raw::exchange(&world.deployment.servers[0].url, &message).await;
        // A control character is not even HTTP.
        if raw::statuses(&answer) == [400] && id.contains(char::is_control) {
            continue;
        }
        assert_eq!(raw::statuses(&answer), [401], "{id:?}: {answer}");
        let given = answer
            .lines()
            .find_map(|line| line.strip_prefix("x-request-id: "));
        assert_new(given.unwrap());
    }
    let twice = raw::request(
        "GET /api/v1/session",
        &["X-Request-Id: a", "X-Request-Id: b"],
        b"",
    );
    let answer = raw::exchange(&world.deployment.servers[0].url, &twice).await;
    let given = answer
        .lines()
        .find_map(|line| line.strip_prefix("x-request-id: "));
    assert_new(given.unwrap());
}

/// A UUIDv7, as all ids are.
#[track_caller]
fn assert_new(id: &str) {
    assert_eq!(id.len(), 36, "{id}");
    assert_eq!(
        id.split('-').map(str::len).collect::<Vec<_>>(),
        [8, 4, 4, 4, 12],
        "{id}"
    );
    assert_eq!(id.as_bytes()[14], b'7', "{id}");
}

#[tokio::test]
async fn failures_that_no_handler_sees_have_an_id_too_and_stand_in_the_log() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    let large = visitor
        .send_raw(
            reqwest::Method::POST,
            "/login",
            Some("application/json"),
            vec![b' '; 70_000],
        )
        .await
        .expect_problem(413, "payload_too_large");
    let nowhere = visitor
        .get("/nowhere")
        .await
        .expect_problem(404, "not_found");
    let wrong_method = visitor.put("/login", json!({})).await;
    let wrong_method = wrong_method.expect_problem(405, "method_not_allowed");
    for answer in [large, nowhere, wrong_method] {
        let id = answer.headers["x-request-id"].to_str().unwrap();
        assert_new(id);
        assert_eq!(answer.text_at("/request_id"), id);
        let log = world.deployment.log(0);
        assert!(logged(&log, id).is_some(), "{id} is not in the log");
    }
}

/// Checks: forged_token_401 (OWASP-SESS-1).
#[tokio::test]
async fn every_attempt_to_get_around_the_rules_is_in_the_log_by_its_code() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    let cookie = |value: &str| visitor.clone().with_header("cookie", value);
    let forged = format!("cs_session_{}", "A".repeat(86));
    let login = world.ada.login();
    for (answer, code) in [
        (visitor.post("/login", json!({})).await, "invalid_request"),
        (
            cookie("a=b").post("/login", login).await,
            "cross_site_request",
        ),
        (
            visitor.clone().with_bearer(&forged).get("/session").await,
            "unauthenticated",
        ),
        (
            cookie("__Host-countersign_session=x").get("/session").await,
            "unauthenticated",
        ),
        (visitor.get("/audit/events").await, "unauthenticated"),
        (world.owner.get("/audit/events").await, "forbidden"),
        (world.support.get("/audit/events").await, "forbidden"),
        (
            visitor
                .post("/unblock/confirm", json!({ "token": "x" }))
                .await,
            "token_expired",
        ),
        (
            visitor.send(reqwest::Method::TRACE, "/session", None).await,
            "method_not_allowed",
        ),
    ] {
        assert_eq!(answer.code(), code, "{}", answer.text);
        let log = world.deployment.log(0);
        let line = logged(&log, &answer.text_at("/request_id")).unwrap();
        let line = serde_json::from_str::<Value>(line).unwrap();
        assert_eq!(line["problem.code"], code, "{line}");
        assert_eq!(line["http.status"], answer.status.as_u16(), "{line}");
    }
}

/// Checks: no_sensitive_query (ASVS-14.2.1).
#[tokio::test]
async fn the_log_tells_routes_and_never_paths_queries_or_what_was_sent() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    let canary = "kanarienvogel4711";
    let session = world
        .owner
        .clone()
        .with_header("user-agent", "browser\u{9}x");
    session.get(&format!("/session?token={canary}")).await;
    visitor.get(&format!("/verify/{canary}")).await.expect(404);
    visitor.delete(&format!("/sessions/{canary}")).await;
    let body = json!({ "email": format!("{canary}@example.com"), "password": canary });
    visitor.post("/login", body).await.expect(401);
    let bearer = visitor.clone().with_bearer(&format!("cs_session_{canary}"));
    bearer.get("/session").await.expect(401);
    let cookie = format!("__Host-countersign_session={canary}");
    visitor
        .with_header("cookie", &cookie)
        .get("/session")
        .await
        .expect(401);

    let log = world.deployment.log(0);
    assert!(log.contains("/api/v1/sessions/{id}"), "{log}");
    assert!(!log.contains(canary), "{log}");
    assert!(!log.contains("cs_"), "{log}");
    assert!(!log.contains(&world.ada.email), "{log}");
    assert!(!log.contains(&world.ada.password), "{log}");
    // Before the log begins, the program itself may say something.
    for line in log
        .lines()
        .filter(|line| !line.starts_with("countersign: "))
    {
        assert!(
            serde_json::from_str::<Value>(line).is_ok(),
            "no JSON: {line}"
        );
    }
}
