//! Events in each other's place.

use crate::tampering::forger::Forger;
use crate::tampering::world::World;

#[tokio::test]
async fn events_that_are_exchanged_in_their_stream_are_found() {
    let world = World::live().await;
    let stream = world.account();
    let mut case = world.case().await;
    let position = case.position(stream, 4).await;
    case.tamper(&format!(
        "UPDATE events SET sequence = sequence + 1000
            WHERE aggregate_id = '{stream}' AND sequence IN (4, 7);
        UPDATE events SET sequence = 1011 - sequence
            WHERE aggregate_id = '{stream}' AND sequence > 1000;"
    ))
    .await;
    let verdict = case.verify().await;
    verdict.expect("sequences", "changed", (stream, 4), Some(position));

    // All columns but the number: the same seen from the other side, with identities too.
    let mut case = world.case().await;
    case.tamper(&format!(
        "CREATE TEMP TABLE pair AS SELECT * FROM events
            WHERE aggregate_id = '{stream}' AND sequence IN (4, 7);
        ALTER TABLE events ALTER id DROP IDENTITY;
        UPDATE events e SET event_type = p.event_type, event_version = p.event_version,
            payload = p.payload, metadata = p.metadata, recorded_at = p.recorded_at,
            hash = p.hash, mac = p.mac, key_id = p.key_id, id = p.id
        FROM pair p WHERE e.aggregate_id = p.aggregate_id AND e.sequence = 11 - p.sequence"
    ))
    .await;
    let verdict = case.verify().await;
    verdict.expect("rows", "changed", (stream, 4), Some(position));

    // Between two accounts.
    let mut case = world.case().await;
    let other = &world.accounts[1];
    case.tamper(&format!(
        "UPDATE events SET aggregate_id = 'x' WHERE aggregate_id = '{stream}' AND sequence = 4;
        UPDATE events SET aggregate_id = '{stream}' WHERE aggregate_id = '{other}' AND sequence = 4;
        UPDATE events SET aggregate_id = '{other}' WHERE aggregate_id = 'x'"
    ))
    .await;
    let verdict = case.verify().await;
    let first = verdict.first("accounts");
    assert_eq!(
        (&first["kind"], &first["sequence"]),
        (&"changed".into(), &4.into())
    );
    assert_eq!(verdict.json["damages"], 2, "{}", verdict.json);
}

#[tokio::test]
async fn positions_that_are_exchanged_in_the_log_are_found() {
    let world = World::live().await;
    let stream = world.account();
    let mut case = world.case().await;
    let (one, two) = (
        case.position(stream, 4).await,
        case.position(stream, 7).await,
    );
    case.end().await;
    let foreign = |position: i64| (position, position + 1);
    for (name, (one, two), ascends) in [
        ("of one stream", (one, two), false),
        // The staff's record of reading stands between other people's events.
        ("of two streams", foreign(world.middle - 2), true),
    ] {
        let mut case = world.case().await;
        let exchange = format!(
            "UPDATE log SET position = -1 - position WHERE position IN ({one}, {two});
            UPDATE log SET position = {one} + {two} + 1 + position WHERE position < 0"
        );
        case.execute(&exchange).await;
        let look = case.look().await;
        let first = look.first(name);
        assert_eq!(first["position"], one, "{name}: {}", look.json);
        assert!(look.has("tree damaged"), "{name}: {}", look.json);
        assert!(!first["stream"].is_null(), "{name}: {}", look.json);

        // With the tree and the head's signature made anew.
        let mut forger = Forger::of(&world, &mut case);
        forger.regrow_tree().await;
        forger.sign_head().await;
        let verdict = case.verify().await;
        let from = if one < world.middle { 0 } else { world.middle };
        if ascends {
            verdict.expect_log(name, "not the log of a kept checkpoint", Some(from));
        } else {
            assert!(
                verdict.has("not the log of a kept checkpoint"),
                "{}",
                verdict.json
            );
            verdict.expect(
                name,
                "log damaged",
                (stream, 5),
                None.or(first_after(&verdict, stream)),
            );
        }
    }
}

/// The position of the first event that stands before an earlier one.
fn first_after(verdict: &crate::tampering::world::Verdict, stream: &str) -> Option<i64> {
    let name = format!("account/{stream}");
    let of = |told: &&serde_json::Value| told["stream"] == name && told["sequence"] == 5;
    verdict.damaged().iter().find(of)?["position"].as_i64()
}
