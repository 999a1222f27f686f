//! Auditors: one account's history, and its state at any point of it.

use std::collections::BTreeSet;

use acceptance::{Answer, Authenticator, OTHER_PASSWORD, PASSWORD};
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::surface::problems::{assert_problem, pointers};
use crate::surface::world::{NOBODYS_ID, World, all_settled};

/// A life with a bit of everything, and the secrets that were handed out in it.
async fn life(world: &World) -> (Authenticator, Vec<String>) {
    let deployment = &world.deployment;
    let visitor = deployment.visitor();
    let wrong = json!({ "email": world.ada.email, "password": OTHER_PASSWORD });
    visitor.post("/login", wrong).await.expect(401);
    deployment.clock.turn(Duration::minutes(1));
    let authenticator = world
        .ada
        .enable_two_factor(&world.owner, deployment.clock.now())
        .await;
    deployment.clock.turn_to_next_step();
    let challenge = world.ada.challenge(&visitor).await;
    let code = authenticator.code(deployment.clock.now());
    let body = json!({ "challenge": challenge, "code": code, "transport": "bearer" });
    let answer = visitor.post("/login/second-factor", body).await.expect(200);
    let session = answer.text_at("/session/token");
    visitor
        .post("/password-reset", json!({ "email": world.ada.email }))
        .await
        .expect(202);
    let reset = deployment.mailed_token(&world.ada.email, "reset").await;
    deployment.clock.turn(Duration::minutes(1));
    let body = json!({ "token": reset, "new_password": OTHER_PASSWORD });
    visitor
        .post("/password-reset/confirm", body)
        .await
        .expect(204);
    let device = answer.text_at("/device_token");
    let secrets = vec![
        challenge,
        session,
        reset,
        device,
        world.ada.device_token.clone(),
        code,
        authenticator.secret.clone(),
        PASSWORD.to_owned(),
        OTHER_PASSWORD.to_owned(),
        "$argon2".to_owned(),
        "cs_".to_owned(),
        "otpauth".to_owned(),
    ];
    all_settled(deployment).await;
    (authenticator, secrets)
}

fn instant(event: &Value) -> DateTime<Utc> {
    event["recorded_at"].as_str().unwrap().parse().unwrap()
}

#[track_caller]
fn assert_event(event: &Value, account: &str) {
    let members = event.as_object().unwrap();
    let names = members.keys().map(String::as_str).collect::<BTreeSet<_>>();
    let expected = [
        "stream",
        "account_id",
        "sequence",
        "position",
        "type",
        "version",
        "recorded_at",
        "actor",
        "request",
        "data",
        "hash",
    ];
    assert_eq!(names, BTreeSet::from(expected), "{event}");
    assert_eq!(event["stream"], format!("account/{account}"));
    assert_eq!(event["account_id"], account);
    assert_eq!(event["version"], 1);
    assert!(event["position"].is_u64(), "{event}");
    assert!(event["data"].is_object(), "{event}");
    assert!(
        event["recorded_at"].as_str().unwrap().ends_with('Z'),
        "{event}"
    );
    let hash = event["hash"].as_str().unwrap();
    assert_eq!(hash.len(), 64, "{event}");
    assert!(hash.bytes().all(|b| b.is_ascii_hexdigit()), "{event}");
    let request = event["request"].as_object().unwrap();
    let names = request.keys().map(String::as_str).collect::<BTreeSet<_>>();
    assert_eq!(names, BTreeSet::from(["id", "ip", "user_agent"]), "{event}");
    match event["actor"]["kind"].as_str().unwrap() {
        "owner" => assert_eq!(event["actor"], json!({ "kind": "owner", "id": account })),
        kind @ ("visitor" | "system") => assert_eq!(event["actor"], json!({ "kind": kind })),
        other => panic!("{other}: {event}"),
    }
}

/// Checks: lifecycle_event_fields (NIST-4.1-E).
#[tokio::test]
async fn a_history_is_dense_ordered_of_the_published_form_and_free_of_secrets() {
    let world = World::start().await;
    let (_, secrets) = life(&world).await;
    let events = world.deployment.events(&world.auditor, &world.ada_id).await;
    for (index, event) in events.iter().enumerate() {
        assert_event(event, &world.ada_id);
        assert_eq!(event["sequence"], index + 1);
        assert_eq!(
            event["request"]["ip"].is_string(),
            event["actor"]["kind"] != "system"
        );
    }
    assert!(events.is_sorted_by_key(instant));
    assert!(events.is_sorted_by_key(|event| event["position"].as_u64().unwrap()));
    let types = events.iter().map(|event| event["type"].as_str().unwrap());
    let types = types.collect::<BTreeSet<_>>();
    for expected in [
        "AccountOpened",
        "DeviceRemembered",
        "SignedIn",
        "PasswordRejected",
        "EnrollmentStarted",
        "TwoFactorEnabled",
        "SecondFactorRequested",
        "PasswordResetRequested",
        "PasswordReset",
        "SessionsEnded",
    ] {
        assert!(types.contains(expected), "{expected} is not in {types:?}");
    }
    assert_eq!(events[0]["type"], "AccountOpened");
    assert_eq!(events[0]["data"]["email"], world.ada.email);
    let text = serde_json::to_string(&events).unwrap();
    for secret in &secrets {
        assert!(
            !text.contains(secret.as_str()),
            "{secret} is in the history"
        );
    }
}

