//! The new tables, in a schema of their own until they take the place of the present ones.

use std::time::Duration;

use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use super::RebuildError;
use crate::Error;

/// What a rebuild makes anew. A reader's query that takes more than one of them takes them in this
/// order; so does the swap, and neither waits for the other for ever.
pub(super) const TABLES: [&str; 6] = [
    "staff", "logins", "sessions", "settings", "tokens", "states",
];

/// "rebuilds", as the key of an advisory lock in its database.
const LOCK: i64 = 0x7265_6275_696c_6473;

/// Besides the tables: streams whose damage left their rows as they were, and sessions whose row
/// was not ours and tells nothing.
const BESIDE: &str = "
    CREATE TABLE countersign_rebuild.carried (
        aggregate_type text, aggregate_id text, PRIMARY KEY (aggregate_type, aggregate_id)
    );
    CREATE TABLE countersign_rebuild.refused (
        account_id uuid, session_id uuid, last_seen_at timestamptz, mac bytea,
        PRIMARY KEY (account_id, session_id)
    )";

/// Only one rebuild at a time. The lock is this connection's; one that was killed may hold it for
/// a moment longer.
pub(super) async fn exclude_others(connection: &mut PgConnection) -> Result<(), RebuildError> {
    sqlx::raw_sql("SET lock_timeout = '5s'")
        .execute(&mut *connection)
        .await?;
    let locked = sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(connection)
        .await;
    match locked {
        Err(error) if is_impatient(&error) => Err(RebuildError::Busy),
        other => Ok(other.map(drop)?),
    }
}

/// Makes the new tables, empty. What an earlier rebuild left half done is gone.
pub(super) async fn make(connection: &mut PgConnection) -> Result<(), RebuildError> {
    let owns = "SELECT bool_and(pg_has_role(relowner, 'USAGE'))
            AND has_database_privilege(current_database(), 'CREATE')
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY ($1)";
    let owns = sqlx::query_scalar::<_, Option<bool>>(owns)
        .bind(&TABLES[..])
        .fetch_one(&mut *connection)
        .await?;
    if owns != Some(true) {
        return Err(RebuildError::NotOwner);
    }
    discard(connection).await?;
    let mut statements = vec!["CREATE SCHEMA countersign_rebuild".to_owned()];
    statements.extend(TABLES.map(|table| {
        format!(
            "CREATE TABLE countersign_rebuild.{table} (
                LIKE public.{table} INCLUDING ALL EXCLUDING INDEXES
            )"
        )
    }));
    statements.push(BESIDE.to_owned());
    execute(connection, &statements).await?;
    let like_the_present_ones =
        sqlx::query_scalar::<_, String>(include_str!("../sql/rebuild_tables.sql"))
            .bind(&TABLES[..])
            .fetch_all(&mut *connection)
            .await?;
    execute(connection, &like_the_present_ones).await
}

/// After a failure: nothing is left to wonder about.
pub(super) async fn discard(connection: &mut PgConnection) -> Result<(), RebuildError> {
    let statement = "DROP SCHEMA IF EXISTS countersign_rebuild CASCADE".to_owned();
    execute(connection, &[statement]).await
}

/// So that the planner knows them from the first statement on.
pub(super) async fn vacuum(pool: &PgPool) -> Result<(), Error> {
    for table in TABLES {
        let statement = format!("VACUUM (ANALYZE) countersign_rebuild.{table}");
        sqlx::raw_sql(&statement).execute(pool).await?;
    }
    Ok(())
}

/// Locks writers out; readers read on. `None`: somebody holds a table, and others would have had
/// to wait behind this one for longer than `patience`.
pub(super) async fn lock_writers_out(
    pool: &PgPool,
    patience: Duration,
) -> Result<Option<Transaction<'static, Postgres>>, Error> {
    let mut transaction = pool.begin().await?;
    // Every commit begins with `events` and then holds nothing else yet: nobody who waits here
    // is waited for.
    let statements = format!(
        "SET LOCAL lock_timeout = {};
        LOCK TABLE public.events IN SHARE MODE;
        LOCK TABLE {} IN SHARE MODE",
        patience.as_millis(),
        present().join(", "),
    );
    let locked = sqlx::raw_sql(&statements).execute(&mut *transaction).await;
    Ok(patiently(locked)?.map(|()| transaction))
}

/// Puts the new tables in the place of the present ones, which are gone with the commit. `false`:
/// as [`lock_writers_out`].
pub(super) async fn swap(mut transaction: Transaction<'_, Postgres>) -> Result<bool, RebuildError> {
    let locked = format!(
        "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
        present().join(", ")
    );
    let locked = sqlx::raw_sql(&locked).execute(&mut *transaction).await;
    if patiently(locked)?.is_none() {
        return Ok(false);
    }
    let differences = sqlx::query_scalar::<_, String>(include_str!("../sql/rebuild_shape.sql"))
        .bind(&TABLES[..])
        .fetch_all(&mut *transaction)
        .await?;
    if let Some(difference) = differences.into_iter().next() {
        return Err(RebuildError::Shape(difference));
    }
    let mut statements = vec![format!("DROP TABLE {}", present().join(", "))];
    statements.extend(
        TABLES.map(|table| format!("ALTER TABLE countersign_rebuild.{table} SET SCHEMA public")),
    );
    statements.push("DROP SCHEMA countersign_rebuild CASCADE".to_owned());
    execute(&mut transaction, &statements).await?;
    transaction.commit().await?;
    Ok(true)
}

fn present() -> [String; 6] {
    TABLES.map(|table| format!("public.{table}"))
}

async fn execute(connection: &mut PgConnection, statements: &[String]) -> Result<(), RebuildError> {
    for statement in statements {
        sqlx::raw_sql(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

fn patiently<T>(locked: Result<T, sqlx::Error>) -> Result<Option<()>, Error> {
    match locked {
        Err(error) if is_impatient(&error) => Ok(None),
        other => Ok(Some(drop(other?))),
    }
}

/// The lock was not to be had in time, or only by waiting in a circle.
fn is_impatient(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|cause| cause.code());
    matches!(code.as_deref(), Some("55P03" | "40P01"))
}
