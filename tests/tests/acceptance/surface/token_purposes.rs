//! Each kind of token opens what it was made for and nothing else.

use acceptance::{Answer, Authenticator, Caller, OTHER_PASSWORD};
use serde_json::json;

use crate::surface::problems::assert_problem;
use crate::surface::world::{NOBODYS_ID, World, account_contents, all_settled, staff_token};

struct Tokens {
    list: Vec<(&'static str, String)>,
    authenticator: Authenticator,
}

impl Tokens {
    fn get(&self, kind: &str) -> &str {
        let found = self.list.iter().find(|(name, _)| *name == kind);
        &found.unwrap().1
    }
}

/// One living token of every kind, all of one account where it has one.
async fn one_of_each(world: &World) -> Tokens {
    let deployment = &world.deployment;
    let visitor = deployment.visitor();
    let authenticator = world
        .ada
        .enable_two_factor(&world.owner, deployment.clock.now())
        .await;
    deployment.clock.turn_to_next_step();
    let challenge = world.ada.challenge(&visitor).await;
    let code = authenticator.code(deployment.clock.now());
    let body = json!({ "challenge": challenge, "code": code, "transport": "bearer" });
    let signed_in = visitor.post("/login/second-factor", body).await.expect(200);
    let mut list = vec![
        ("session", signed_in.text_at("/session/token")),
        ("device", signed_in.text_at("/device_token")),
        ("challenge", world.ada.challenge(&visitor).await),
        (
            "support",
            staff_token(deployment, "support", "Sam", "90d").await,
        ),
        (
            "auditor",
            staff_token(deployment, "auditor", "Max", "90d").await,
        ),
    ];
    for (path, email, page) in [
        ("/password-reset", "ada@example.com", "reset"),
        ("/unblock", "ada@example.com", "unblock"),
        ("/accounts", "bob@example.com", "verify"),
    ] {
        visitor
            .post(path, json!({ "email": email }))
            .await
            .expect(202);
        list.push((page, deployment.mailed_token(email, page).await));
    }
    list.push(("session id", signed_in.text_at("/session/id")));
    list.push(("account id", world.ada_id.clone()));
    all_settled(deployment).await;
    Tokens {
        list,
        authenticator,
    }
}

async fn confirm(visitor: &Caller, page: &str, token: &str) -> Answer {
    let (path, body) = match page {
        "verify" => (
            "/accounts/verify",
            json!({ "token": token, "password": OTHER_PASSWORD }),
        ),
        "unblock" => ("/unblock/confirm", json!({ "token": token })),
        _ => (
            "/password-reset/confirm",
            json!({ "token": token, "new_password": OTHER_PASSWORD }),
        ),
    };
    visitor.post(path, body).await
}

async fn second_factor(visitor: &Caller, challenge: &str, code: &str) -> Answer {
    let body = json!({ "challenge": challenge, "code": code });
    visitor.post("/login/second-factor", body).await
}

async fn as_cookie(visitor: &Caller, token: &str) -> Answer {
    let cookie = format!("__Host-countersign_session={token}");
    visitor
        .clone()
        .with_header("cookie", &cookie)
        .get("/session")
        .await
}

/// What a bearer of this token gets of an owner's, of support's and of an auditor's call.
fn as_bearer(kind: &str) -> [u16; 3] {
    match kind {
        "session" => [200, 403, 403],
        "support" => [403, 404, 403],
        "auditor" => [403, 403, 404],
        _ => [401, 401, 401],
    }
}

async fn assert_opens_nothing_else(world: &World, tokens: &Tokens, kind: &str, token: &str) {
    let visitor = world.deployment.visitor();
    for page in ["verify", "unblock", "reset"] {
        if page != kind {
            let answer = confirm(&visitor, page, token).await;
            assert_problem(&answer, 410, "token_expired", &format!("{kind} at {page}"));
        }
    }
    if kind != "challenge" {
        let code = tokens.authenticator.code(world.deployment.clock.now());
        let answer = second_factor(&visitor, token, &code).await;
        assert_problem(&answer, 401, "challenge_expired", kind);
    }
    let answer = as_cookie(&visitor, token).await;
    assert_problem(
        &answer,
        401,
        "unauthenticated",
        &format!("{kind} as cookie"),
    );
    let bearer = visitor.clone().with_bearer(token);
    let paths = [
        "/session".to_owned(),
        format!("/support/accounts/{NOBODYS_ID}"),
        format!("/audit/accounts/{NOBODYS_ID}/state"),
    ];
    for (path, status) in paths.iter().zip(as_bearer(kind)) {
        let answer = bearer.get(path).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{kind} at {path}: {}",
            answer.text
        );
    }
}

/// Each token still does its own work afterwards.
async fn assert_all_still_work(world: &World, tokens: &Tokens) {
    let visitor = world.deployment.visitor();
    visitor
        .clone()
        .with_bearer(tokens.get("session"))
        .get("/session")
        .await
        .expect(200);
    world.deployment.clock.turn_to_next_step();
    let code = tokens.authenticator.code(world.deployment.clock.now());
    second_factor(&visitor, tokens.get("challenge"), &code)
        .await
        .expect(200);
    for page in ["unblock", "reset", "verify"] {
        confirm(&visitor, page, tokens.get(page)).await.expect(204);
    }
    let support = visitor.clone().with_bearer(tokens.get("support"));
    support
        .get(&format!("/support/accounts/{}", world.ada_id))
        .await
        .expect(200);
    let auditor = visitor.clone().with_bearer(tokens.get("auditor"));
    auditor
        .get(&format!("/audit/accounts/{}/state", world.ada_id))
        .await
        .expect(200);
}

/// Checks: token_purpose_matrix (OWASP-DEV-2), ids_grant_nothing (ASVS-11.5.1).
#[tokio::test]
async fn token_purpose_matrix_every_kind_of_token_opens_its_own_door_and_no_other() {
    let world = World::start().await;
    let tokens = one_of_each(&world).await;
    let before = account_contents(&world.deployment).await;
    for (kind, token) in &tokens.list {
        assert_opens_nothing_else(&world, &tokens, kind, token).await;
    }
    assert_eq!(account_contents(&world.deployment).await, before);
    assert_all_still_work(&world, &tokens).await;
}

/// Checks: device_cookie_never_authenticates (NIST-5.1-D).
#[tokio::test]
async fn only_a_device_token_makes_a_device_known_and_then_it_is_nothing_more() {
    let world = World::start().await;
    let tokens = one_of_each(&world).await;
    let visitor = world.deployment.visitor();
    for (kind, token) in &tokens.list {
        let mut body = world.ada.login();
        body["device_token"] = json!(token);
        let answer = visitor.post("/login", body.clone()).await.expect(200);
        assert_eq!(answer.json["status"], "second_factor_required", "{kind}");
        body["password"] = json!(OTHER_PASSWORD);
        if *kind == "device" {
            visitor
                .post("/login", body)
                .await
                .expect_problem(401, "invalid_credentials");
        }
    }
    let events = world.deployment.events(&world.auditor, &world.ada_id).await;
    let known = events
        .iter()
        .filter(|event| !event["data"]["device"].is_null());
    let known = known.filter(|event| event["type"] == "SecondFactorRequested");
    assert_eq!(
        known.count(),
        1,
        "one of the challenges was asked for by a known device"
    );
    let rejected = events
        .iter()
        .find(|event| event["type"] == "PasswordRejected");
    assert_eq!(rejected.unwrap()["data"]["known_device"], true);
}
