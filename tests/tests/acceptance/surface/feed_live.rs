//! The live feed: what there is, then what happens, until there is a reason to end it.

use std::time::{Duration, Instant};

use acceptance::{Caller, Deployment, Options};
use rustix::net::sockopt;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::surface::world::{World, all_settled, revoke_staff, staff_id, staff_token};

const FEED: &str = "/audit/events";
const SOON: Duration = Duration::from_secs(3);
/// A heartbeat, and what a busy machine takes on top.
const A_HEARTBEAT: Duration = Duration::from_secs(20);

pub(crate) fn positions(events: &[Value]) -> Vec<u64> {
    let positions = events.iter().map(|event| event["position"].as_u64());
    positions.collect::<Option<_>>().unwrap()
}

/// How many positions have been given.
pub(crate) async fn length(deployment: &Deployment) -> u64 {
    all_settled(deployment).await;
    let mut connection = deployment.connection("countersign_owner").await;
    let length = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM log")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    length.cast_unsigned()
}

/// Appends one cheap event.
async fn happen(support: &Caller) {
    support.get("/session").await.expect(403);
}

/// Many cheap events, from several members of support at once.
pub(crate) async fn much_happens(world: &World, by: usize, each: usize) {
    let mut calls = Vec::new();
    for number in 0..by {
        let support = world
            .deployment
            .staff("support", &format!("S{number}"))
            .await;
        calls.push(tokio::spawn(async move {
            for _ in 0..each {
                happen(&support).await;
            }
        }));
    }
    for call in calls {
        call.await.unwrap();
    }
}

#[tokio::test]
async fn a_live_feed_tells_what_there_is_and_then_what_happens_as_it_happens() {
    let world = World::start().await;
    let before = length(&world.deployment).await;
    let mut follower = world.auditor.follow(FEED).await;
    // Its own record is the last of what there is.
    let told = follower.take(usize::try_from(before).unwrap() + 1).await;
    assert_eq!(positions(&told), (0..=before).collect::<Vec<_>>());
    assert_eq!(told.last().unwrap()["type"], "FeedRead");
    for position in before + 1..before + 6 {
        happen(&world.support).await;
        let event = timeout(SOON, follower.next()).await.unwrap().unwrap();
        assert_eq!(event["position"], position);
        assert_eq!(event["type"], "CallRefused");
    }
    drop(follower);
    let page = world
        .auditor
        .get("/audit/events?limit=500")
        .await
        .expect(200);
    let page = page.json["events"].as_array().unwrap();
    assert_eq!(page[..told.len()], told, "the same events as in a page");
}

