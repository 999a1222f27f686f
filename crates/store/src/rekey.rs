//! Rows brought under the current master key while the service runs: data keys are wrapped anew, the
//! MACs of states, sessions and staff made anew.
//!
//! Each row is written only if it is still the one that was read and that fitted, and is left for the
//! next pass if a command holds it: nothing is undone, nothing is waited for, and no row that
//! somebody else wrote is made ours.

use credentials::{DataKey, KeyId, Keyring, Purpose, Random, WrappedKey};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::columns::key_column;
use crate::error::key_id;
use crate::row_mac::row_mac_key;
use crate::sessions::SessionRecord;
use crate::staff::StaffRecord;
use crate::stream::mac_parts;
use crate::{Error, Store};

/// Rows that are read and written at a time: each statement is short, and so is every lock.
const BATCH: i64 = 200;

/// What a pass has done so far with the rows that were under other keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rekeyed {
    pub renewed: u64,
    /// Changed meanwhile, or held by a command.
    pub passed_over: u64,
    /// Not what this service wrote: `projections check` tells more.
    pub not_ours: u64,
}

/// What is to become of a row.
enum Fate {
    /// It is under the current key already.
    Stays,
    NotOurs,
    Renewed {
        old: Vec<u8>,
        new: Vec<u8>,
        key: KeyId,
    },
}

struct Table {
    name: &'static str,
    /// Up to $3 rows after the place ($1, $2), which the columns `a` and `b` tell.
    page: &'static str,
    fate: fn(&Store, &PgRow, &dyn Random) -> Result<Fate, Error>,
    /// At the places ($1, $2) writes $4 over $3, and the key $5.
    renew: &'static str,
}

/// Rows that a command holds are passed over: waiting for it could be waiting for each other.
macro_rules! renew {
    ($table:literal, $at:literal, $column:literal, $key:literal) => {
        concat!(
            "WITH new AS (
                SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::integer[])
                    AS new (a, b, old, renewed, key)
            ),
            free AS MATERIALIZED (
                SELECT a, b FROM ",
            $table,
            " JOIN new ON ",
            $at,
            " WHERE ",
            $column,
            " = old FOR UPDATE OF ",
            $table,
            " SKIP LOCKED
            )
            UPDATE ",
            $table,
            " SET ",
            $column,
            " = renewed, key_id = ",
            $key,
            " FROM new JOIN free USING (a, b) WHERE ",
            $at,
            " AND ",
            $column,
            " = old"
        )
    };
}

/// Data keys come last: as long as one of them is under an older key, a pass has not come to its end.
const TABLES: [Table; 4] = [
    Table {
        name: "states",
        page: "SELECT *, aggregate_id AS a, aggregate_type AS b FROM states
            WHERE (aggregate_id, aggregate_type) > ($1, $2)
            ORDER BY aggregate_id, aggregate_type LIMIT $3",
        fate: state,
        renew: renew!(
            "states",
            "aggregate_id = a AND aggregate_type = b",
            "mac",
            "key"
        ),
    },
    Table {
        name: "sessions",
        page: "SELECT *, account_id::text AS a, session_id::text AS b FROM sessions
            WHERE (account_id, session_id) > ($1::uuid, $2::uuid)
            ORDER BY account_id, session_id LIMIT $3",
        fate: session,
        // The token's hash stays under its key.
        renew: renew!(
            "sessions",
            "account_id = a::uuid AND session_id = b::uuid",
            "mac",
            "key_id"
        ),
    },
    Table {
        name: "staff",
        page: "SELECT *, staff_id::text AS a, '' AS b FROM staff
            WHERE (staff_id, '') > ($1::uuid, $2) ORDER BY staff_id LIMIT $3",
        fate: staff,
        renew: renew!("staff", "staff_id = a::uuid", "mac", "key_id"),
    },
    Table {
        name: "data_keys",
        page: "SELECT *, owner_id::text AS a, '' AS b FROM data_keys
            WHERE (owner_id, '') > ($1::uuid, $2) ORDER BY owner_id LIMIT $3",
        fate: data_key,
        renew: renew!("data_keys", "owner_id = a::uuid", "wrapped", "key"),
    },
];

fn data_key(store: &Store, row: &PgRow, random: &dyn Random) -> Result<Fate, Error> {
    let (keyring, key) = (&store.keyring, key_id(row.try_get("key_id")?)?);
    if key == keyring.current() {
        return Ok(Fate::Stays);
    }
    let (owner, old) = (
        row.try_get("owner_id")?,
        row.try_get::<Vec<u8>, _>("wrapped")?,
    );
    let wrapped = WrappedKey {
        key_id: key,
        bytes: old.clone(),
    };
    let Ok(opened) = DataKey::unwrap(keyring, owner, &wrapped) else {
        return Ok(Fate::NotOurs);
    };
    let WrappedKey { key_id, bytes } = opened.wrap(keyring, owner, random)?;
    Ok(Fate::Renewed {
        old,
        new: bytes,
        key: key_id,
    })
}

