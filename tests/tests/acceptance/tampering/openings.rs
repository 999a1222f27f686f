//! Recoveries that nobody carried out, told by events that somebody else wrote.

use proofs::checkpoint::Checkpoint;
use serde_json::json;

use crate::tampering::world::World;

/// A recovery that acknowledges all that was lost after the backup.
fn forged(size: i64, lost: &Checkpoint, epoch: u32) -> String {
    let opened = json!({ "EpochOpened": {
        "at": "2026-01-31T12:00:00Z",
        "epoch": epoch,
        "size": size,
        "lost": [{
            "epoch": 1, "size": lost.size, "root": data_encoding::HEXLOWER.encode(&lost.root),
        }],
        "reason": "nothing to see",
    } });
    format!(
        "INSERT INTO events (aggregate_id, aggregate_type, sequence, event_type, event_version,
            payload, metadata, recorded_at, hash, mac, key_id)
        SELECT '00000000-0000-0000-0000-000000000000', 'log', 1, 'EpochOpened', '1',
            '{opened}', metadata, recorded_at, hash, mac, key_id FROM events LIMIT 1"
    )
}

#[tokio::test]
async fn what_was_lost_is_acknowledged_by_no_event_that_this_service_did_not_write() {
    let world = World::live().await;
    let note = std::fs::read_to_string(world.kept().last().unwrap()).unwrap();
    let lost = Checkpoint::read(&note).unwrap();
    for head in ["epoch", "2"] {
        let mut case = world.backup().await;
        case.execute(&forged(world.middle, &lost, 2)).await;
        case.execute(&format!("UPDATE log_head SET epoch = {head}"))
            .await;
        let verdict = case.verify().await;
        let kind = "not the log of a kept checkpoint";
        assert!(verdict.has(kind), "{head}: {}", verdict.json);
        assert!(verdict.has("changed"), "{head}: {}", verdict.json);
        assert_eq!(verdict.json["gaps"], json!([]), "{head}");
    }
}

#[tokio::test]
async fn a_recovery_does_not_go_on_from_one_that_this_service_did_not_write() {
    let world = World::live().await;
    let note = std::fs::read_to_string(world.kept().last().unwrap()).unwrap();
    let lost = Checkpoint::read(&note).unwrap();
    let mut case = world.backup().await;
    case.execute(&forged(world.middle, &lost, 2)).await;
    let output = case.run(&["recover", "--reason", "restored"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("log/00000000"), "{stderr}");
    case.tamper("DELETE FROM events WHERE aggregate_type = 'log'")
        .await;
    let output = case
        .run(&["recover", "--reason", "restored", "--json"])
        .await;
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["reason"], "restored", "{told}");
    assert_eq!(told["lost"][0]["size"], lost.size, "{told}");
    case.end().await;
}
