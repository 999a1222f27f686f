//! The feed of all events: one order that never changes and never skips.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use acceptance::{Caller, Deployment, Options};
use serde_json::{Value, json};

use crate::surface::world::{World, all_settled};

async fn page(auditor: &Caller, after: Option<u64>, limit: usize) -> (Vec<Value>, Option<u64>) {
    let from = after
        .map(|after| format!("&after={after}"))
        .unwrap_or_default();
    let path = format!("/audit/events?limit={limit}{from}");
    let answer = auditor.get(&path).await.expect(200);
    let events = answer.json["events"].as_array().unwrap().clone();
    (events, answer.json["next"].as_u64())
}

fn positions(events: &[Value]) -> Vec<u64> {
    events
        .iter()
        .map(|event| event["position"].as_u64().unwrap())
        .collect()
}

/// The first `count` events, in pages of `limit`.
async fn first(auditor: &Caller, count: usize, limit: usize) -> Vec<Value> {
    let (mut read, mut after) = (Vec::new(), None);
    while read.len() < count {
        let (events, next) = page(auditor, after, limit).await;
        assert!(!events.is_empty() && events.len() <= limit);
        assert_eq!(next, events.last().unwrap()["position"].as_u64());
        after = next;
        read.extend(events);
    }
    read.truncate(count);
    read
}

#[tokio::test]
async fn the_feed_has_every_event_once_in_dense_positions_the_same_in_pages_of_any_size() {
    let world = World::start().await;
    let bob = world.deployment.register("bob@example.com").await;
    bob.sign_in(&world.deployment.visitor()).await;
    world
        .support
        .get(&format!("/support/accounts/{}", world.ada_id))
        .await
        .expect(200);
    all_settled(&world.deployment).await;
    let (all, _) = page(&world.auditor, None, 500).await;
    assert!(all.len() >= 10, "{}", all.len());
    assert_eq!(positions(&all), (0..all.len() as u64).collect::<Vec<_>>());
    for limit in [1, 3, 7, 500] {
        assert_eq!(
            first(&world.auditor, all.len(), limit).await,
            all,
            "pages of {limit}"
        );
    }
    let streams = all.iter().map(|event| event["stream"].as_str().unwrap());
    for stream in streams.collect::<BTreeSet<_>>() {
        let own = all.iter().filter(|event| event["stream"] == stream);
        let sequences = own.map(|event| event["sequence"].as_u64().unwrap());
        let sequences = sequences.collect::<Vec<_>>();
        assert_eq!(
            sequences,
            (1..=sequences.len() as u64).collect::<Vec<_>>(),
            "{stream}"
        );
    }
    let history = world.deployment.events(&world.auditor, &world.ada_id).await;
    let mine = all
        .iter()
        .filter(|event| event["account_id"] == world.ada_id);
    assert_eq!(mine.cloned().collect::<Vec<_>>(), history);
}

#[tokio::test]
async fn the_feed_as_lines_is_the_same_as_the_feed_in_pages() {
    let world = World::start().await;
    all_settled(&world.deployment).await;
    let (all, _) = page(&world.auditor, None, 500).await;
    let lines = world
        .auditor
        .clone()
        .with_header("accept", "application/x-ndjson");
    let read = async |query: &str| {
        let answer = lines
            .get(&format!("/audit/events{query}"))
            .await
            .expect(200);
        assert_eq!(answer.headers["content-type"], "application/x-ndjson");
        assert!(answer.text.is_empty() || answer.text.ends_with('\n'));
        let lines = answer.text.lines();
        lines
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .collect::<Vec<_>>()
    };
    let streamed = read("").await;
    assert_eq!(streamed[..all.len()], all);
    assert_eq!(read("?limit=3").await, all[..3]);
    assert_eq!(read("?after=1&limit=2").await, all[2..4]);
    lines
        .get("/audit/events?limit=0")
        .await
        .expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn a_stream_of_more_than_a_chunk_is_whole() {
    let off = Options::default().setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let world = World::with(off).await;
    // Cheap events, each in the stream of somebody else.
    let mut calls = Vec::new();
    for name in ["Ann", "Ben", "Cid", "Dora"] {
        let support = world.deployment.staff("support", name).await;
        calls.push(tokio::spawn(async move {
            for _ in 0..128 {
                support.get("/session").await.expect(403);
            }
        }));
    }
    for call in calls {
        call.await.unwrap();
    }
    all_settled(&world.deployment).await;
    let lines = world
        .auditor
        .clone()
        .with_header("accept", "application/x-ndjson");
    let answer = lines.get("/audit/events").await.expect(200);
    let events = answer
        .text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let events = events.collect::<Vec<_>>();
    assert!(events.len() > 512, "{}", events.len());
    assert_eq!(
        positions(&events),
        (0..events.len() as u64).collect::<Vec<_>>()
    );
}

async fn write(support: Caller, owner: Caller) {
    for _ in 0..12 {
        support.get("/session").await.expect(403);
        let body = json!({ "current_password": "not the password" });
        let answer = owner.post("/settings/two-factor/disable", body).await;
        let status = answer.status.as_u16();
        assert!([401, 409, 429].contains(&status), "{}", answer.text);
    }
}

/// Reads page after page, until nobody but the reader has written any more.
async fn follow(auditor: Caller, nobody_writes: Arc<AtomicBool>) -> Vec<Value> {
    let (mut followed, mut after) = (Vec::new(), None);
    loop {
        let last = nobody_writes.load(Ordering::SeqCst);
        let (events, next) = page(&auditor, after, 20).await;
        let mut others = events
            .iter()
            .filter(|event| event["actor"]["kind"] != "auditor");
        let at_the_end = events.len() < 20 && others.next().is_none();
        followed.extend(events);
        after = next;
        if last && at_the_end {
            return followed;
        }
    }
}

#[tokio::test]
async fn a_follower_misses_nothing_while_two_servers_write() {
    let world = World::with(Options::default().servers(2)).await;
    let writers = [0, 1].map(|server| {
        let url = &world.deployment.servers[server].url;
        tokio::spawn(write(world.support.at(url), world.owner.at(url)))
    });
    let nobody_writes = Arc::new(AtomicBool::new(false));
    let following = tokio::spawn(follow(world.auditor.clone(), Arc::clone(&nobody_writes)));
    for writer in writers {
        writer.await.unwrap();
    }
    all_settled(&world.deployment).await;
    nobody_writes.store(true, Ordering::SeqCst);
    let followed = following.await.unwrap();
    assert_eq!(
        positions(&followed),
        (0..followed.len() as u64).collect::<Vec<_>>()
    );
    assert_eq!(first(&world.auditor, followed.len(), 500).await, followed);
    world.deployment.verify().await;
}

/// A page that begins in a hole is no end of the log, whatever its size.
#[tokio::test]
async fn a_hole_in_the_log_stops_its_readers() {
    let deployment = Deployment::start().await;
    deployment.create_account("ada@example.com").await;
    deployment.create_account("ben@example.com").await;
    let auditor = deployment.auditor().await;
    auditor.get("/audit/events").await.expect(200);
    let mut connection = deployment.connection("countersign_owner").await;
    crate::races::crash::wait_for_positions(&mut connection).await;
    sqlx::query("DELETE FROM log WHERE position = 1")
        .execute(&mut connection)
        .await
        .unwrap();
    for limit in [1, 2, 500] {
        let path = format!("/audit/events?after=0&limit={limit}");
        let answer = auditor.get(&path).await;
        assert_eq!(answer.status, 500, "{path}: {}", answer.text);
    }
}
