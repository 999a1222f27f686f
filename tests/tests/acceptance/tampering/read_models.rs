//! Read models that do not say what the events say.

use crate::tampering::world::{Case, World};

/// Columns that no event tells of, and on which no decision rests unproved: another value of theirs
/// is not a lie about history.
const APART: [(&str, &str, &str); 9] = [
    ("sessions", "last_seen_at", "moves without an event"),
    (
        "sessions",
        "ip",
        "sealed anew by nobody; shown from the event",
    ),
    (
        "sessions",
        "user_agent",
        "sealed anew by nobody; shown from the event",
    ),
    (
        "sessions",
        "key_id",
        "a token under another key is not accepted",
    ),
    (
        "logins",
        "key_id",
        "says under which key the address was hashed",
    ),
    (
        "tokens",
        "key_id",
        "a token under another key is not accepted",
    ),
    (
        "tokens",
        "token_hash",
        "a token that nobody has is not accepted",
    ),
    ("staff", "token_hash", "covered by the row's MAC"),
    ("staff", "key_id", "covered by the row's MAC"),
];

fn other(column: &str, kind: &str, table: &str) -> String {
    match (table, column, kind) {
        ("settings", "two_factor", _) => {
            "CASE two_factor WHEN 'enabled' THEN 'disabled' ELSE 'enabled' END".to_owned()
        }
        ("staff", "role", _) => {
            "CASE role WHEN 'auditor' THEN 'support' ELSE 'auditor' END".to_owned()
        }
        ("tokens", "kind", _) => {
            "CASE kind WHEN 'reset' THEN 'challenge' ELSE 'reset' END".to_owned()
        }
        (_, _, "text") => format!("coalesce({column}, '') || ' '"),
        (_, _, "uuid") => "gen_random_uuid()".to_owned(),
        (_, _, "bytea") => format!("sha256({column})"),
        (_, _, "integer" | "bigint") => format!("{column} + 1"),
        (_, _, "timestamp with time zone") => {
            format!("coalesce({column}, now()) + interval '1 second'")
        }
        _ => panic!("{table}.{column} is a {kind}"),
    }
}

async fn columns(case: &mut Case<'_>) -> Vec<(String, String, String)> {
    let query = "SELECT table_name::text, column_name::text, data_type::text
        FROM information_schema.columns
        WHERE table_name IN ('settings', 'logins', 'sessions', 'tokens', 'staff', 'states')
        ORDER BY table_name, ordinal_position";
    let columns = sqlx::query_as(query).fetch_all(&mut case.connection).await;
    columns.unwrap()
}

#[tokio::test]
async fn a_flag_flipped_in_any_column_of_a_read_model_is_found() {
    let world = World::live().await;
    let mut case = world.case().await;
    let columns = columns(&mut case).await;
    assert!(columns.len() > 40, "{columns:?}");
    for (table, column, kind) in &columns {
        let apart = |(of, name, _): &(&str, &str, &str)| of == table && name == column;
        if APART.iter().any(apart)
            || case.number(&format!("SELECT count(*) FROM {table}")).await == 0
        {
            assert!(*table != "settings");
            continue;
        }
        let value = other(column, kind, table);
        case.execute(&format!(
            "CREATE TABLE kept AS TABLE {table};
            UPDATE {table} SET {column} = {value}
                WHERE ctid = (SELECT ctid FROM {table} ORDER BY 1 LIMIT 1)"
        ))
        .await;
        let verdict = case.look().await;
        assert_eq!(verdict.code, Some(1), "{table}.{column}: {}", verdict.json);
        assert_eq!(
            verdict.json["damages"], 0,
            "{table}.{column}: {}",
            verdict.json
        );
        let findings = verdict.json["read_models"]["findings"].as_array().unwrap();
        let told = |finding: &serde_json::Value| finding["table"] == table.as_str();
        assert!(
            findings.iter().any(told),
            "{table}.{column}: {}",
            verdict.json
        );
        case.execute(&format!(
            "DELETE FROM {table}; INSERT INTO {table} TABLE kept; DROP TABLE kept"
        ))
        .await;
    }
    case.verify().await.expect_whole("put back");
}

#[tokio::test]
async fn rows_that_are_forged_or_gone_are_found() {
    let world = World::live().await;
    let stream = world.account();
    for (table, statement) in [
        (
            "sessions",
            "INSERT INTO sessions SELECT account_id, gen_random_uuid(), token_hash, created_at,
                last_seen_at, expires_at, factors, ip, user_agent, mac, key_id FROM sessions LIMIT 1",
        ),
        (
            "tokens",
            "INSERT INTO tokens SELECT account_id, gen_random_uuid(), 'reset', sha256('x'), key_id,
                now() + interval '10 years' FROM logins LIMIT 1",
        ),
        (
            "staff",
            "INSERT INTO staff SELECT gen_random_uuid(), name, 'auditor', token_hash, issued_at,
                expires_at, NULL, mac, key_id FROM staff LIMIT 1",
        ),
        (
            "logins",
            "INSERT INTO logins SELECT gen_random_uuid(), sha256('x'), key_id, NULL FROM logins LIMIT 1",
        ),
        ("logins", "DELETE FROM logins WHERE account_id = '{}'"),
        ("settings", "DELETE FROM settings WHERE account_id = '{}'"),
        ("states", "DELETE FROM states WHERE aggregate_id = '{}'"),
        ("staff", "DELETE FROM staff"),
        ("secrets", "DELETE FROM secrets WHERE account_id = '{}'"),
    ] {
        let mut case = world.case().await;
        case.execute(&statement.replace("{}", stream)).await;
        let verdict = case.verify().await;
        assert_eq!(verdict.code, Some(1), "{statement}: {}", verdict.json);
        let findings = verdict.json["read_models"]["findings"].to_string();
        let told = format!("\"table\":\"{table}\"");
        assert!(findings.contains(&told), "{statement}: {findings}");
    }
    let mut case = world.case().await;
    case.execute("UPDATE settings SET two_factor = 'enabled', enabled_at = now()")
        .await;
    let output = case.run(&["audit", "verify"]).await;
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(
        words.contains("the read models are not what they say"),
        "{words}"
    );
    assert_eq!(output.status.code(), Some(1));
    case.end().await;
}
