//! Throttles: small states by the keyed hash of an address or a source, whether or not the address
//! has an account. Each change names the version that it follows.

use account::throttle::{Backoff, SourceFailures, Window};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::commit::ThrottleChange;
use crate::{Corruption, Error, Store};

/// A value with the version that a change of it must follow; zero where there is none yet.
#[derive(Clone, Debug, Default)]
pub struct Versioned<T> {
    pub value: T,
    pub version: i64,
}

impl<T: serde::Serialize> Versioned<T> {
    fn change(&self, kind: &'static str, key: [u8; 32], next: &T) -> Result<ThrottleChange, Error> {
        let state = serde_json::to_string(next).map_err(Error::Serialize)?;
        Ok(ThrottleChange {
            kind,
            key,
            state,
            expected_version: self.version,
        })
    }
}

const STRANGERS: &str = "strangers";
const SOURCE: &str = "source";
const MAIL_SOURCE: &str = "mail_source";

impl Versioned<Backoff> {
    pub fn strangers_change(
        &self,
        address: [u8; 32],
        next: &Backoff,
    ) -> Result<ThrottleChange, Error> {
        self.change(STRANGERS, address, next)
    }
}

impl Versioned<SourceFailures> {
    pub fn source_change(
        &self,
        source: [u8; 32],
        next: &SourceFailures,
    ) -> Result<ThrottleChange, Error> {
        self.change(SOURCE, source, next)
    }
}

impl Versioned<[Window; 2]> {
    pub fn mail_address_change(
        &self,
        kind: &'static str,
        address: [u8; 32],
        next: &[Window; 2],
    ) -> Result<ThrottleChange, Error> {
        self.change(kind, address, next)
    }
}

impl Versioned<Window> {
    pub fn mail_source_change(
        &self,
        source: [u8; 32],
        next: &Window,
    ) -> Result<ThrottleChange, Error> {
        self.change(MAIL_SOURCE, source, next)
    }
}

/// A throttle that cannot be read counts as fresh damage, not as no throttle at all.
pub(crate) fn versioned<T: Default + DeserializeOwned>(
    row: &PgRow,
    state: &str,
    version: &str,
) -> Result<Versioned<T>, Error> {
    let Some(text) = row.try_get::<Option<&str>, _>(state)? else {
        return Ok(Versioned::default());
    };
    let value = serde_json::from_str(text).map_err(|_| Corruption::Row {
        table: "throttles",
        row: state.to_owned(),
    })?;
    Ok(Versioned {
        value,
        version: row.try_get(version)?,
    })
}

impl Store {
    /// How much mail was asked for from a source.
    pub async fn source_mails(&self, source_hash: [u8; 32]) -> Result<Versioned<Window>, Error> {
        let row = sqlx::query(
            "SELECT o.state AS source, o.version AS source_version
            FROM (VALUES ($1::bytea)) AS asked (source)
            LEFT JOIN throttles o ON o.kind = 'mail_source' AND o.key = asked.source",
        )
        .bind(source_hash.as_slice())
        .fetch_one(&self.pool)
        .await?;
        versioned(&row, "source", "source_version")
    }

    /// The mail limits of an address, for one kind of wish, and of a source.
    pub async fn mail_limits(
        &self,
        kind: &'static str,
        address_hash: [u8; 32],
        source_hash: [u8; 32],
    ) -> Result<(Versioned<[Window; 2]>, Versioned<Window>), Error> {
        let row = sqlx::query(
            "SELECT a.state AS address, a.version AS address_version,
                o.state AS source, o.version AS source_version
            FROM (VALUES ($1::bytea, $2::bytea)) AS asked (address, source)
            LEFT JOIN throttles a ON a.kind = $3 AND a.key = asked.address
            LEFT JOIN throttles o ON o.kind = 'mail_source' AND o.key = asked.source",
        )
        .bind(address_hash.as_slice())
        .bind(source_hash.as_slice())
        .bind(kind)
        .fetch_one(&self.pool)
        .await?;
        Ok((
            versioned(&row, "address", "address_version")?,
            versioned(&row, "source", "source_version")?,
        ))
    }
}
