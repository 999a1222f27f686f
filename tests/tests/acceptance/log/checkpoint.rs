//! The checkpoint as it is handed out.

use std::time::Duration;

use acceptance::Deployment;
use proofs::checkpoint::{Checkpoint, NotACheckpoint, VerifierKeys};
use serde_json::json;
use sqlx::Connection;

use crate::log::auditing::{hash, lengthen, note, operators_keys, unlimited};
use crate::surface::staff_record::recorded;
use crate::surface::world::{all_settled, staff_id};

async fn stored_note(deployment: &Deployment) -> String {
    let mut connection = deployment.connection("countersign_owner").await;
    sqlx::query_scalar("SELECT checkpoint FROM log_head")
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_checkpoint_is_the_signed_note_byte_for_byte() {
    let deployment = unlimited().await;
    let auditor = deployment.auditor().await;
    all_settled(&deployment).await;
    let stored = stored_note(&deployment).await;
    let answer = auditor.get("/audit/checkpoint").await.expect(200);
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.bytes, stored.as_bytes());

    let signed = operators_keys(&deployment, &stored).verify(&stored);
    let signed = signed.unwrap();
    assert!(stored.starts_with(&signed.text()));
    assert_eq!(signed.origin.epoch, 1);
    let foreign = unlimited().await;
    let foreign_note = note(&foreign.auditor().await).await;
    let foreign_keys = operators_keys(&foreign, &foreign_note);
    assert_eq!(
        foreign_keys.verify(&stored),
        Err(NotACheckpoint::UnknownKey)
    );
    let larger = stored.replacen(&format!("\n{}\n", signed.size), "\n9\n", 1);
    assert_eq!(
        operators_keys(&deployment, &stored).verify(&larger),
        Err(NotACheckpoint::WrongSignature)
    );
}

#[tokio::test]
async fn as_json_it_says_what_the_note_says() {
    let deployment = unlimited().await;
    lengthen(&deployment, 3).await;
    let auditor = deployment.auditor().await;
    let auditor = auditor.with_header("accept", "application/json");
    let answer = auditor.get("/audit/checkpoint").await.expect(200);
    assert_eq!(answer.headers["content-type"], "application/json");
    let note = answer.text_at("/note");
    let signed = Checkpoint::read(&note).unwrap();
    assert_eq!(answer.json["origin"], signed.origin.to_string());
    assert_eq!(answer.json["epoch"], signed.origin.epoch);
    assert_eq!(answer.json["size"], signed.size);
    assert_eq!(hash(&answer.json["root"]), signed.root);
    let keys = operators_keys(&deployment, &note);
    assert_eq!(
        answer.json["keys"],
        json!(keys.iter().collect::<Vec<_>>()),
        "for convenience"
    );
    VerifierKeys::parse(keys.iter())
        .unwrap()
        .verify(&note)
        .unwrap();
}

/// Scenario:
/// 1. The log has no checkpoint, and nothing is appended that would be given one: whatever is asked,
///    the answer is 503, and nothing is on record, since nothing was shown.
/// 2. Asked once more, the checkpoint comes while the call waits: it is answered with it.
#[tokio::test]
async fn a_log_without_a_checkpoint_is_waited_for_briefly() {
    let deployment = unlimited().await;
    let auditor = deployment.auditor().await;
    all_settled(&deployment).await;
    let stored = stored_note(&deployment).await;
    let mut connection = deployment.connection("countersign_owner").await;
    sqlx::query("UPDATE log_head SET checkpoint = NULL")
        .execute(&mut connection)
        .await
        .unwrap();
    for path in [
        "/audit/checkpoint",
        "/audit/events/0/proof",
        "/audit/consistency?from=1",
    ] {
        let answer = auditor.get(path).await;
        let answer = answer.expect_problem(503, "unavailable");
        assert!(answer.headers.contains_key("retry-after"));
    }
    let alex = staff_id(&deployment, "Alex Auditor").await;
    assert_eq!(recorded(&deployment, "staff", &alex).await, ["StaffIssued"]);
    let late = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        sqlx::query("UPDATE log_head SET checkpoint = $1")
            .bind(&stored)
            .execute(&mut connection)
            .await
            .unwrap();
    };
    let (answer, ()) = tokio::join!(auditor.get("/audit/checkpoint"), late);
    assert_eq!(answer.expect(200).text, stored);
    connection.close().await.unwrap();
}
