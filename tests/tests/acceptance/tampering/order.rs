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
    let own = (
        case.position(stream, 4).await,
        case.position(stream, 7).await,
    );
    let neighbours = "SELECT l.position FROM log l JOIN log n ON n.position = l.position + 1
        WHERE l.aggregate_id <> n.aggregate_id AND l.position > 50 ORDER BY 1 LIMIT 1";
    let neighbours = case.number(neighbours).await;
    case.end().await;
    let fork = "not the log of a kept checkpoint";
    for (name, (one, two), ascends) in [
        ("of one stream", own, false),
        ("of two streams", (neighbours, neighbours + 1), true),
    ] {
        let mut case = world.case().await;
        case.execute(&format!(
            "UPDATE log SET position = -1 - position WHERE position IN ({one}, {two});
            UPDATE log SET position = {one} + {two} + 1 + position WHERE position < 0"
        ))
        .await;
        let verdict = case.look().await;
        let first = verdict.first(name);
        assert_eq!(first["position"], one, "{name}: {}", verdict.json);
        assert!(!first["stream"].is_null(), "{name}: {}", verdict.json);
        assert!(verdict.has("tree damaged"), "{name}: {}", verdict.json);

        // With the tree and the head's signature made anew.
        let mut forger = Forger::of(&world, &mut case);
        forger.regrow_tree().await;
        forger.sign_head().await;
        let verdict = case.verify().await;
        if ascends {
            verdict.expect_log(name, fork, Some(world.kept_before(one)));
        } else {
            verdict.expect(name, "log damaged", (stream, 7), Some(one));
            assert!(verdict.has(fork), "{name}: {}", verdict.json);
        }
    }
}
