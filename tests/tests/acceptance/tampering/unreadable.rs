//! What keeps the database from answering is damage as well, and hides nothing else.

use crate::tampering::world::World;

#[tokio::test]
async fn a_column_that_is_empty_or_of_another_type_is_damage() {
    let world = World::live().await;
    let stream = world.account();
    for column in [
        "event_type",
        "event_version",
        "recorded_at",
        "payload",
        "metadata",
        "hash",
        "mac",
        "key_id",
    ] {
        let mut case = world.case().await;
        let position = case.position(stream, 4).await;
        case.tamper(&format!(
            "ALTER TABLE events ALTER {column} DROP NOT NULL;
            UPDATE events SET {column} = NULL WHERE aggregate_id = '{stream}' AND sequence = 4"
        ))
        .await;
        let verdict = case.verify().await;
        let kind = if column == "mac" || column == "key_id" {
            "forged"
        } else {
            "changed"
        };
        let told = verdict.damaged().iter().find(|told| told["sequence"] == 4);
        let told = told.unwrap_or_else(|| panic!("{column}: {}", verdict.json));
        let found = (
            told["kind"].as_str().unwrap(),
            told["position"].as_i64().unwrap(),
        );
        assert!(
            found.0 == kind || found.0 == "changed",
            "{column}: {}",
            verdict.json
        );
        assert_eq!(found.1, position, "{column}");
        verdict.first(column);
    }
    for change in [
        "ALTER TABLE events ALTER hash DROP NOT NULL, DROP CONSTRAINT events_pkey,
            ALTER aggregate_id DROP NOT NULL; UPDATE events SET aggregate_id = NULL WHERE id = 5",
        "ALTER TABLE events DROP CONSTRAINT events_pkey, ALTER aggregate_type DROP NOT NULL;
            UPDATE events SET aggregate_type = NULL WHERE id = 5",
        "ALTER TABLE events DROP CONSTRAINT events_pkey, ALTER sequence DROP NOT NULL;
            UPDATE events SET sequence = NULL WHERE id = 5",
        "ALTER TABLE events DROP CONSTRAINT events_sequence_check;
            UPDATE events SET sequence = -3 WHERE id = 5",
        "UPDATE events SET sequence = 9223372036854775807 WHERE id = 5",
        "ALTER TABLE events DROP CONSTRAINT events_pkey; INSERT INTO events
            OVERRIDING SYSTEM VALUE SELECT * FROM events WHERE id = 5",
        "ALTER TABLE events DROP CONSTRAINT events_hash_check;
            UPDATE events SET hash = '\\x00' WHERE id = 5",
        "ALTER TABLE events DROP CONSTRAINT events_hash_check;
            UPDATE events SET mac = '\\x' WHERE id = 5",
        "UPDATE events SET payload = (payload::text || repeat(' ', 20000000))::json WHERE id = 5",
        "UPDATE events SET aggregate_id = 'no-uuid' WHERE id = 5",
        "UPDATE events SET key_id = -1 WHERE id = 5",
    ] {
        let mut case = world.case().await;
        case.tamper(change).await;
        let verdict = case.verify().await;
        verdict.first(change);
        assert!(!verdict.has("unreadable"), "{change}: {}", verdict.json);
    }
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_damage_and_the_others_are_verified() {
    let world = World::live().await;
    let stream = world.account();
    let change = format!(
        "UPDATE events SET event_version = '2' WHERE aggregate_id = '{stream}' AND sequence = 4"
    );
    for (statement, found) in [
        ("DROP TABLE log_nodes", true),
        ("DROP TABLE checkpoints", true),
        ("REVOKE ALL ON unsequenced FROM countersign_app", false),
        ("ALTER TABLE log_head RENAME size TO length", true),
        ("ALTER TABLE log_nodes ALTER number TYPE integer", true),
        (
            "ALTER TABLE checkpoints ALTER note TYPE bytea USING note::bytea",
            true,
        ),
        ("ALTER TABLE log ALTER position TYPE integer", false),
        ("DROP TABLE log", false),
        ("ALTER TABLE events RENAME TO past", false),
        ("ALTER TABLE events ALTER sequence TYPE integer", false),
    ] {
        let mut case = world.case().await;
        case.tamper(&change).await;
        let position = case.position(stream, 4).await;
        case.execute(statement).await;
        let verdict = case.verify().await;
        assert!(
            verdict.json.to_string().contains("cannot be read"),
            "{}",
            verdict.json
        );
        if found {
            verdict.expect(statement, "changed", (stream, 4), Some(position));
        }
        verdict.first(statement);
    }
}

/// A row on which the query fails: the last stream and number that could be read are told.
#[tokio::test]
async fn a_row_that_makes_the_reading_fail_is_named() {
    let world = World::live().await;
    let stream = world.account();
    let mut case = world.case().await;
    case.execute(&format!(
        "ALTER TABLE events RENAME TO past;
        CREATE VIEW events AS SELECT aggregate_id, aggregate_type, sequence, event_type,
            event_version, payload,
            CASE WHEN aggregate_id = '{stream}' AND sequence = 4
                THEN ('{{' || (1 / (sequence - 4)))::json ELSE metadata END AS metadata,
            recorded_at, hash, mac, key_id, id FROM past;
        GRANT SELECT ON events TO countersign_app"
    ))
    .await;
    let verdict = case.verify().await;
    let told = verdict.first("a view");
    assert!(verdict.has("unreadable"), "{}", verdict.json);
    assert!(
        told["what"].as_str().unwrap().contains("division by zero"),
        "{}",
        verdict.json
    );
}

#[tokio::test]
async fn a_read_model_that_cannot_be_compared_hides_no_damage() {
    let world = World::live().await;
    let stream = world.account();
    for statement in [
        "ALTER TABLE settings ALTER email DROP NOT NULL; UPDATE settings SET email = NULL",
        "UPDATE data_keys SET key_id = 99",
        "DROP TABLE settings",
    ] {
        let mut case = world.case().await;
        let position = case.position(stream, 4).await;
        case.tamper(&format!(
            "{statement}; UPDATE events SET event_version = '2'
            WHERE aggregate_id = '{stream}' AND sequence = 4"
        ))
        .await;
        let verdict = case.verify().await;
        verdict.expect(statement, "changed", (stream, 4), Some(position));
        let findings = verdict.json["read_models"]["findings"].as_array().unwrap();
        assert!(!findings.is_empty(), "{statement}: {}", verdict.json);
    }
}