/// As it stands, whatever its shape and whether or not it is the newest: that is asked when it is
/// loaded.
fn state(store: &Store, row: &PgRow, _: &dyn Random) -> Result<Fate, Error> {
    let (keyring, key) = (&store.keyring, key_id(row.try_get("key_id")?)?);
    let current = keyring.current();
    if key == current {
        return Ok(Fate::Stays);
    }
    let version = row.try_get::<i64, _>("version")?.to_be_bytes();
    let shape = row.try_get::<i32, _>("shape")?.to_be_bytes();
    let parts = mac_parts(
        (row.try_get("aggregate_type")?, row.try_get("aggregate_id")?),
        &version,
        row.try_get("tip")?,
        row.try_get("recorded_at")?,
        (&shape, row.try_get("state")?),
    );
    let old = row.try_get::<Vec<u8>, _>("mac")?;
    if !keyring.verify_mac(Purpose::StateMac, key, &parts, &old) {
        return Ok(Fate::NotOurs);
    }
    let new = keyring.mac(Purpose::StateMac, current, &parts)?.to_vec();
    Ok(Fate::Renewed {
        old,
        new,
        key: current,
    })
}

fn session(store: &Store, row: &PgRow, _: &dyn Random) -> Result<Fate, Error> {
    with_token(store, row, |keyring| {
        let session = SessionRecord::from_row(keyring, row)?;
        Ok(session.map(|session| session.mac(keyring)).transpose()?)
    })
}

fn staff(store: &Store, row: &PgRow, _: &dyn Random) -> Result<Fate, Error> {
    with_token(store, row, |keyring| {
        let member = StaffRecord::from_row(keyring, row)?;
        Ok(member.map(|member| member.mac(keyring)).transpose()?)
    })
}

fn with_token(
    store: &Store,
    row: &PgRow,
    renewed: impl Fn(&Keyring) -> Result<Option<Vec<u8>>, Error>,
) -> Result<Fate, Error> {
    let key = key_id(row.try_get("key_id")?)?;
    let old = row.try_get::<Vec<u8>, _>("mac")?;
    if row_mac_key(key, &old) == store.keyring.current() {
        return Ok(Fate::Stays);
    }
    let renewed = renewed(&store.keyring)?;
    Ok(renewed.map_or(Fate::NotOurs, |new| Fate::Renewed { old, new, key }))
}

/// The renewals of a page, column by column.
#[derive(Default)]
struct Renewals {
    a: Vec<String>,
    b: Vec<String>,
    old: Vec<Vec<u8>>,
    new: Vec<Vec<u8>>,
    keys: Vec<i32>,
}

impl Store {
    /// One pass over all rows. `progress` is told of each batch: the table, and its part so far.
    pub async fn rekey(
        &self,
        random: &dyn Random,
        progress: &mut dyn FnMut(&'static str, Rekeyed),
    ) -> Result<Rekeyed, Error> {
        let mut sum = Rekeyed::default();
        for table in &TABLES {
            let mut done = Rekeyed::default();
            let nil = Uuid::nil().to_string();
            let mut place = (nil.clone(), nil);
            loop {
                let find = table.page;
                let page = sqlx::query(find)
                    .bind(&place.0)
                    .bind(&place.1)
                    .bind(BATCH)
                    .fetch_all(&self.pool)
                    .await?;
                let Some(last) = page.last() else { break };
                place = (last.try_get("a")?, last.try_get("b")?);
                self.renew_page(table, &page, random, &mut done).await?;
                progress(table.name, done);
            }
            sum.renewed += done.renewed;
            sum.passed_over += done.passed_over;
            sum.not_ours += done.not_ours;
        }
        Ok(sum)
    }

    async fn renew_page(
        &self,
        table: &Table,
        page: &[PgRow],
        random: &dyn Random,
        done: &mut Rekeyed,
    ) -> Result<(), Error> {
        let mut renewals = Renewals::default();
        for row in page {
            match (table.fate)(self, row, random) {
                Ok(Fate::Stays) => {}
                Ok(Fate::NotOurs) | Err(Error::Corrupt(_)) => done.not_ours += 1,
                Ok(Fate::Renewed { old, new, key }) => {
                    renewals.a.push(row.try_get("a")?);
                    renewals.b.push(row.try_get("b")?);
                    renewals.old.push(old);
                    renewals.new.push(new);
                    renewals.keys.push(key_column(key));
                }
                Err(other) => return Err(other),
            }
        }
        let due = renewals.keys.len() as u64;
        if due == 0 {
            return Ok(());
        }
        let statement = table.renew;
        let renewed = sqlx::query(statement)
            .bind(renewals.a)
            .bind(renewals.b)
            .bind(renewals.old)
            .bind(renewals.new)
            .bind(renewals.keys)
            .execute(&self.pool)
            .await?
            .rows_affected();
        done.renewed += renewed;
        done.passed_over += due.saturating_sub(renewed);
        Ok(())
    }
}