#[tokio::test]
async fn a_live_feed_goes_on_after_the_last_id_or_after_a_position() {
    let world = World::start().await;
    let first = async |auditor: &Caller, query: &str| {
        let mut follower = auditor.follow(&format!("{FEED}{query}")).await;
        follower.next().await.unwrap()["position"].as_u64().unwrap()
    };
    let again = world.auditor.clone().with_header("last-event-id", "3");
    assert_eq!(first(&world.auditor, "").await, 0);
    assert_eq!(first(&world.auditor, "?after=1").await, 2);
    assert_eq!(first(&again, "").await, 4);
    // A browser connects anew to the same address.
    assert_eq!(first(&again, "?after=1").await, 4);
    let mut three = world.auditor.follow("/audit/events?limit=3").await;
    assert_eq!(positions(&three.take(3).await), [0, 1, 2]);
    assert_eq!(three.next().await, None, "no more than was asked for");
    for bad in ["", "x", "-1", "9223372036854775808"] {
        let auditor = world.auditor.clone().with_header("last-event-id", bad);
        let live = auditor.with_header("accept", "text/event-stream");
        live.get(FEED).await.expect_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_live_feed_ends_when_its_token_is_revoked_or_expires() {
    let world = World::start().await;
    let mut unharmed = world.auditor.follow(FEED).await;
    let revoked = world.deployment.staff("auditor", "Rita").await;
    let mut follower = revoked.follow(FEED).await;
    // Whose token expires is asked at the next heartbeat.
    let expiring = staff_token(&world.deployment, "auditor", "Ed", "1d").await;
    let expiring = world.deployment.visitor().with_bearer(&expiring);
    let nothing_yet = format!("{FEED}?type=AccountErased");
    let mut expired = expiring.follow(&nothing_yet).await;

    revoke_staff(
        &world.deployment,
        &staff_id(&world.deployment, "Rita").await,
    )
    .await;
    let mut last = Value::Null;
    let at_once = async {
        while let Some(event) = follower.next().await {
            last = event;
        }
    };
    timeout(SOON, at_once).await.unwrap();
    assert_eq!(last["type"], "StaffRevoked", "{last}");
    happen(&world.support).await;
    world.deployment.clock.turn(chrono::Duration::days(2));
    assert_eq!(timeout(A_HEARTBEAT, expired.next()).await.unwrap(), None);
    assert!(expired.heartbeats >= 1, "one at the beginning");
    let mut told = Value::Null;
    while told["type"] != "CallRefused" {
        told = timeout(SOON, unharmed.next()).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_server_that_ends_keeps_nobody_waiting_for_its_followers() {
    let mut world = World::start().await;
    let mut followers = Vec::new();
    for _ in 0..5 {
        followers.push(world.auditor.follow(FEED).await);
    }
    for follower in &mut followers {
        follower.next().await.unwrap();
    }
    let began = Instant::now();
    let status = world.deployment.servers[0].terminate().await;
    assert!(status.success(), "{status}");
    assert!(began.elapsed() < Duration::from_secs(5), "{began:?}");
    for mut follower in followers {
        // To its end, and not to a broken connection.
        while follower.next().await.is_some() {}
    }
}

/// The memory of a process in kilobytes.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let words = line.unwrap().split_whitespace().nth(1);
    words.unwrap().parse().unwrap()
}

#[tokio::test]
async fn fifty_followers_are_each_told_every_event_once() {
    let off = Options::default().setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let world = World::with(off).await;
    let before = usize::try_from(length(&world.deployment).await).unwrap();
    let mut following = Vec::new();
    for _ in 0..50 {
        let mut follower = world.auditor.follow(FEED).await;
        following.push(tokio::spawn(async move {
            // Those before, four members of support, fifty records, and what happens.
            let told = follower.take(before + 4 + 50 + 400).await;
            (positions(&told), follower)
        }));
    }
    much_happens(&world, 4, 100).await;
    for follower in following {
        let (told, _) = timeout(A_HEARTBEAT, follower).await.unwrap().unwrap();
        assert_eq!(told, (0..told.len() as u64).collect::<Vec<_>>());
    }
    let memory = resident(world.deployment.servers[0].pid());
    assert!(memory < 150 * 1024, "{memory} kB");
}

/// A connection of the auditor Slow that takes little at a time.
async fn slow_reader(world: &World, form: &str) -> TcpStream {
    let token = world.deployment.staff_token("auditor", "Slow").await;
    let socket = TcpSocket::new_v4().unwrap();
    sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
    let address = world.deployment.servers[0]
        .url
        .strip_prefix("http://")
        .unwrap();
    let mut slow = socket.connect(address.parse().unwrap()).await.unwrap();
    let request = format!(
        "GET /api/v1{FEED} HTTP/1.1\r\nhost: localhost\r\naccept: {form}\r\n\
         authorization: Bearer {token}\r\n\r\n"
    );
    slow.write_all(request.as_bytes()).await.unwrap();
    slow
}

#[tokio::test]
async fn the_feed_as_lines_breaks_off_when_its_token_is_revoked() {
    let off = Options::default().setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let world = World::with(off).await;
    much_happens(&world, 4, 600).await;
    let length = length(&world.deployment).await;
    let mut slow = slow_reader(&world, "application/x-ndjson").await;
    let mut read = vec![0];
    slow.read_exact(&mut read).await.unwrap();
    revoke_staff(
        &world.deployment,
        &staff_id(&world.deployment, "Slow").await,
    )
    .await;
    sockopt::set_socket_recv_buffer_size(&slow, 1 << 20).unwrap();
    let to_the_end = slow.read_to_end(&mut read);
    let _ = timeout(A_HEARTBEAT, to_the_end).await.unwrap();
    let told = String::from_utf8_lossy(&read);
    assert!(told.starts_with("HTTP/1.1 200 "), "{told:.200}");
    assert!(told.contains("\n{\"stream\":"), "{told:.200}");
    // Half an answer cannot be taken for a whole one: its last chunk is missing.
    assert!(!told.ends_with("\r\n0\r\n\r\n"));
    let lines = told.matches("\n{\"stream\":").count();
    assert!((lines as u64) < length, "all {lines} were told");
}

#[tokio::test]
async fn a_follower_who_does_not_read_is_let_go_and_holds_up_nobody() {
    let off = Options::default().setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let world = World::with(off).await;
    much_happens(&world, 4, 400).await;
    let length = length(&world.deployment).await;

    let mut slow = slow_reader(&world, "text/event-stream").await;

    let mut quick = world.auditor.follow(FEED).await;
    let everything = quick.take(usize::try_from(length).unwrap());
    timeout(A_HEARTBEAT, everything).await.unwrap();

    tokio::time::sleep(Duration::from_secs(40)).await;
    let mut read = Vec::new();
    let to_the_end = timeout(SOON, slow.read_to_end(&mut read)).await;
    assert!(to_the_end.is_ok(), "the connection is still open");
    let told = String::from_utf8_lossy(&read).matches("\ndata: ").count();
    assert!((told as u64) < length, "all {told} were told");
    assert!(told > 0);
}
