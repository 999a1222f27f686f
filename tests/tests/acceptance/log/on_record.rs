//! What staff read is itself in the log.

use proofs::tree::verify_inclusion;
use serde_json::{Value, json};

use crate::log::auditing::{checkpoint, hash, proof};
use crate::surface::staff_record::recorded;
use crate::surface::world::{World, all_settled, staff_id};

/// Scenario:
/// 1. An auditor reads an account's history, then asks for a checkpoint, a proof and a tile.
/// 2. Another one finds each of these reads in the log, at a position, under the first one's name,
///    and proves that it is there.
#[tokio::test]
async fn whoever_reads_a_history_or_a_proof_stands_in_the_log_with_it() {
    let world = World::start().await;
    let deployment = &world.deployment;
    let reader = world.auditor.clone().with_header("x-request-id", "look-7");
    let history = format!("/audit/accounts/{}/events?limit=7", world.ada_id);
    for path in [
        history.as_str(),
        "/audit/checkpoint",
        "/audit/events/1/proof?size=3",
        "/audit/consistency?from=2&to=3",
        "/audit/tile/entries/000.p/2",
    ] {
        reader.get(path).await.expect(200);
    }
    all_settled(deployment).await;

    let alex = staff_id(deployment, "Alex Auditor").await;
    let other = deployment.staff("auditor", "Olga of audit").await;
    let signed = checkpoint(deployment, &other).await;
    let feed = other.get("/audit/events?limit=500").await.expect(200);
    let feed = feed.json["events"].as_array().unwrap();
    let reads = feed
        .iter()
        .filter(|event| event["request"]["id"] == "look-7")
        .collect::<Vec<_>>();
    let told = reads.iter().map(|event| &event["type"]);
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "HistoryRead",
            "CheckpointRead",
            "InclusionProved",
            "ConsistencyProved",
            "TileRead",
        ]
    );
    let by = json!({ "kind": "auditor", "id": alex, "name": "Alex Auditor" });
    for event in &reads {
        assert_eq!(event["actor"], by);
        assert_eq!(event["stream"], format!("staff/{alex}"));
        let position = event["position"].as_u64().unwrap();
        let path = format!("/audit/events/{position}/proof?size={}", signed.size);
        let answer = other.get(&path).await.expect(200);
        let event = hash(&event["hash"]);
        verify_inclusion(&proof(&answer), &event, position, signed.size, &signed.root).unwrap();
    }
    assert_eq!(
        reads[0]["data"],
        json!({ "account": world.ada_id, "after": 0, "limit": 7 })
    );
    assert!(reads[1]["data"]["size"].as_u64().unwrap() >= 1);
    assert_eq!(reads[2]["data"], json!({ "position": 1, "size": 3 }));
    assert_eq!(reads[3]["data"], json!({ "from": 2, "to": 3 }));
    assert_eq!(reads[4]["data"], json!({ "path": "entries/000.p/2" }));
    deployment.verify().await;
}

/// The record of a call is committed before the answer: a proof that was seen is on record.
#[tokio::test]
async fn each_proof_is_on_record_the_moment_it_is_answered() {
    let world = World::start().await;
    let alex = staff_id(&world.deployment, "Alex Auditor").await;
    for number in 1..=5_usize {
        let answer = world.auditor.get("/audit/events/0/proof").await;
        let size = answer.expect(200).json["size"].clone();
        assert_ne!(size, Value::Null);
        let recorded = recorded(&world.deployment, "staff", &alex).await;
        let proved = recorded.iter().filter(|name| *name == "InclusionProved");
        assert_eq!(proved.count(), number);
    }
}
