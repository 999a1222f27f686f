//! The new tables, in a schema of their own until they take the place of the present ones.

use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use super::RebuildError;
use crate::Error;

/// What a rebuild makes anew. A reader's query that takes more than one of them takes them in this
/// order; so do the locks below, and neither waits for the other for ever.
const TABLES: [&str; 6] = [
    "staff", "logins", "sessions", "settings", "tokens", "states",
];

/// Every commit begins with `events` and then holds nothing else yet: nobody who waits for it is
/// waited for.
const NO_WRITERS: &str = "LOCK TABLE public.events, public.staff, public.logins, public.sessions,
    public.settings, public.tokens, public.states IN SHARE MODE";
const NO_READERS: &str = "LOCK TABLE public.staff, public.logins, public.sessions,
    public.settings, public.tokens, public.states IN ACCESS EXCLUSIVE MODE";

const OWNS: &str = "SELECT bool_and(pg_has_role(relowner, 'USAGE'))
        AND has_database_privilege(current_database(), 'CREATE')
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY ($1)";
const MAKE: &str = include_str!("../sql/rebuild_tables.sql");
const DIFFERENCES: &str = include_str!("../sql/rebuild_shape.sql");
const SWAP: &str = include_str!("../sql/rebuild_swap.sql");

/// "rebuilds", as the key of an advisory lock in its database.
const LOCK: i64 = 0x7265_6275_696c_6473;

/// Only one rebuild at a time. The lock is this connection's; one that was killed may hold it for
/// a moment longer.
pub(super) async fn exclude_others(connection: &mut PgConnection) -> Result<(), RebuildError> {
    sqlx::query("SET lock_timeout = '5s'")
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
    let owns = sqlx::query_scalar::<_, Option<bool>>(OWNS)
        .bind(&TABLES[..])
        .fetch_one(&mut *connection)
        .await?;
    if owns != Some(true) {
        return Err(RebuildError::NotOwner);
    }
    sqlx::query(MAKE).execute(connection).await?;
    Ok(())
}

/// After a failure: nothing is left to wonder about.
pub(super) async fn discard(connection: &mut PgConnection) -> Result<(), RebuildError> {
    sqlx::query("DROP SCHEMA IF EXISTS countersign_rebuild CASCADE")
        .execute(connection)
        .await?;
    Ok(())
}

/// So that the planner knows them from the first statement on.
pub(super) async fn vacuum(pool: &PgPool) -> Result<(), Error> {
    for statement in [
        "VACUUM (ANALYZE) countersign_rebuild.staff",
        "VACUUM (ANALYZE) countersign_rebuild.logins",
        "VACUUM (ANALYZE) countersign_rebuild.sessions",
        "VACUUM (ANALYZE) countersign_rebuild.settings",
        "VACUUM (ANALYZE) countersign_rebuild.tokens",
        "VACUUM (ANALYZE) countersign_rebuild.states",
    ] {
        sqlx::query(statement).execute(pool).await?;
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
    sqlx::query("SELECT set_config('lock_timeout', $1, true)")
        .bind(patience.as_millis().to_string())
        .execute(&mut *transaction)
        .await?;
    let locked = sqlx::query(NO_WRITERS).execute(&mut *transaction).await;
    Ok(patiently(locked)?.map(|()| transaction))
}

/// Puts the new tables in the place of the present ones, which are gone with the commit. `false`:
/// as [`lock_writers_out`].
pub(super) async fn swap(mut transaction: Transaction<'_, Postgres>) -> Result<bool, RebuildError> {
    let locked = sqlx::query(NO_READERS).execute(&mut *transaction).await;
    if patiently(locked)?.is_none() {
        return Ok(false);
    }
    let differences = sqlx::query_scalar::<_, String>(DIFFERENCES)
        .bind(&TABLES[..])
        .fetch_all(&mut *transaction)
        .await?;
    if let Some(difference) = differences.into_iter().next() {
        return Err(RebuildError::Shape(difference));
    }
    sqlx::query(SWAP).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(true)
}

fn patiently<T>(locked: Result<T, sqlx::Error>) -> Result<Option<()>, Error> {
    match locked {
        Err(error) if is_impatient(&error) => Ok(None),
        other => Ok(Some(other.map(drop)?)),
    }
}

/// The lock was not to be had in time, or only by waiting in a circle.
fn is_impatient(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    matches!(code.as_deref(), Some("55P03" | "40P01"))
}
