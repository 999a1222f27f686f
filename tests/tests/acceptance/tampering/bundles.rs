//! What is not whole is not signed: no bundle says of a history that somebody has cut short that nothing
//! follows.

use crate::tampering::forger::Forger;
use crate::tampering::world::{Case, World};

/// What the export of these says, and whether it left a file.
async fn exported(case: &Case<'_>, which: &str) -> (std::process::Output, bool) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.tar");
    let file = file.to_str().unwrap();
    let output = case
        .run(&["audit", "export", which, "--output", file])
        .await;
    if output.status.success() {
        let verified = case.run(&["audit", "verify-bundle", file]).await;
        assert!(verified.status.success(), "{verified:?}");
    }
    (output, std::path::Path::new(file).exists())
}

async fn refuses(case: &Case<'_>, which: &str, words: &str, name: &str) {
    let (output, left) = exported(case, which).await;
    assert_eq!(output.status.code(), Some(1), "{name}: {output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(words), "{name}: {stderr}");
    assert!(!left || which == "--all", "{name}");
}

#[tokio::test]
async fn the_history_of_an_account_is_exported_where_nobody_did_anything() {
    let world = World::live().await;
    let case = world.case().await;
    for which in [world.account(), &world.accounts[1], "--all"] {
        let (output, _) = exported(&case, which).await;
        assert!(output.status.success(), "{output:?}");
    }
    case.end().await;
}

#[tokio::test]
async fn a_history_whose_end_is_gone_is_not_signed_as_if_nothing_followed() {
    let world = World::live().await;
    let (stream, other) = (world.account(), &world.accounts[1]);
    let mut case = world.case().await;
    let last = case.last(stream).await;
    let others = case.last(other).await;
    case.end().await;
    let event = format!("DELETE FROM events WHERE aggregate_id = '{stream}' AND sequence = {last}");
    let row = format!("DELETE FROM log WHERE aggregate_id = '{stream}' AND sequence = {last}");
    // What the log says of it, said of an event of somebody else's, which has its hash and its MAC.
    let said_of_another = format!(
        "INSERT INTO events (aggregate_id, aggregate_type, sequence, event_type, event_version,
            payload, metadata, recorded_at, hash, mac, key_id, id) OVERRIDING SYSTEM VALUE
        SELECT '{other}', aggregate_type, {others} + 1, event_type, event_version, payload,
            metadata, recorded_at, hash, mac, key_id, id
        FROM events WHERE aggregate_id = '{stream}' AND sequence = {last};
        UPDATE log SET aggregate_id = '{other}', sequence = {others} + 1
        WHERE aggregate_id = '{stream}' AND sequence = {last}; {event}"
    );
    let state = format!(
        "UPDATE states SET version = version - 1, tip = (
            SELECT hash FROM events WHERE aggregate_id = '{stream}' AND sequence = {last} - 1
        ) WHERE aggregate_id = '{stream}'"
    );
    for change in [
        event.clone(),
        row.clone(),
        format!("{event}; {row}"),
        format!("{event}; {row}; {state}"),
        format!("{event}; {row}; DELETE FROM states WHERE aggregate_id = '{stream}'"),
        said_of_another,
    ] {
        let mut case = world.case().await;
        case.tamper(&change).await;
        refuses(&case, stream, "not whole", &change).await;
        case.end().await;
    }
}

/// Nothing but the state row knows of an event that was never logged.
#[tokio::test]
async fn a_history_that_ends_before_its_state_is_not_signed() {
    let world = World::live().await;
    let stream = world.account();
    let mut backup = world.backup().await;
    let old = format!(
        "SELECT format('UPDATE states SET version = %L, tip = %L, recorded_at = %L, shape = %L, \
            state = %L, mac = %L, key_id = %L WHERE aggregate_id = %L',
            version, tip, recorded_at, shape, state, mac, key_id, aggregate_id)
        FROM states WHERE aggregate_id = '{stream}'"
    );
    let old = sqlx::query_scalar::<_, String>(&old);
    let old = old.fetch_one(&mut backup.connection).await.unwrap();
    backup.end().await;
    for change in [
        old,
        format!("DELETE FROM states WHERE aggregate_id = '{stream}'"),
        format!("UPDATE states SET version = version + 1 WHERE aggregate_id = '{stream}'"),
        format!("UPDATE states SET tip = sha256(tip) WHERE aggregate_id = '{stream}'"),
    ] {
        let mut case = world.case().await;
        case.execute(&change).await;
        refuses(&case, stream, "state", &change).await;
        case.end().await;
    }
    // One that waited for its position, and is gone with all that told of it.
    let mut case = world.case().await;
    let last = case.last(stream).await;
    let position = case.position(stream, last).await;
    case.tamper(&format!(
        "DELETE FROM events WHERE aggregate_id = '{stream}' AND sequence = {last};
        DELETE FROM log WHERE position = {position}"
    ))
    .await;
    let mut forger = Forger::of(&world, &mut case);
    forger.renumber_log().await;
    forger.regrow_tree().await;
    forger.sign_head().await;
    case.execute("DELETE FROM checkpoints").await;
    let kept = tempfile::tempdir().unwrap();
    let call = ["audit", "export", stream, "--output", "/dev/null"];
    let output = case.run_with(&call, kept.path().to_str()).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("state"), "{stderr}");
    case.end().await;
}

#[tokio::test]
async fn an_export_that_ends_before_the_log_does_fails() {
    let world = World::live().await;
    let mut case = world.case().await;
    let last = world.end - 1;
    case.execute(&format!("DELETE FROM log WHERE position = {last}"))
        .await;
    refuses(&case, "--all", "ends", "the last row of the log").await;
    case.end().await;
}