#[tokio::test]
async fn a_history_is_read_in_pages_of_any_size() {
    let world = World::start().await;
    life(&world).await;
    let all = world.deployment.events(&world.auditor, &world.ada_id).await;
    let path = format!("/audit/accounts/{}/events", world.ada_id);
    for limit in [1, 2, 5, all.len(), 500] {
        let (mut read, mut after) = (Vec::new(), None::<u64>);
        loop {
            let from = after
                .map(|after| format!("&after={after}"))
                .unwrap_or_default();
            let page = world
                .auditor
                .get(&format!("{path}?limit={limit}{from}"))
                .await
                .expect(200);
            let events = page.json["events"].as_array().unwrap().clone();
            assert!(events.len() <= limit);
            if events.is_empty() {
                assert_eq!(page.json["next"].as_u64(), after);
                break;
            }
            assert_eq!(page.json["next"], events.last().unwrap()["sequence"]);
            after = page.json["next"].as_u64();
            read.extend(events);
        }
        assert_eq!(read, all, "pages of {limit}");
    }
    let beyond = world
        .auditor
        .get(&format!("{path}?after=9223372036854775807"))
        .await
        .expect(200);
    assert_eq!(beyond.json["events"], json!([]));
}

async fn state(world: &World, at: &str) -> Answer {
    let at = at.replace('+', "%2B");
    let query = if at.is_empty() {
        at
    } else {
        format!("?at={at}")
    };
    world
        .auditor
        .get(&format!("/audit/accounts/{}/state{query}", world.ada_id))
        .await
}

#[tokio::test]
async fn a_state_by_sequence_is_what_the_events_up_to_it_made() {
    let world = World::start().await;
    let (authenticator, secrets) = life(&world).await;
    let events = world.deployment.events(&world.auditor, &world.ada_id).await;
    let mut two_factor = "disabled";
    for event in &events {
        let sequence = event["sequence"].as_u64().unwrap();
        let answer = state(&world, &sequence.to_string()).await.expect(200);
        assert_eq!(answer.json["account_id"], world.ada_id);
        assert_eq!(answer.json["sequence"], sequence);
        assert_eq!(answer.json["recorded_at"], event["recorded_at"]);
        two_factor = match event["type"].as_str().unwrap() {
            "EnrollmentStarted" => "enrolling",
            "TwoFactorEnabled" => "enabled",
            _ => two_factor,
        };
        let shown = &answer.json["state"];
        assert_eq!(shown["two_factor"]["status"], two_factor, "{sequence}");
        assert_eq!(shown["email"], world.ada.email);
        for secret in &secrets {
            assert!(
                !answer.text.contains(secret.as_str()),
                "{secret} is in the state"
            );
        }
    }
    let now = state(&world, "").await.expect(200);
    assert_eq!(now.json["sequence"], events.len());
    assert_eq!(now.json["state"]["sessions"], json!([]));
    assert_eq!(now.json["state"]["challenges"], json!([]));
    assert_eq!(now.json["state"]["resets"], json!([]));
    assert!(!now.text.contains(&authenticator.secret));
}

#[tokio::test]
async fn a_state_at_an_instant_takes_in_what_happened_at_it_and_answers_its_sequence() {
    let world = World::start().await;
    life(&world).await;
    let events = world.deployment.events(&world.auditor, &world.ada_id).await;
    let micros = Duration::microseconds(1);
    let stands_for = |at: DateTime<Utc>| events.iter().filter(|event| instant(event) <= at).count();
    for event in &events {
        for at in [
            instant(event),
            instant(event) + micros,
            instant(event) - micros,
        ] {
            let answer = state(&world, &at.to_rfc3339_opts(SecondsFormat::Micros, true)).await;
            if stands_for(at) == 0 {
                assert_problem(&answer, 400, "invalid_request", "before the account was");
                continue;
            }
            let answer = answer.expect(200);
            assert_eq!(answer.json["sequence"], stands_for(at), "{at}");
        }
    }
    let elsewhere =
        instant(&events[3]).with_timezone(&chrono::FixedOffset::east_opt(19_800).unwrap());
    let answer = state(&world, &elsewhere.to_rfc3339()).await.expect(200);
    assert_eq!(answer.json["sequence"], stands_for(instant(&events[3])));
    let now = world.deployment.clock.now();
    let answer = state(&world, &now.to_rfc3339_opts(SecondsFormat::Micros, true))
        .await
        .expect(200);
    assert_eq!(answer.json["sequence"], events.len());
}

#[tokio::test]
async fn the_future_and_an_unknown_account_have_no_state_and_no_history() {
    let world = World::start().await;
    let events = world.deployment.events(&world.auditor, &world.ada_id).await;
    let soon = world.deployment.clock.now() + Duration::minutes(1);
    let soon = soon.to_rfc3339_opts(SecondsFormat::Secs, true);
    let next = (events.len() + 1).to_string();
    for at in [
        soon.as_str(),
        "9999-12-31T23:59:59Z",
        &next,
        "9223372036854775807",
        "0",
    ] {
        let answer = state(&world, at).await;
        assert_problem(&answer, 400, "invalid_request", at);
        assert_eq!(pointers(&answer), ["/at"], "{at}");
    }
    for path in [
        "events",
        "state",
        "state?at=1",
        "state?at=2020-01-01T00:00:00Z",
        "events?after=5",
    ] {
        let answer = world
            .auditor
            .get(&format!("/audit/accounts/{NOBODYS_ID}/{path}"))
            .await;
        assert_problem(&answer, 404, "not_found", path);
    }
    let staff = crate::surface::world::staff_id(&world.deployment, "Sam Support").await;
    for path in ["events", "state"] {
        let answer = world
            .auditor
            .get(&format!("/audit/accounts/{staff}/{path}"))
            .await;
        assert_problem(&answer, 404, "not_found", path);
    }
}
