//! Support finds one account and sees why its owner cannot sign in, and no more.

use std::collections::BTreeSet;

use acceptance::{OTHER_PASSWORD, Options, PASSWORD};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::surface::world::World;

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_search_finds_exactly_the_address_and_never_a_list() {
    let world = World::start().await;
    world.deployment.create_account("adam@example.com").await;
    let search = async |email: &str| {
        let body = json!({ "email": email });
        world.support.post("/support/accounts/search", body).await
    };
    let found = search("ada@example.com").await.expect(200);
    let accounts = found.json["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 1);
    assert_eq!(
        keys(&accounts[0]),
        BTreeSet::from([
            "id",
            "email",
            "created_at",
            "two_factor",
            "locked",
            "last_signed_in_at"
        ])
    );
    assert_eq!(accounts[0]["id"], world.ada_id);
    assert_eq!(accounts[0]["email"], "ada@example.com");
    assert_eq!(accounts[0]["two_factor"], "disabled");
    assert_eq!(accounts[0]["locked"], false);
    instant(&accounts[0]["created_at"]);
    instant(&accounts[0]["last_signed_in_at"]);
}

#[tokio::test]
async fn a_search_takes_no_part_of_an_address_and_no_pattern() {
    let world = World::start().await;
    let search = async |email: &str| {
        let body = json!({ "email": email });
        world.support.post("/support/accounts/search", body).await
    };
    for other in [
        "ad@example.com",
        "ada@example.co",
        "ada_@example.com",
        "a%a@example.com",
    ] {
        let answer = search(other).await.expect(200);
        assert_eq!(answer.json, json!({ "accounts": [] }), "{other}");
    }
    for pattern in ["", "*", "%", "ada", "@example.com", "%@example.com"] {
        let answer = search(pattern).await;
        let empty = answer.status == 200 && answer.json == json!({ "accounts": [] });
        assert!(empty || answer.status == 400, "{pattern}: {}", answer.text);
    }
    for path in [
        "/support/accounts",
        "/support/accounts?email=ada@example.com",
        "/support",
    ] {
        world
            .support
            .get(path)
            .await
            .expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_search_tells_enrolling_enabled_and_locked() {
    let world = World::start().await;
    let two_factor = async || {
        let body = json!({ "email": "ada@example.com" });
        let answer = world
            .support
            .post("/support/accounts/search", body)
            .await
            .expect(200);
        answer.json["accounts"][0].clone()
    };
    let authenticator = world.ada.start_enrollment(&world.owner).await;
    assert_eq!(two_factor().await["two_factor"], "enrolling");
    let code = json!({ "code": authenticator.code(world.deployment.clock.now()) });
    let path = "/settings/two-factor/enrollment/confirm";
    world.owner.post(path, code).await.expect(200);
    assert_eq!(two_factor().await["two_factor"], "enabled");
    assert_eq!(two_factor().await["locked"], false);
    guess_passwords(&world).await;
    assert_eq!(two_factor().await["locked"], true);
    world.deployment.clock.turn(chrono::Duration::seconds(31));
    assert_eq!(two_factor().await["locked"], false);
}

/// Strangers guess until they must wait; the seconds that they are told.
async fn guess_passwords(world: &World) -> i64 {
    let body = json!({ "email": world.ada.email, "password": OTHER_PASSWORD });
    for _ in 0..10 {
        let answer = world
            .deployment
            .visitor()
            .post("/login", body.clone())
            .await;
        if answer.status == 429 {
            return answer.headers["retry-after"]
                .to_str()
                .unwrap()
                .parse()
                .unwrap();
        }
        answer.expect_problem(401, "invalid_credentials");
    }
    panic!("nobody ever has to wait");
}

async fn guess_codes(world: &World, wrong: &str) {
    let visitor = world.deployment.visitor();
    let known = world.ada.login_known();
    for _ in 0..4 {
        let answer = visitor.post("/login", known.clone()).await.expect(200);
        let challenge = answer.text_at("/challenge/token");
        for _ in 0..5 {
            let body = json!({ "challenge": challenge, "code": wrong });
            let answer = visitor.post("/login/second-factor", body).await;
            if answer.status == 429 {
                return;
            }
        }
    }
    panic!("codes can be guessed for ever");
}

#[tokio::test]
async fn an_examination_tells_the_waits_with_their_end_and_what_an_unlock_would_change() {
    let world = World::start().await;
    let path = format!("/support/accounts/{}", world.ada_id);
    let nothing = world.support.get(&path).await.expect(200);
    let parts = ["account", "two_factor", "waits", "recent_events", "unlock"];
    assert_eq!(keys(&nothing.json), BTreeSet::from(parts));
    assert_eq!(nothing.json["two_factor"], json!({ "status": "disabled" }));
    assert_eq!(nothing.json["waits"], json!([]));
    assert_eq!(
        nothing.json["unlock"],
        json!({ "possible": false, "turns_off_two_factor": false, "lifts_waits": false, "ends_sessions": 1 })
    );
    let clock = &world.deployment.clock;
    let authenticator = world.ada.enable_two_factor(&world.owner, clock.now()).await;
    clock.turn_to_next_step();
    guess_codes(&world, &authenticator.wrong_code(clock.now())).await;
    let wait = guess_passwords(&world).await;

    let locked = world.support.get(&path).await.expect(200);
    let settings = world.owner.get("/settings").await.expect(200);
    assert_eq!(locked.json["two_factor"], settings.json["two_factor"]);
    assert!(locked.json["two_factor"]["enabled_at"].is_string());
    assert_eq!(locked.json["account"]["locked"], true);
    let waits = locked.json["waits"].as_array().unwrap();
    let kinds = waits.iter().map(|wait| wait["attempts"].as_str().unwrap());
    assert_eq!(
        kinds.collect::<BTreeSet<_>>(),
        BTreeSet::from(["password", "code"])
    );
    let now = clock.now();
    for wait in waits {
        assert!(now < instant(&wait["until"]), "{wait}");
        assert!(wait["failures"].as_u64().unwrap() >= 5, "{wait}");
    }
    let passwords = waits
        .iter()
        .find(|wait| wait["attempts"] == "password")
        .unwrap();
    let left = (instant(&passwords["until"]) - now).num_seconds();
    assert!((left - wait).abs() <= 10, "told {wait} s, shown {left} s");
    assert_eq!(
        locked.json["unlock"],
        json!({ "possible": true, "turns_off_two_factor": true, "lifts_waits": true, "ends_sessions": 1 })
    );
}

/// Many of strangers, one of a known device, and last a wrong one.
async fn many_attempts(world: &World) {
    let from = |ip: &str| {
        world
            .deployment
            .visitor()
            .with_header("x-forwarded-for", ip)
    };
    let mut device = String::new();
    for _ in 0..26 {
        let stranger = from("203.0.113.77");
        let answer = stranger.post("/login", world.ada.login()).await.expect(200);
        device = answer.text_at("/device_token");
        let owner = stranger.with_bearer(&answer.text_at("/session/token"));
        owner.post("/logout", json!({})).await.expect(204);
    }
    let mut known = world.ada.login();
    known["device_token"] = json!(device);
    from("2001:db8:1:2::5")
        .post("/login", known)
        .await
        .expect(200);
    let wrong = json!({ "email": world.ada.email, "password": OTHER_PASSWORD });
    from("198.51.100.9").post("/login", wrong).await.expect(401);
}

#[tokio::test]
async fn an_examination_shows_the_last_fifty_events_with_network_and_known_device_and_no_more() {
    let proxied = Options::default()
        .setting("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1/32")
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let world = World::with(proxied).await;
    many_attempts(&world).await;
    let answer = world
        .support
        .get(&format!("/support/accounts/{}", world.ada_id))
        .await
        .expect(200);
    let shown = answer.json["recent_events"].as_array().unwrap();
    assert_eq!(shown.len(), 50);
    for event in shown {
        let names = BTreeSet::from(["type", "recorded_at", "network", "known_device"]);
        assert_eq!(keys(event), names, "{event}");
        instant(&event["recorded_at"]);
    }
    assert_eq!(shown[0]["type"], "PasswordRejected");
    assert_eq!(shown[0]["network"], "198.51.100.0/24");
    assert_eq!(shown[0]["known_device"], false);
    let signed_in = |network: &str| {
        let mut events = shown.iter().filter(|event| event["type"] == "SignedIn");
        events.find(|event| event["network"] == network).unwrap()
    };
    assert_eq!(signed_in("2001:db8:1::/48")["known_device"], true);
    assert_eq!(signed_in("203.0.113.0/24")["known_device"], false);
    let history = world.deployment.events(&world.auditor, &world.ada_id).await;
    let types = |events: &[Value]| {
        events
            .iter()
            .map(|event| event["type"].clone())
            .collect::<Vec<_>>()
    };
    let mut newest = types(&history);
    newest.reverse();
    assert_eq!(types(shown), newest[..50]);
    for secret in [
        "203.0.113.77",
        "198.51.100.9",
        "2001:db8:1:2",
        "cs_",
        PASSWORD,
        "hash",
    ] {
        assert!(!answer.text.contains(secret), "{secret} in {}", answer.text);
    }
}
