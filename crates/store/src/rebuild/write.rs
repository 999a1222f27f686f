//! The new rows, written a few hundred streams at a time: one statement a table.

use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use super::rows::NewRows;
use crate::Error;
use crate::walk::{Stream, columns};

macro_rules! insert {
    ($table:literal, $conflict:literal) => {
        concat!(
            "INSERT INTO countersign_rebuild.",
            $table,
            " SELECT * FROM json_populate_recordset(NULL::countersign_rebuild.",
            $table,
            ", $1::json)",
            $conflict
        )
    };
    ($table:literal) => {
        insert!($table, "")
    };
}

/// Of two accounts with one address, the later has it: the other one's row was lost once.
const LOGINS: &str = insert!(
    "logins",
    " ON CONFLICT (address_hash) DO UPDATE SET account_id = excluded.account_id,
        key_id = excluded.key_id, last_signed_in_at = excluded.last_signed_in_at"
);

macro_rules! carry {
    ($table:literal) => {
        concat!(
            "INSERT INTO countersign_rebuild.",
            $table,
            " SELECT * FROM public.",
            $table,
            " WHERE account_id = ANY ($1) ON CONFLICT DO NOTHING"
        )
    };
}

const CARRY_STATES: &str = "
    WITH carried AS (
        INSERT INTO countersign_rebuild.carried (aggregate_type, aggregate_id, what)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) RETURNING *
    )
    INSERT INTO countersign_rebuild.states
    SELECT s.* FROM carried JOIN public.states s USING (aggregate_type, aggregate_id)";

const CARRY_STAFF: &str = "INSERT INTO countersign_rebuild.staff
    SELECT * FROM public.staff WHERE staff_id = ANY ($1)";

/// Secrets are no read model; but those that the history replaced are to be destroyed. An account
/// that went on meanwhile may have others by now.
const DESTROY: &str = "
    DELETE FROM public.secrets s
    USING unnest($1::uuid[], $2::bigint[]) AS told (id, version)
    WHERE s.account_id = told.id
        AND NOT EXISTS (
            SELECT FROM unnest($3::uuid[], $4::uuid[]) AS kept (account_id, credential_id)
            WHERE kept.account_id = s.account_id AND kept.credential_id = s.credential_id
        )
        AND NOT EXISTS (
            SELECT FROM public.events e WHERE e.aggregate_id = told.id::text
                AND e.aggregate_type = 'account' AND e.sequence > told.version
        )";

impl NewRows {
    pub(super) async fn write(self, pool: &PgPool) -> Result<(), Error> {
        let logins = self.logins.into_values().collect::<Vec<_>>();
        insert(pool, insert!("states"), &self.states).await?;
        insert(pool, LOGINS, &logins).await?;
        insert(pool, insert!("settings"), &self.settings).await?;
        insert(pool, insert!("sessions"), &self.sessions).await?;
        insert(pool, insert!("tokens"), &self.tokens).await?;
        insert(pool, insert!("staff"), &self.staff).await?;
        insert(pool, insert!("unlike"), &self.unlike).await?;
        carry(pool, self.carried).await?;
        destroy(pool, &self.accounts, self.secrets).await
    }
}

async fn insert(pool: &PgPool, statement: &str, rows: &[impl Serialize]) -> Result<(), Error> {
    if !rows.is_empty() {
        let rows = serde_json::to_string(rows).map_err(Error::Serialize)?;
        sqlx::query(statement).bind(rows).execute(pool).await?;
    }
    Ok(())
}

/// As they stand in the tables in use.
async fn carry(pool: &PgPool, damaged: Vec<(Stream, String)>) -> Result<(), Error> {
    if damaged.is_empty() {
        return Ok(());
    }
    let (streams, what): (Vec<_>, Vec<_>) = damaged.into_iter().unzip();
    let (types, ids) = columns(&streams);
    sqlx::query(CARRY_STATES)
        .bind(types)
        .bind(ids)
        .bind(what)
        .execute(pool)
        .await?;
    let ids = ids_of(&streams);
    for statement in [
        carry!("logins"),
        carry!("settings"),
        carry!("sessions"),
        carry!("tokens"),
        CARRY_STAFF,
    ] {
        sqlx::query(statement).bind(&ids).execute(pool).await?;
    }
    Ok(())
}

async fn destroy(
    pool: &PgPool,
    accounts: &[(Uuid, u64)],
    kept: Vec<(Uuid, Uuid)>,
) -> Result<(), Error> {
    if accounts.is_empty() {
        return Ok(());
    }
    let told = accounts
        .iter()
        .map(|(id, version)| (*id, version.cast_signed()));
    let (ids, versions): (Vec<_>, Vec<_>) = told.unzip();
    let (owners, secrets): (Vec<_>, Vec<_>) = kept.into_iter().unzip();
    sqlx::query(DESTROY)
        .bind(ids)
        .bind(versions)
        .bind(owners)
        .bind(secrets)
        .execute(pool)
        .await?;
    Ok(())
}

/// Takes the rows of these streams away, to be written again.
pub(super) async fn forget(pool: &PgPool, streams: &[Stream]) -> Result<(), Error> {
    let (types, ids) = columns(streams);
    for statement in [
        "DELETE FROM countersign_rebuild.states
            USING unnest($1::text[], $2::text[]) AS of (type, id)
            WHERE aggregate_type = of.type AND aggregate_id = of.id",
        "DELETE FROM countersign_rebuild.carried
            USING unnest($1::text[], $2::text[]) AS of (type, id)
            WHERE aggregate_type = of.type AND aggregate_id = of.id",
    ] {
        sqlx::query(statement)
            .bind(&types)
            .bind(&ids)
            .execute(pool)
            .await?;
    }
    let ids = ids_of(streams);
    for statement in [
        "DELETE FROM countersign_rebuild.logins WHERE account_id = ANY ($1)",
        "DELETE FROM countersign_rebuild.settings WHERE account_id = ANY ($1)",
        "DELETE FROM countersign_rebuild.sessions WHERE account_id = ANY ($1)",
        "DELETE FROM countersign_rebuild.tokens WHERE account_id = ANY ($1)",
        "DELETE FROM countersign_rebuild.unlike WHERE account_id = ANY ($1)",
        "DELETE FROM countersign_rebuild.staff WHERE staff_id = ANY ($1)",
    ] {
        sqlx::query(statement).bind(&ids).execute(pool).await?;
    }
    Ok(())
}

fn ids_of(streams: &[Stream]) -> Vec<Uuid> {
    streams.iter().filter_map(Stream::id).collect()
}
