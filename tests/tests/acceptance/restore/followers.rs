//! Those who followed the log before a recovery: never a gap that they are not told of.

use acceptance::{Caller, Deployment};
use serde_json::Value;

use super::backups::{RECOVER, back_up, restore, until_logged};
use crate::evidence::command_line::said_json;

const FEED: &str = "/audit/events";
const FORMS: [&str; 3] = [
    "application/json",
    "application/x-ndjson",
    "text/event-stream",
];

async fn grow(deployment: &Deployment, people: &str, count: usize) {
    for number in 0..count {
        let email = format!("{people}{number}@example.com");
        deployment.create_account(&email).await;
    }
    until_logged(deployment).await;
}

/// The end of the log: the last position.
async fn last(auditor: &Caller) -> u64 {
    let page = auditor.get("/audit/events?limit=500").await.expect(200);
    page.json["next"].as_u64().unwrap()
}

/// Where the refusal of a call points.
async fn refused(caller: &Caller, path: &str) -> String {
    let answer = caller.get(path).await;
    let answer = answer.expect_problem(400, "invalid_request");
    answer.text_at("/errors/0/pointer")
}

fn position(event: &Value) -> u64 {
    event["position"].as_u64().unwrap()
}

#[tokio::test]
async fn nobody_resumes_beyond_the_end_of_the_log_and_everybody_at_it() {
    let deployment = Deployment::start().await;
    let auditor = deployment.auditor().await;
    for form in FORMS {
        let reader = auditor.clone().with_header("accept", form);
        let beyond = format!("{FEED}?after=1000");
        assert_eq!(refused(&reader, &beyond).await, "/after", "{form}");
    }
    let live = auditor.clone().with_header("accept", FORMS[2]);
    let beyond = live.with_header("last-event-id", "1000");
    assert_eq!(refused(&beyond, FEED).await, "/Last-Event-ID");
    // It wins over `after`, which a browser sends again unchanged.
    let at_the_end = format!("{FEED}?after={}", last(&auditor).await);
    assert_eq!(refused(&beyond, &at_the_end).await, "/Last-Event-ID");

    let mut follower = auditor.follow(&at_the_end).await;
    let next = position(&follower.next().await.unwrap());
    let end = last(&auditor).await;
    assert!(next <= end, "{next} {end}");
    let page = auditor
        .get(&format!("{FEED}?after={end}"))
        .await
        .expect(200);
    assert_eq!(page.headers["countersign-epoch"], "1");
    deployment.verify().await;
}

/// Scenario:
/// 1. A follower has read all of a log, which is then restored from an older backup and recovered.
/// 2. Their position lies beyond its end: refused, whatever the form.
/// 3. The log grows past it. Their position alone would be taken; with their epoch it is refused.
/// 4. They go back to the size that `EpochOpened` names, and have missed nothing.
#[tokio::test]
async fn a_follower_of_a_log_that_was_recovered_is_told_and_can_go_back_to_where_it_was_cut() {
    let mut deployment = Deployment::start().await;
    grow(&deployment, "kept", 1).await;
    let backup = back_up(&mut deployment).await;
    grow(&deployment, "lost", 8).await;
    let auditor = deployment.auditor().await;
    until_logged(&deployment).await;
    let read = last(&auditor).await;
    let page = auditor.get(FEED).await.expect(200);
    let epoch = page.headers["countersign-epoch"]
        .to_str()
        .unwrap()
        .to_owned();

    restore(&mut deployment, &backup).await;
    let told = said_json(&deployment, RECOVER).await;
    deployment.restart(0).await;
    let auditor = deployment.auditor().await;
    until_logged(&deployment).await;
    for form in FORMS {
        let reader = auditor.clone().with_header("accept", form);
        let resumed = format!("{FEED}?after={read}");
        assert_eq!(refused(&reader, &resumed).await, "/after", "{form}");
    }

    grow(&deployment, "new", 12).await;
    let resumed = format!("{FEED}?after={read}");
    auditor.get(&resumed).await.expect(200);
    for form in FORMS {
        let reader = auditor.clone().with_header("accept", form);
        let reader = reader.with_header("countersign-epoch", &epoch);
        let pointer = refused(&reader, &resumed).await;
        assert_eq!(pointer, "/Countersign-Epoch", "{form}");
    }

    let opened = format!("{FEED}?type=EpochOpened");
    let opened = auditor.get(&opened).await.expect(200);
    let now = opened.headers["countersign-epoch"].to_str().unwrap();
    let size = opened.json["events"][0]["data"]["size"].as_u64().unwrap();
    assert_eq!(
        (&told["epoch"].to_string(), told["size"].as_u64()),
        (&now.to_owned(), Some(size))
    );
    let anew = auditor.clone().with_header("countersign-epoch", now);
    let mut follower = anew.follow(&format!("{FEED}?after={}", size - 1)).await;
    for expected in size..=read + 1 {
        assert_eq!(position(&follower.next().await.unwrap()), expected);
    }
}
