//! Events deleted: alone, with what the log says of them, and with all that would show it.

use crate::tampering::forger::Forger;
use crate::tampering::world::World;

fn delete(stream: &str, which: &str) -> String {
    format!("DELETE FROM events WHERE aggregate_id = '{stream}' AND {which}")
}

fn delete_logged(stream: &str, which: &str) -> String {
    format!("DELETE FROM log WHERE aggregate_id = '{stream}' AND {which}")
}

/// Read models too, so that only history can tell.
const FORGOTTEN: &str = "
    DELETE FROM states WHERE aggregate_id = '{}'; DELETE FROM logins WHERE account_id = '{}';
    DELETE FROM settings WHERE account_id = '{}'; DELETE FROM sessions WHERE account_id = '{}';
    DELETE FROM tokens WHERE account_id = '{}'; DELETE FROM secrets WHERE account_id = '{}'";

#[tokio::test]
async fn an_event_that_is_deleted_alone_is_missed_where_it_stood() {
    let world = World::live().await;
    for stream in [world.account(), &world.staff] {
        let mut case = world.case().await;
        let last = case.last(stream).await;
        case.end().await;
        for sequence in [1, last / 2, last] {
            let mut case = world.case().await;
            let position = case.position(stream, sequence).await;
            case.tamper(&delete(stream, &format!("sequence = {sequence}")))
                .await;
            let verdict = case.verify().await;
            let name = format!("{sequence} of {stream}");
            verdict.expect(&name, "missing", (stream, sequence), Some(position));
            assert_eq!(verdict.json["damages"], 1, "{name}: {}", verdict.json);
        }
    }
    let (mut case, stream) = (world.case().await, world.account());
    let position = case.position(stream, 1).await;
    case.tamper(&delete(stream, "true")).await;
    case.execute(&FORGOTTEN.replace("{}", stream)).await;
    let verdict = case.verify().await;
    verdict.expect("a whole account", "missing", (stream, 1), Some(position));
}

/// Where the log's row is gone too, nobody knows its position: only what came before and after.
#[tokio::test]
async fn an_event_that_is_deleted_with_its_row_of_the_log_is_missed() {
    let world = World::live().await;
    let stream = world.account();
    let mut case = world.case().await;
    let last = case.last(stream).await;
    case.end().await;
    for sequence in [1, last / 2, last] {
        let mut case = world.case().await;
        let position = case.position(stream, sequence).await;
        let which = format!("sequence = {sequence}");
        case.tamper(&format!(
            "{}; {}",
            delete(stream, &which),
            delete_logged(stream, &which)
        ))
        .await;
        let verdict = case.verify().await;
        if sequence == last {
            // No later event of the account shows that there was one: the log's hole does.
            verdict.expect_log("the last", "log damaged", Some(position));
        } else {
            verdict.expect(&which, "missing", (stream, sequence), None);
            assert!(verdict.has("log damaged"), "{which}: {}", verdict.json);
        }
    }
    let mut case = world.case().await;
    let position = case.position(stream, 1).await;
    case.tamper(&format!(
        "{}; {}",
        delete(stream, "true"),
        delete_logged(stream, "true")
    ))
    .await;
    case.execute(&FORGOTTEN.replace("{}", stream)).await;
    let verdict = case.verify().await;
    verdict.expect_log("a whole account", "log damaged", Some(position));
}

/// Positions moved up, tree and head made anew: without the key the head's signature is missing, and
/// the kept checkpoints say from where on the log is another.
#[tokio::test]
async fn an_event_that_is_deleted_from_a_log_made_anew_is_missed() {
    let world = World::live().await;
    let stream = world.account();
    let mut case = world.case().await;
    let last = case.last(stream).await;
    case.end().await;
    for which in [
        "sequence = 1",
        "sequence = 8",
        &format!("sequence = {last}"),
        "true",
    ] {
        for signed in [false, true] {
            let name = format!("{which}, signed: {signed}");
            let mut case = world.case().await;
            let sequence = match which.strip_prefix("sequence = ") {
                Some(sequence) => sequence.parse().unwrap(),
                None => 1,
            };
            let position = case.position(stream, sequence).await;
            case.tamper(&format!(
                "{}; {}",
                delete(stream, which),
                delete_logged(stream, which)
            ))
            .await;
            case.execute(&FORGOTTEN.replace("{}", stream)).await;
            let mut forger = Forger::of(&world, &mut case);
            forger.renumber_log().await;
            forger.regrow_tree().await;
            if signed {
                forger.sign_head().await;
            }
            let verdict = case.verify().await;
            assert!(
                verdict.has("not the log of a kept checkpoint"),
                "{name}: {}",
                verdict.json
            );
            assert_eq!(
                verdict.has("log damaged"),
                !signed,
                "{name}: {}",
                verdict.json
            );
            if which == "true" || sequence == last {
                // Which account it was is not in the database any more.
                let from = world.kept_before(position);
                verdict.expect_log(&name, "not the log of a kept checkpoint", Some(from));
            } else {
                verdict.expect(&name, "missing", (stream, sequence), None);
            }
        }
    }
}

#[tokio::test]
async fn an_event_that_was_never_logged_is_missed_from_the_work_list() {
    let world = World::live().await;
    // The sequencer has not come to the last event.
    let unlog = format!(
        "INSERT INTO unsequenced SELECT event_id, aggregate_id, aggregate_type, sequence
            FROM log WHERE position = {last};
        DELETE FROM log WHERE position = {last}",
        last = world.end - 1
    );
    let mut case = world.case().await;
    let query = format!(
        "SELECT aggregate_id, sequence FROM log WHERE position = {}",
        world.end - 1
    );
    let row = sqlx::query_as::<_, (String, i64)>(&query);
    let (stream, sequence) = row.fetch_one(&mut case.connection).await.unwrap();
    case.execute(&unlog).await;
    let mut forger = Forger::of(&world, &mut case);
    forger.regrow_tree().await;
    forger.sign_head().await;
    case.execute(&format!(
        "DELETE FROM checkpoints WHERE size > {}",
        world.middle
    ))
    .await;
    case.look_with(&[]).await.expect_whole("it waits");
    for (name, statement, kind) in [
        (
            "the event is deleted",
            delete(&stream, &format!("sequence = {sequence}")),
            "missing",
        ),
        (
            "it does not wait any more",
            "DELETE FROM unsequenced".to_owned(),
            "not in the log",
        ),
        (
            "it waits under another number",
            "UPDATE unsequenced SET id = id + 1".to_owned(),
            "not in the log",
        ),
    ] {
        case.execute("BEGIN; CREATE TABLE kept AS TABLE unsequenced; CREATE TABLE kept_events AS TABLE events; COMMIT").await;
        case.tamper(&statement).await;
        let verdict = case.look_with(&[]).await;
        verdict.expect(name, kind, (&stream, sequence), None);
        case.tamper(
            "DELETE FROM unsequenced; INSERT INTO unsequenced TABLE kept;
            DELETE FROM events; INSERT INTO events OVERRIDING SYSTEM VALUE TABLE kept_events;
            DROP TABLE kept, kept_events",
        )
        .await;
    }
    case.look_with(&[]).await.expect_whole("put back");
    case.end().await;
}
