//! The rows of some streams as they stand, table by table.

use std::collections::HashMap;
use std::hash::Hash;

use credentials::WrappedKey;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::Error;
use crate::error::key_id;
use crate::walk::{Replayed, Stream, columns};

pub(crate) struct LiveRows {
    states: HashMap<Stream, PgRow>,
    logins: HashMap<Uuid, PgRow>,
    settings: HashMap<Uuid, PgRow>,
    sessions: HashMap<Uuid, Vec<PgRow>>,
    tokens: HashMap<Uuid, Vec<PgRow>>,
    secrets: HashMap<Uuid, Vec<PgRow>>,
    staff: HashMap<Uuid, PgRow>,
    data_keys: HashMap<Uuid, WrappedKey>,
}

impl LiveRows {
    pub(crate) async fn of(pool: &PgPool, batch: &[Replayed]) -> Result<Self, Error> {
        let ids = batch.iter().filter_map(|replayed| replayed.stream.id());
        let ids = ids.collect::<Vec<_>>();
        let accounts = |statement| by_id(pool, statement, "account_id", &ids);
        let all_of = async |statement| Ok::<_, Error>(grouped(accounts(statement).await?));
        Ok(Self {
            states: states(pool, batch).await?,
            logins: one_each(accounts("SELECT * FROM logins WHERE account_id = ANY ($1)").await?),
            settings: one_each(
                accounts("SELECT * FROM settings WHERE account_id = ANY ($1)").await?,
            ),
            sessions: all_of("SELECT * FROM sessions WHERE account_id = ANY ($1)").await?,
            tokens: all_of("SELECT * FROM tokens WHERE account_id = ANY ($1)").await?,
            secrets: all_of(
                "SELECT account_id, credential_id FROM secrets WHERE account_id = ANY ($1)",
            )
            .await?,
            staff: one_each(
                by_id(
                    pool,
                    "SELECT * FROM staff WHERE staff_id = ANY ($1)",
                    "staff_id",
                    &ids,
                )
                .await?,
            ),
            data_keys: data_keys(pool, &ids).await?,
        })
    }

    pub(crate) fn state(&self, stream: &Stream) -> Option<&PgRow> {
        self.states.get(stream)
    }

    pub(crate) fn login(&self, account: Uuid) -> Option<&PgRow> {
        self.logins.get(&account)
    }

    pub(crate) fn settings(&self, account: Uuid) -> Option<&PgRow> {
        self.settings.get(&account)
    }

    pub(crate) fn sessions(&self, account: Uuid) -> &[PgRow] {
        self.sessions.get(&account).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn tokens(&self, account: Uuid) -> &[PgRow] {
        self.tokens.get(&account).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn secrets(&self, account: Uuid) -> &[PgRow] {
        self.secrets.get(&account).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn staff(&self, id: Uuid) -> Option<&PgRow> {
        self.staff.get(&id)
    }

    pub(crate) fn data_key(&self, owner: Uuid) -> Option<&WrappedKey> {
        self.data_keys.get(&owner)
    }
}

async fn states(pool: &PgPool, batch: &[Replayed]) -> Result<HashMap<Stream, PgRow>, Error> {
    let (types, ids) = columns(batch.iter().map(|replayed| &replayed.stream));
    let rows = sqlx::query(
        "SELECT *, mac AS state_mac, key_id AS state_key_id, true AS is_newest
        FROM states JOIN unnest($1::text[], $2::text[]) AS asked (aggregate_type, aggregate_id)
            USING (aggregate_type, aggregate_id)",
    )
    .bind(types)
    .bind(ids)
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let stream = Stream {
                aggregate_type: row.try_get("aggregate_type")?,
                aggregate_id: row.try_get("aggregate_id")?,
            };
            Ok((stream, row))
        })
        .collect()
}

async fn data_keys(pool: &PgPool, ids: &[Uuid]) -> Result<HashMap<Uuid, WrappedKey>, Error> {
    let statement = "SELECT * FROM data_keys WHERE owner_id = ANY ($1)";
    let rows = by_id(pool, statement, "owner_id", ids).await?;
    let keys = rows.into_iter().map(|(owner, row)| {
        let key_id = key_id(row.try_get("key_id")?)?;
        let bytes = row.try_get("wrapped")?;
        Ok((owner, WrappedKey { key_id, bytes }))
    });
    keys.collect()
}

async fn by_id(
    pool: &PgPool,
    statement: &'static str,
    column: &'static str,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, PgRow)>, Error> {
    let rows = sqlx::query(statement).bind(ids).fetch_all(pool).await?;
    rows.into_iter()
        .map(|row| Ok((row.try_get(column)?, row)))
        .collect()
}

fn one_each<K: Eq + Hash>(rows: Vec<(K, PgRow)>) -> HashMap<K, PgRow> {
    rows.into_iter().collect()
}

fn grouped<K: Eq + Hash>(rows: Vec<(K, PgRow)>) -> HashMap<K, Vec<PgRow>> {
    let mut groups = HashMap::<_, Vec<_>>::new();
    for (key, row) in rows {
        groups.entry(key).or_default().push(row);
    }
    groups
}
