//! The record that is kept: of every authenticator that an account ever had, and of who did what.

use std::collections::BTreeSet;

use acceptance::{OTHER_PASSWORD, PASSWORD};
use chrono::Duration;
use serde_json::{Value, json};

use crate::surface::world::{World, all_settled};

fn ids_of<'e>(events: &'e [Value], event_type: &str) -> Vec<&'e str> {
    let found = events.iter().filter(|event| event["type"] == event_type);
    found
        .map(|event| {
            let data = &event["data"];
            let id = data.get("authenticator").or_else(|| data.get("enrollment"));
            id.and_then(Value::as_str).unwrap()
        })
        .collect()
}

/// Checks: authenticator_history_complete (NIST-4.1-B).
#[tokio::test]
async fn the_history_names_every_authenticator_that_was_ever_bound_and_until_when() {
    let world = World::start().await;
    let (owner, clock) = (&world.owner, &world.deployment.clock);
    world.ada.enable_two_factor(owner, clock.now()).await;
    let current = json!({ "current_password": world.ada.password });
    let disable = "/settings/two-factor/disable";
    owner.post(disable, current.clone()).await.expect(204);
    world.ada.start_enrollment(owner).await;
    let enrollment = "/settings/two-factor/enrollment";
    owner.delete(enrollment).await.expect(204);
    clock.turn(Duration::seconds(90));
    world.ada.enable_two_factor(owner, clock.now()).await;
    let events = world.deployment.events(&world.auditor, &world.ada_id).await;

    let bound = ids_of(&events, "TwoFactorEnabled");
    let (begun, ended) = (
        ids_of(&events, "EnrollmentStarted"),
        ids_of(&events, "TwoFactorDisabled"),
    );
    assert_eq!((bound.len(), begun.len()), (2, 3));
    assert_eq!(
        begun.iter().collect::<BTreeSet<_>>().len(),
        3,
        "a new one each time"
    );
    assert_eq!([begun[0], begun[2]], [bound[0], bound[1]]);
    assert_eq!(ended, [bound[0]]);
    for event in &events {
        for field in ["recorded_at", "type", "actor", "request", "sequence"] {
            assert!(!event[field].is_null(), "{field} of {event}");
        }
    }
}

/// Whom each kind of event must have been done by, for an account without operators.
fn expected_actor(event_type: &str) -> &'static [&'static str] {
    match event_type {
        "AccountOpened" | "PasswordResetRequested" | "SecondFactorRequested" => &["visitor"],
        // Whoever has proved to be the owner.
        "SignedIn"
        | "PasswordReset"
        | "SignedOut"
        | "PasswordChanged"
        | "EnrollmentStarted"
        | "EnrollmentCancelled"
        | "EnrollmentCodeRejected"
        | "TwoFactorEnabled"
        | "TwoFactorDisabled" => &["owner"],
        // At the verification of an address there is no owner yet.
        "PasswordRejected" | "DeviceRemembered" => &["visitor", "owner"],
        "SessionsEnded" => &["owner", "support"],
        "AccountUnlocked" | "AccountSearched" | "AccountViewed" => &["support"],
        "HistoryRead" | "StateRead" | "FeedRead" | "CheckpointRead" | "InclusionProved"
        | "ConsistencyProved" | "TileRead" => &["auditor"],
        "StaffIssued" | "StaffRevoked" => &["system"],
        other => panic!("nobody is known to do {other}"),
    }
}

/// Checks: actor_propagation (ASVS-8.3.3).
#[tokio::test]
async fn actor_propagation_every_event_names_whoever_did_it() {
    let world = World::start().await;
    let (owner, clock) = (&world.owner, &world.deployment.clock);
    let (visitor, ada) = (world.deployment.visitor(), &world.ada);
    let current = json!({ "current_password": ada.password });
    let wrong = json!({ "email": ada.email, "password": OTHER_PASSWORD });
    visitor.post("/login", wrong).await.expect(401);
    let body = json!({ "current_password": OTHER_PASSWORD });
    let path = "/settings/two-factor/enrollment";
    owner.post(path, body).await.expect(401);
    let authenticator = ada.enable_two_factor(owner, clock.now()).await;
    clock.turn(Duration::seconds(90));
    let code = authenticator.code(clock.now());
    let other = ada.sign_in_with(&visitor, &code).await;
    other.post("/logout", json!({})).await.expect(204);
    let disable = "/settings/two-factor/disable";
    owner.post(disable, current.clone()).await.expect(204);
    clock.turn(Duration::seconds(90));
    ada.enable_two_factor(owner, clock.now()).await;
    let body = json!({ "email": ada.email });
    visitor
        .post("/password-reset", body.clone())
        .await
        .expect(202);
    world.deployment.mailed_token(&ada.email, "reset").await;
    let search = "/support/accounts/search";
    world.support.post(search, body).await.expect(200);
    let path = format!("/support/accounts/{}", world.ada_id);
    world.support.get(&path).await.expect(200);
    let reason = json!({ "reason": "lost phone" });
    let unlock = format!("{path}/unlock");
    world.support.post(&unlock, reason).await.expect(200);
    owner.get("/session").await.expect(401);
    visitor.post("/login", ada.login()).await.expect(200);
    let state = format!("/audit/accounts/{}/state", world.ada_id);
    world.auditor.get(&state).await.expect(200);
    assert_eq!(ada.password, PASSWORD);
    all_settled(&world.deployment).await;

    let feed = world.auditor.get("/audit/events?limit=500").await;
    let feed = feed.expect(200);
    let events = feed.json["events"].as_array().unwrap();
    let mut kinds = BTreeSet::new();
    for event in events {
        let event_type = event["type"].as_str().unwrap();
        let kind = event["actor"]["kind"].as_str().unwrap();
        assert!(expected_actor(event_type).contains(&kind), "{event}");
        kinds.insert(kind);
        match kind {
            "owner" => assert_eq!(event["actor"]["id"], world.ada_id, "{event}"),
            "support" => assert_eq!(event["actor"]["name"], "Sam Support", "{event}"),
            "auditor" => assert_eq!(event["actor"]["name"], "Alex Auditor", "{event}"),
            _ => assert!(event["actor"]["id"].is_null(), "{event}"),
        }
    }
    let all = ["auditor", "owner", "support", "system", "visitor"];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all);
    // A session that support ends is not ended by its owner.
    let mut ended = events
        .iter()
        .filter(|event| event["type"] == "SessionsEnded");
    let last = ended.next_back().unwrap();
    assert_eq!(last["actor"]["name"], "Sam Support", "{last}");
}
