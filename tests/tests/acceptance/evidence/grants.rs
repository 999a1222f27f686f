//! What each role of the database may do, word for word.

use acceptance::Deployment;
use sqlx::{Connection, PgConnection};

use crate::evidence::support::{execute, owner};

const ROLES: [&str; 3] = ["app", "reader", "sequencer"];

/// Role and table, what it may do with all of it, and with which columns alone.
const GRANTS: &str = "
app _sqlx_migrations: SELECT
app checkpoints: SELECT
app data_keys: DELETE INSERT SELECT UPDATE
app devices: DELETE INSERT SELECT UPDATE
app events: INSERT SELECT
app idempotent_answers: DELETE INSERT SELECT UPDATE
app jobs: DELETE INSERT SELECT UPDATE
app key_checks: INSERT SELECT
app log: SELECT
app log_head: SELECT
app log_nodes: SELECT
app logins: DELETE INSERT SELECT UPDATE
app outbox: DELETE INSERT SELECT UPDATE
app registrations: DELETE INSERT SELECT UPDATE
app secrets: DELETE INSERT SELECT UPDATE
app sessions: DELETE INSERT SELECT UPDATE
app settings: DELETE INSERT SELECT UPDATE
app staff: DELETE INSERT SELECT UPDATE
app states: DELETE INSERT SELECT UPDATE
app throttles: DELETE INSERT SELECT UPDATE
app tokens: DELETE INSERT SELECT UPDATE
app unsequenced: INSERT SELECT
reader _sqlx_migrations: SELECT
reader checkpoints: SELECT
reader events: SELECT
reader log: SELECT
reader log_head: SELECT
reader log_nodes: SELECT
reader logins: SELECT
reader outbox: SELECT(attempts,created_at,due_at,mail_id)
reader sessions: SELECT(account_id,created_at,expires_at,factors,last_seen_at,session_id)
reader settings: SELECT
reader staff: SELECT(expires_at,issued_at,name,revoked_at,role,staff_id)
reader states: SELECT
reader throttles: SELECT
reader unsequenced: SELECT
sequencer _sqlx_migrations: SELECT
sequencer checkpoints: INSERT SELECT
sequencer events: SELECT
sequencer log: INSERT SELECT
sequencer log_head: SELECT UPDATE
sequencer log_nodes: INSERT SELECT
sequencer unsequenced: DELETE SELECT
";

async fn grants(connection: &mut PgConnection, role: &str) -> Vec<String> {
    sqlx::query_scalar::<_, String>(
        "SELECT $1 || ' ' || name || ': ' || string_agg(may, ' ' ORDER BY may) FROM (
            SELECT table_name AS name, privilege_type AS may
            FROM information_schema.role_table_grants
            WHERE grantee = 'countersign_' || $1 AND table_schema = 'public'
            UNION ALL
            SELECT c.table_name, c.privilege_type || '('
                || string_agg(c.column_name, ',' ORDER BY c.column_name COLLATE \"C\") || ')'
            FROM information_schema.role_column_grants c
            WHERE c.grantee = 'countersign_' || $1 AND NOT EXISTS (
                SELECT FROM information_schema.role_table_grants t
                WHERE t.grantee = c.grantee AND t.table_name = c.table_name
                    AND t.privilege_type = c.privilege_type
            )
            GROUP BY c.table_name, c.privilege_type
        ) AS granted GROUP BY name ORDER BY name COLLATE \"C\"",
    )
    .bind(role)
    .fetch_all(connection)
    .await
    .unwrap()
}

/// Checks: db_grants_snapshot (ASVS-13.2.2, NIST-3.1.4.2-A).
#[tokio::test]
async fn db_grants_snapshot_each_role_may_do_what_its_work_needs_and_nothing_else() {
    let deployment = Deployment::start().await;
    let mut connection = owner(&deployment).await;
    let mut found = Vec::new();
    for role in ROLES {
        found.extend(grants(&mut connection, role).await);
    }
    let expected = GRANTS.trim().lines().collect::<Vec<_>>();
    assert_eq!(found, expected);

    let powers = sqlx::query_scalar::<_, String>(
        "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'countersign\\_%'
            AND rolname <> 'countersign_owner'
            AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls OR rolreplication)",
    );
    let powers = powers.fetch_all(&mut connection).await.unwrap();
    assert_eq!(powers, Vec::<String>::new());
    let public = sqlx::query_scalar::<_, String>(
        "SELECT table_name || privilege_type FROM information_schema.role_table_grants
        WHERE grantee = 'PUBLIC' AND table_schema = 'public'
        UNION ALL SELECT proname FROM pg_proc p, aclexplode(p.proacl) a
        WHERE pronamespace = 'public'::regnamespace AND a.grantee = 0 AND proname <> 'refuse_change'
        UNION ALL SELECT 'CREATE' FROM pg_namespace, aclexplode(nspacl) a
        WHERE nspname = 'public' AND a.grantee = 0 AND a.privilege_type = 'CREATE'",
    );
    let public = public.fetch_all(&mut connection).await.unwrap();
    assert_eq!(public, Vec::<String>::new());
}

