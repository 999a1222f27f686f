//! One byte changed in any column of any event.

use crate::tampering::world::{Case, World};

/// A column's other value, one byte away, whatever its type.
fn changed(column: &str, kind: &str) -> String {
    match (column, kind) {
        ("aggregate_id", _) => "overlay(aggregate_id placing
            translate(right(aggregate_id, 1), '0123456789abcdef', '123456789abcdef0')
            from length(aggregate_id))"
            .to_owned(),
        (_, "text") => format!("overlay({column} placing chr(ascii({column}) # 1) from 1)"),
        // The last digit or letter is another one; the form stays.
        (_, "json") => format!(
            "regexp_replace({column}::text, '[0-9a-z](?=[^0-9a-z]*$)',
                CASE WHEN {column}::text ~ '1[^0-9a-z]*$' THEN '2' ELSE '1' END)::json"
        ),
        (_, "bytea") => format!("set_byte({column}, 31, get_byte({column}, 31) # 1)"),
        (_, "bigint" | "integer") => format!("{column} # 1024"),
        _ => panic!("{column} is a {kind}: how does one byte of it change?"),
    }
}

async fn columns(case: &mut Case<'_>) -> Vec<(String, String)> {
    let query = "SELECT column_name::text, data_type::text FROM information_schema.columns
        WHERE table_name = 'events' ORDER BY ordinal_position";
    let columns = sqlx::query_as(query).fetch_all(&mut case.connection).await;
    columns.unwrap()
}

/// What a change of this column is: to which stream the event that is missed belongs, is its name.
fn kind(column: &str) -> &'static str {
    match column {
        "aggregate_id" | "aggregate_type" | "sequence" => "missing",
        "mac" | "key_id" => "forged",
        _ => "changed",
    }
}

#[tokio::test]
async fn a_byte_changed_in_any_column_of_any_event_is_found_with_its_place() {
    let world = World::live().await;
    let mut case = world.case().await;
    // The identity is generated, which its owner can change like all else.
    case.execute("ALTER TABLE events ALTER id DROP IDENTITY; CREATE TABLE kept AS TABLE events")
        .await;
    case.look().await.expect_whole("before");
    let columns = columns(&mut case).await;
    assert_eq!(columns.len(), 12);
    let (account, staff) = (world.account().to_owned(), world.staff.clone());
    for (stream, places) in [(&account, 3), (&staff, 1)] {
        let last = case.last(stream).await;
        for sequence in [last / 2, 1, last].into_iter().take(places) {
            let position = case.position(stream, sequence).await;
            for (column, of) in &columns {
                let (value, name) = (changed(column, of), format!("{column} of {sequence}"));
                let event = format!("aggregate_id = '{stream}' AND sequence = {sequence}");
                case.tamper(&format!(
                    "UPDATE events SET {column} = {value} WHERE {event}"
                ))
                .await;
                let verdict = case.look().await;
                verdict.expect(&name, kind(column), (stream, sequence), Some(position));
                restore(&mut case).await;
            }
        }
    }
    case.verify().await.expect_whole("restored");
}

async fn restore(case: &mut Case<'_>) {
    case.tamper("DELETE FROM events; INSERT INTO events TABLE kept")
        .await;
}

#[tokio::test]
async fn json_that_means_the_same_in_other_words_is_another_event() {
    let world = World::live().await;
    let mut case = world.case().await;
    case.execute("ALTER TABLE events ALTER id DROP IDENTITY; CREATE TABLE kept AS TABLE events")
        .await;
    let account = world.account().to_owned();
    let position = case.position(&account, 3).await;
    for change in [
        "payload = (payload::text || ' ')::json",
        "payload = replace(payload::text, ':', ': ')::json",
        "metadata = (E'\\n' || metadata::text)::json",
        // In the order of jsonb.
        "metadata = metadata::jsonb::json",
        // Keys that stand twice: readers take the last.
        "payload = regexp_replace(payload::text, '^\\{', '{\"x\":1,\"x\":1,')::json",
        // The same letter, written as its number.
        "payload = regexp_replace(payload::text, 'e', '\\\\u0065')::json",
    ] {
        let event = format!("aggregate_id = '{account}' AND sequence = 3");
        case.tamper(&format!("UPDATE events SET {change} WHERE {event}"))
            .await;
        let verdict = case.look().await;
        verdict.expect(change, "changed", (&account, 3), Some(position));
        restore(&mut case).await;
    }
    // A stream under the same id in other letters is no part of it, and was not written by us.
    let copied = "INSERT INTO events SELECT upper(aggregate_id), aggregate_type, sequence,
        event_type, event_version, payload, metadata, recorded_at, hash, mac, key_id, id + 100000
        FROM kept WHERE aggregate_id = ";
    case.tamper(&format!("{copied}'{account}'")).await;
    let verdict = case.verify().await;
    verdict.expect("upper case", "changed", (&account.to_uppercase(), 1), None);
    assert!(verdict.has("not in the log"), "{}", verdict.json);
}
