//! Filters by type, actor and time, the same for every form of the feed and for a history.

use std::time::Duration;

use acceptance::Caller;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::surface::world::{World, all_settled, staff_id};

const SOON: Duration = Duration::from_secs(3);

async fn page(auditor: &Caller, path: &str) -> Vec<Value> {
    let answer = auditor.get(path).await.expect(200);
    answer.json["events"].as_array().unwrap().clone()
}

async fn lines(auditor: &Caller, path: &str) -> Vec<Value> {
    let lines = auditor
        .clone()
        .with_header("accept", "application/x-ndjson");
    let answer = lines.get(path).await.expect(200);
    let lines = answer.text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A world in which something happened at several times, and everything as it was then.
async fn eventful() -> (World, Vec<Value>) {
    let world = World::start().await;
    for _ in 0..3 {
        world.deployment.clock.turn(chrono::Duration::minutes(10));
        let owner = world.ada.sign_in(&world.deployment.visitor()).await;
        owner.post("/logout", json!({})).await.expect(204);
        world.support.get("/session").await.expect(403);
        let body = json!({ "email": world.ada.email, "password": "never the right words 77" });
        let visitor = world.deployment.visitor();
        visitor.post("/login", body).await.expect(401);
    }
    all_settled(&world.deployment).await;
    let all = page(&world.auditor, "/audit/events?limit=500").await;
    (world, all)
}

type Passes<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

#[tokio::test]
async fn a_filter_lets_the_same_events_pass_in_pages_in_lines_and_live() {
    let (world, all) = eventful().await;
    let sam = staff_id(&world.deployment, "Sam Support").await;
    let then = all[all.len() / 2]["recorded_at"].as_str().unwrap();
    let ada = world.ada_id.as_str();
    let filters: [(String, Passes<'_>); 9] = [
        (
            "type=SignedIn".to_owned(),
            Box::new(|event| event["type"] == "SignedIn"),
        ),
        (
            "type=SignedIn,SignedOut".to_owned(),
            Box::new(|event| event["type"] == "SignedIn" || event["type"] == "SignedOut"),
        ),
        (
            "type=SignedOut&type=StaffIssued".to_owned(),
            Box::new(|event| event["type"] == "SignedOut" || event["type"] == "StaffIssued"),
        ),
        (
            "actor=visitor".to_owned(),
            Box::new(|event| event["actor"]["kind"] == "visitor"),
        ),
        (
            format!("actor={ada}"),
            Box::new(|event| event["actor"]["id"] == ada),
        ),
        (
            format!("actor={sam}"),
            Box::new(|event| event["actor"]["id"] == sam),
        ),
        (
            format!("since={then}"),
            Box::new(|event| then <= event["recorded_at"].as_str().unwrap()),
        ),
        (
            format!("until={then}"),
            Box::new(|event| event["recorded_at"].as_str().unwrap() < then),
        ),
        (
            format!("type=SignedIn,SignedOut&actor=owner&since={then}&until=2999-01-01T00:00:00Z"),
            Box::new(|event| {
                (event["type"] == "SignedIn" || event["type"] == "SignedOut")
                    && event["actor"]["kind"] == "owner"
                    && then <= event["recorded_at"].as_str().unwrap()
            }),
        ),
    ];
    for (query, passes) in &filters {
        let expected = all.iter().filter(|event| passes(event)).cloned();
        let expected = expected.collect::<Vec<_>>();
        assert!(
            !expected.is_empty() && expected.len() < all.len(),
            "{query}"
        );
        let path = format!("/audit/events?{query}");
        let known = |events: Vec<Value>| {
            let of_then = events.into_iter().filter(|event| all.contains(event));
            of_then.collect::<Vec<_>>()
        };
        let in_page = page(&world.auditor, &format!("{path}&limit=500")).await;
        assert_eq!(known(in_page), expected, "page of {query}");
        assert_eq!(
            known(lines(&world.auditor, &path).await),
            expected,
            "{query}"
        );
        let mut live = world.auditor.follow(&path).await;
        let told = timeout(SOON, live.take(expected.len())).await;
        assert_eq!(told.unwrap(), expected, "live {query}");

        let history = format!("/audit/accounts/{ada}/events?{query}");
        let of_ada = expected.iter().filter(|event| event["account_id"] == ada);
        let of_ada = of_ada.cloned().collect::<Vec<_>>();
        assert_eq!(page(&world.auditor, &history).await, of_ada, "{history}");
    }
}

#[tokio::test]
async fn a_page_through_a_filter_says_how_far_it_has_looked() {
    let (world, all) = eventful().await;
    let signed_in = all.iter().filter(|event| event["type"] == "SignedIn");
    let signed_in = signed_in.collect::<Vec<_>>();
    let first = "/audit/events?type=SignedIn&limit=1";
    let answer = world.auditor.get(first).await.expect(200);
    assert_eq!(answer.json["next"], signed_in[0]["position"]);
    assert_eq!(answer.json["events"], json!([signed_in[0]]));
    let (mut after, mut read) = (String::new(), Vec::new());
    loop {
        let answer = world
            .auditor
            .get(&format!("{first}{after}"))
            .await
            .expect(200);
        read.extend(answer.json["events"].as_array().unwrap().clone());
        if answer.json["events"] == json!([]) {
            // Beyond the last that passed: what was looked at is not looked at again.
            assert!(answer.json["next"].as_u64() > signed_in.last().unwrap()["position"].as_u64());
            break;
        }
        after = format!("&after={}", answer.json["next"]);
    }
    assert_eq!(read.iter().collect::<Vec<_>>(), signed_in);

    let history = format!("/audit/accounts/{}/events", world.ada_id);
    let path = format!("{history}?type=AccountUnlocked");
    let answer = world.auditor.get(&path).await.expect(200);
    assert_eq!(answer.json["events"], json!([]));
    let whole = page(&world.auditor, &history).await;
    assert_eq!(answer.json["next"], whole.last().unwrap()["sequence"]);
}

#[tokio::test]
async fn a_live_feed_through_a_filter_tells_what_passes_as_it_happens() {
    let world = World::start().await;
    let path = "/audit/events?type=SignedOut&type=PasswordRejected";
    let mut live = world.auditor.follow(path).await;
    world.support.get("/session").await.expect(403);
    world.owner.post("/logout", json!({})).await.expect(204);
    let told = timeout(SOON, live.next()).await.unwrap().unwrap();
    assert_eq!(told["type"], "SignedOut");
}

#[tokio::test]
async fn a_filter_that_is_not_understood_is_named() {
    let world = World::start().await;
    let forms = [
        "application/json",
        "application/x-ndjson",
        "text/event-stream",
    ];
    for (query, pointer) in [
        ("type=SignedUp", "/type"),
        ("type=SignedIn,signedin", "/type"),
        ("type=SignedIn&type=", "/type"),
        ("actor=nobody", "/actor"),
        ("actor=visitor,owner", "/actor"),
        ("since=yesterday", "/since"),
        ("until=2026-02-30T00:00:00Z", "/until"),
        ("since=2026-01-01T00:00:00Z&since=2026-01-01T00:00:00Z", ""),
        ("types=SignedIn", ""),
    ] {
        for form in forms {
            let auditor = world.auditor.clone().with_header("accept", form);
            let answer = auditor.get(&format!("/audit/events?{query}")).await;
            let answer = answer.expect_problem(400, "invalid_request");
            assert_eq!(answer.json["errors"][0]["pointer"], pointer, "{query}");
        }
        let history = format!("/audit/accounts/{}/events?{query}", world.ada_id);
        let answer = world.auditor.get(&history).await;
        answer.expect_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn the_record_of_a_call_tells_its_filter() {
    let world = World::start().await;
    let query = "type=SignedOut,SignedIn&actor=owner&since=2026-01-01T00:00:00%2B01:00";
    let question = json!({
        "types": ["SignedIn", "SignedOut"], "actor": "owner", "since": "2025-12-31T23:00:00Z",
    });
    let feed = format!("/audit/events?{query}");
    page(&world.auditor, &feed).await;
    lines(&world.auditor, &feed).await;
    drop(world.auditor.follow(&feed).await);
    let history = format!("/audit/accounts/{}/events", world.ada_id);
    page(&world.auditor, &format!("{history}?{query}")).await;
    page(&world.auditor, "/audit/events").await;
    all_settled(&world.deployment).await;
    let path = "/audit/events?actor=auditor&type=FeedRead,HistoryRead";
    let recorded = page(&world.auditor, path).await;
    let filters = recorded.iter().map(|event| event["data"]["filter"].clone());
    let mut expected = vec![question; 4];
    expected.push(Value::Null);
    assert_eq!(filters.take(5).collect::<Vec<_>>(), expected);
}