#[tokio::test]
async fn what_a_role_is_not_granted_it_cannot_do() {
    let deployment = Deployment::start().await;
    deployment.create_account("ada@example.com").await;
    for (role, statement) in [
        ("app", "UPDATE events SET payload = payload"),
        ("app", "DELETE FROM events"),
        ("app", "TRUNCATE events"),
        ("app", "DELETE FROM unsequenced"),
        (
            "app",
            "INSERT INTO log SELECT 0, aggregate_id, aggregate_type, sequence, hash FROM events",
        ),
        ("app", "UPDATE log_head SET next = 0"),
        ("app", "UPDATE key_checks SET check_value = ''"),
        (
            "app",
            "ALTER TABLE events DISABLE TRIGGER events_are_for_ever",
        ),
        ("app", "DROP TABLE sessions"),
        ("app", "CREATE TABLE mine ()"),
        (
            "app",
            "CREATE OR REPLACE FUNCTION require_fresh(fresh boolean) RETURNS void AS '' LANGUAGE sql",
        ),
        ("app", "SET ROLE countersign_owner"),
        ("sequencer", "UPDATE events SET payload = payload"),
        ("sequencer", "DELETE FROM events"),
        ("sequencer", "TRUNCATE events"),
        (
            "sequencer",
            "INSERT INTO events (aggregate_id) VALUES ('a')",
        ),
        ("sequencer", "UPDATE log SET position = 1"),
        ("sequencer", "DELETE FROM log"),
        ("sequencer", "SELECT FROM states"),
        ("sequencer", "SELECT FROM sessions"),
        ("sequencer", "SELECT FROM secrets"),
        ("reader", "SELECT sealed FROM secrets"),
        ("reader", "SELECT FROM secrets"),
        ("reader", "SELECT wrapped FROM data_keys"),
        ("reader", "SELECT token_hash FROM sessions"),
        ("reader", "SELECT ip FROM sessions"),
        ("reader", "SELECT mac FROM sessions"),
        ("reader", "SELECT token_hash FROM staff"),
        ("reader", "SELECT token_hash FROM tokens"),
        ("reader", "SELECT nonce FROM devices"),
        ("reader", "SELECT address FROM registrations"),
        ("reader", "SELECT sealed FROM jobs"),
        ("reader", "SELECT sealed FROM outbox"),
        ("reader", "SELECT answer FROM idempotent_answers"),
        ("reader", "INSERT INTO logins SELECT * FROM logins"),
        ("reader", "UPDATE settings SET two_factor = 'disabled'"),
        ("reader", "DELETE FROM events"),
    ] {
        let mut connection = deployment.connection(&format!("countersign_{role}")).await;
        let outcome = sqlx::raw_sql(statement).execute(&mut connection).await;
        let code = match outcome {
            Err(sqlx::Error::Database(error)) => error.code().unwrap().into_owned(),
            other => panic!("{role}: {statement}: {other:?}"),
        };
        assert_eq!(code, "42501", "{role}: {statement}");
        connection.close().await.unwrap();
    }
    deployment.verify().await;
}

#[tokio::test]
async fn the_owner_is_stopped_by_a_trigger_from_changing_history_by_mistake() {
    let deployment = Deployment::start().await;
    deployment.create_account("ada@example.com").await;
    let mut connection = owner(&deployment).await;
    for statement in [
        "UPDATE events SET payload = payload",
        "UPDATE events SET payload = payload WHERE false",
        "DELETE FROM events",
        "TRUNCATE events",
    ] {
        let error = sqlx::raw_sql(statement)
            .execute(&mut connection)
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("history is append-only"),
            "{error}"
        );
    }
    let count = "SELECT count(*) FROM events";
    let count: i64 = sqlx::query_scalar(count)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(count, 1);
    execute(
        &mut connection,
        "UPDATE settings SET two_factor = two_factor",
    )
    .await;
}
