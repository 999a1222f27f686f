//! Events that this service did not write.

use crate::tampering::forger::Forger;
use crate::tampering::world::World;

/// A copy of an event of the account as its next, or at another number.
fn insert(stream: &str, of: &str, at: i64) -> String {
    format!(
        "INSERT INTO events (aggregate_id, aggregate_type, sequence, event_type, event_version,
            payload, metadata, recorded_at, hash, mac, key_id)
        SELECT aggregate_id, aggregate_type, {at}, event_type, event_version, payload, metadata,
            recorded_at, hash, mac, key_id
        FROM events WHERE aggregate_id = '{stream}' AND {of} LIMIT 1"
    )
}

const WAIT: &str = "INSERT INTO unsequenced SELECT id, aggregate_id, aggregate_type, sequence
    FROM events e WHERE NOT EXISTS (SELECT FROM log l WHERE l.aggregate_id = e.aggregate_id
        AND l.aggregate_type = e.aggregate_type AND l.sequence = e.sequence)";

#[tokio::test]
async fn an_event_inserted_at_the_end_is_forged_whatever_its_hash() {
    let world = World::live().await;
    for stream in [world.account(), &world.staff] {
        for right_hash in [false, true] {
            for mac in ["mac = mac", "mac = sha256(mac)"] {
                for waits in [false, true] {
                    // Of every variant at an account, one at the staff.
                    if stream == world.staff && !(right_hash && waits) {
                        continue;
                    }
                    let name = format!("{right_hash} {mac} {waits}");
                    let mut case = world.case().await;
                    let next = case.last(stream).await + 1;
                    case.execute(&insert(stream, "sequence = 2", next)).await;
                    if right_hash {
                        Forger::of(&world, &mut case)
                            .rehash(stream, next, false)
                            .await;
                    }
                    case.tamper(&format!(
                        "UPDATE events SET {mac}
                        WHERE aggregate_id = '{stream}' AND sequence = {next}"
                    ))
                    .await;
                    if waits {
                        case.execute(WAIT).await;
                    }
                    let verdict = case.verify().await;
                    // With another event's hash, that event's MAC fits.
                    let kind = if right_hash || mac != "mac = mac" {
                        "forged"
                    } else {
                        "changed"
                    };
                    verdict.expect(&name, kind, (stream, next), None);
                    assert_eq!(
                        verdict.has("not in the log"),
                        !waits,
                        "{name}: {}",
                        verdict.json
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn an_event_inserted_in_the_middle_is_found_where_it_stands() {
    let world = World::live().await;
    let stream = world.account();
    for right_hash in [false, true] {
        let mut case = world.case().await;
        let position = case.position(stream, 5).await;
        case.tamper(&format!(
            "ALTER TABLE events DROP CONSTRAINT events_sequence_check;
            UPDATE events SET sequence = -sequence
                WHERE aggregate_id = '{stream}' AND sequence >= 5;
            UPDATE events SET sequence = 1 - sequence WHERE sequence < 0"
        ))
        .await;
        case.execute(&insert(stream, "sequence = 2", 5)).await;
        if right_hash {
            Forger::of(&world, &mut case).rehash(stream, 5, false).await;
        }
        let verdict = case.verify().await;
        verdict.expect("in the middle", "changed", (stream, 5), Some(position));
    }
}

/// Whoever has the master key makes an event that is right in itself. That nobody waits to log it
/// shows; if it waits, it is an event like any other.
#[tokio::test]
async fn an_event_with_a_right_mac_that_nobody_waits_to_log_is_found() {
    let world = World::live().await;
    let stream = world.account();
    let mut case = world.case().await;
    let next = case.last(stream).await + 1;
    case.execute(&insert(stream, "sequence = 2", next)).await;
    Forger::of(&world, &mut case)
        .rehash(stream, next, true)
        .await;
    let verdict = case.look().await;
    verdict.expect("unlogged", "not in the log", (stream, next), None);

    // Positions that were never given hide it from the tree, and not from the verdict.
    for position in [-1, world.end, world.end + 5] {
        case.execute(&format!(
            "DELETE FROM log WHERE sequence = {next} AND aggregate_id = '{stream}';
            INSERT INTO log (position, aggregate_id, aggregate_type, sequence, hash, event_id)
            SELECT {position}, aggregate_id, aggregate_type, sequence, hash, id FROM events
            WHERE sequence = {next} AND aggregate_id = '{stream}'"
        ))
        .await;
        let verdict = case.look().await;
        let told = verdict
            .damaged()
            .iter()
            .find(|told| told["stream"] == format!("account/{stream}"));
        let told = told.unwrap_or_else(|| panic!("{position}: {}", verdict.json));
        assert_eq!(
            (&told["kind"], &told["sequence"]),
            (&"log damaged".into(), &next.into())
        );
    }
    case.end().await;
}

#[tokio::test]
async fn what_somebody_named_a_stream_is_shown_and_not_obeyed_by_the_terminal() {
    let world = World::live().await;
    let mut case = world.case().await;
    let named = r"E'\x1b[2A\x1b[JWHOLE: all is well\n'";
    case.execute(&format!(
        "INSERT INTO events (aggregate_id, aggregate_type, sequence, event_type, event_version,
            payload, metadata, recorded_at, hash, mac, key_id)
        SELECT {named}, aggregate_type, 1, event_type, event_version, payload, metadata,
            recorded_at, hash, mac, key_id
        FROM events WHERE aggregate_id = '{}' AND sequence = 1",
        world.account()
    ))
    .await;
    let verdict = case.run(&["audit", "verify"]).await;
    let (told, complaint) = (
        String::from_utf8_lossy(&verdict.stdout).into_owned(),
        String::from_utf8_lossy(&verdict.stderr).into_owned(),
    );
    let last = told.lines().last().unwrap();
    assert!(last.starts_with("DAMAGED in "), "{told:?}{complaint:?}");
    for text in [&told, &complaint] {
        let obeyed = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(obeyed), "{text:?}");
    }
    case.end().await;
}
