//! What a decision is made from, read in one query: an account's authenticated state, the key that
//! opens its secrets, and the throttles beside it.

use account::throttle::{Backoff, DeviceFailures, SourceFailures};
use account::{Account, AccountId, CredentialId, DeviceId};
use credentials::{DataKey, DeviceNonce, SealedSecret, SecretKind, Token, WrappedKey};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::error::key_id;
use crate::stream::{Loaded, state_columns};
use crate::throttles::{Versioned, versioned};
use crate::{ACCOUNT, Corruption, Error, Store};

#[derive(Debug)]
pub struct Dossier {
    pub account: AccountId,
    pub loaded: Loaded<Account>,
    pub data_key: DataKey,
    pub address_hash: [u8; 32],
    /// Wrong passwords of strangers.
    pub strangers: Versioned<Backoff>,
    secrets: Vec<(CredentialId, SecretKind, SealedSecret)>,
}

#[derive(Debug)]
pub struct SignInDossier {
    pub strangers: Versioned<Backoff>,
    pub source: Versioned<SourceFailures>,
    pub account: Option<Dossier>,
    pub device: Option<Device>,
}

/// A browser that is known, proved by its token.
#[derive(Clone, Debug)]
pub struct Device {
    pub id: DeviceId,
    pub failures: Versioned<DeviceFailures>,
    pub nonce: DeviceNonce,
}

impl Dossier {
    /// A secret of the account, opened.
    pub fn secret(
        &self,
        id: CredentialId,
        kind: SecretKind,
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, Error> {
        let (_, _, sealed) = self
            .secrets
            .iter()
            .find(|(secret, stored, _)| *secret == id && *stored == kind)
            .ok_or(Corruption::MissingSecret(id))?;
        Ok(self
            .data_key
            .open_secret(self.account.as_uuid(), id, kind, sealed)?)
    }
}

macro_rules! dossier_query {
    ($by:literal, $found:literal, $address:literal, $columns:literal, $joins:literal) => {
        concat!(
            "SELECT l.account_id, l.address_hash, ",
            state_columns!(),
            ", k.key_id AS data_key_id, k.wrapped,
                c.credential_id, c.kind, c.wrapped_key, c.sealed,
                a.state AS strangers, a.version AS strangers_version",
            $columns,
            " FROM (VALUES ($1::",
            $by,
            ")) AS asked (key)
            LEFT JOIN logins l ON l.",
            $found,
            " = asked.key
            LEFT JOIN states image ON image.aggregate_id = l.account_id::text
                AND image.aggregate_type = 'account'
            LEFT JOIN data_keys k ON k.owner_id = l.account_id
            LEFT JOIN secrets c ON c.account_id = l.account_id
            LEFT JOIN throttles a ON a.kind = 'strangers' AND a.key = ",
            $address,
            $joins
        )
    };
}

const BY_ADDRESS: &str = dossier_query!(
    "bytea",
    "address_hash",
    "asked.key",
    ", d.device_id, d.nonce, d.key_id AS device_key_id, d.failures, d.version AS device_version,
    o.state AS source, o.version AS source_version",
    " LEFT JOIN devices d ON d.account_id = l.account_id AND d.device_id = $2 AND d.expires_at > $4
    LEFT JOIN throttles o ON o.kind = 'source' AND o.key = $3"
);
const BY_ACCOUNT: &str = dossier_query!("uuid", "account_id", "l.address_hash", "", "");

impl Store {
    /// Everything that a sign-in with an address is decided from, whether or not it has an
    /// account: the same query, the same work.
    pub async fn sign_in_dossier(
        &self,
        address_hash: [u8; 32],
        source_hash: [u8; 32],
        device: Option<&Token>,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<SignInDossier, Error> {
        let query = || {
            sqlx::query(BY_ADDRESS)
                .bind(address_hash.as_slice())
                .bind(device.map(Token::id))
                .bind(source_hash.as_slice())
                .bind(now)
        };
        let rows = self.ready.fetch_all(query).await?;
        let row = rows
            .first()
            .ok_or(Error::Unavailable(sqlx::Error::RowNotFound))?;
        let (strangers, source) = (
            versioned(row, "strangers", "strangers_version")?,
            versioned(row, "source", "source_version")?,
        );
        let device = device
            .map(|token| self.device_from(token, row))
            .transpose()?
            .flatten();
        Ok(SignInDossier {
            strangers,
            source,
            account: self.dossier_from(&rows).await?,
            device,
        })
    }

    /// Everything that a decision about an account is made from.
    pub async fn dossier(&self, account: AccountId) -> Result<Option<Dossier>, Error> {
        let query = || sqlx::query(BY_ACCOUNT).bind(account.as_uuid());
        let rows = self.ready.fetch_all(query).await?;
        self.dossier_from(&rows).await
    }

    async fn dossier_from(&self, rows: &[PgRow]) -> Result<Option<Dossier>, Error> {
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let Some(id) = row.try_get::<Option<Uuid>, _>("account_id")? else {
            return Ok(None);
        };
        let account = AccountId::from_uuid(id);
        let loaded = self.loaded(id, row).await?;
        let Some(wrapped) = row.try_get::<Option<Vec<u8>>, _>("wrapped")? else {
            return Err(Corruption::MissingDataKey(id).into());
        };
        let wrapped = WrappedKey {
            key_id: key_id(row.try_get("data_key_id")?)?,
            bytes: wrapped,
        };
        let address_hash = row
            .try_get::<Vec<u8>, _>("address_hash")?
            .try_into()
            .map_err(|_| Corruption::Row {
                table: "logins",
                row: id.to_string(),
            })?;
        Ok(Some(Dossier {
            account,
            loaded,
            data_key: DataKey::unwrap(&self.keyring, id, &wrapped)?,
            address_hash,
            strangers: versioned(row, "strangers", "strangers_version")?,
            secrets: rows
                .iter()
                .filter_map(|row| secret_from(row).transpose())
                .collect::<Result<_, _>>()?,
        }))
    }

    /// The device that `token` proves, if it belongs to the account that was asked for.
    fn device_from(&self, token: &Token, row: &PgRow) -> Result<Option<Device>, Error> {
        let owner = row.try_get::<Option<Uuid>, _>("account_id")?;
        let Some(device) = device_row(row)? else {
            return Ok(None);
        };
        let ours =
            owner == Some(token.owner()) && self.keyring.device_token_matches(token, &device.nonce);
        Ok(ours.then_some(device))
    }

    /// The browsers that an account knows.
    pub async fn devices(
        &self,
        account: AccountId,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Vec<Device>, Error> {
        let rows = sqlx::query(
            "SELECT device_id, nonce, key_id AS device_key_id, failures, version AS device_version
            FROM devices WHERE account_id = $1 AND expires_at > $2",
        )
        .bind(account.as_uuid())
        .bind(now)
        .fetch_all(&self.pool)
        .await?;
        let devices = rows.iter().map(device_row);
        devices.filter_map(Result::transpose).collect()
    }

    /// The key that opens an account's personal fields; none once it was erased.
    pub async fn data_key(&self, owner: Uuid) -> Result<Option<DataKey>, Error> {
        let row = sqlx::query("SELECT key_id, wrapped FROM data_keys WHERE owner_id = $1")
            .bind(owner)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| {
            let key_id = key_id(row.try_get("key_id")?)?;
            let key = WrappedKey {
                key_id,
                bytes: row.try_get("wrapped")?,
            };
            Ok(DataKey::unwrap(&self.keyring, owner, &key)?)
        })
        .transpose()
    }

    /// The stream of an account, from its state row or else from its events: also of one whose login
    /// or key is gone.
    pub async fn load(&self, id: Uuid) -> Result<Loaded<Account>, Error> {
        let row = sqlx::query(concat!(
            "SELECT ",
            state_columns!(),
            " FROM states image WHERE aggregate_id = $1 AND aggregate_type = $2"
        ))
        .bind(id.to_string())
        .bind(ACCOUNT)
        .fetch_optional(&self.pool)
        .await?;
        match row {
            Some(row) => self.loaded(id, &row).await,
            None => self.fold(id).await,
        }
    }

    /// The account that an address belongs to.
    pub async fn find(&self, address_hash: [u8; 32]) -> Result<Option<AccountId>, Error> {
        let id = sqlx::query_scalar("SELECT account_id FROM logins WHERE address_hash = $1")
            .bind(address_hash.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        Ok(id.map(AccountId::from_uuid))
    }
}

fn device_row(row: &PgRow) -> Result<Option<Device>, Error> {
    let Some(id) = row.try_get::<Option<Uuid>, _>("device_id")? else {
        return Ok(None);
    };
    let Ok(bytes) = row.try_get::<Vec<u8>, _>("nonce")?.try_into() else {
        return Ok(None);
    };
    let key_id = key_id(row.try_get("device_key_id")?)?;
    let failures = serde_json::from_str(row.try_get("failures")?).unwrap_or_default();
    Ok(Some(Device {
        id: DeviceId::from_uuid(id),
        failures: Versioned {
            value: failures,
            version: row.try_get("device_version")?,
        },
        nonce: DeviceNonce { key_id, bytes },
    }))
}

type StoredSecret = (CredentialId, SecretKind, SealedSecret);

fn secret_from(row: &PgRow) -> Result<Option<StoredSecret>, Error> {
    let Some(id) = row.try_get::<Option<Uuid>, _>("credential_id")? else {
        return Ok(None);
    };
    let kind = match row.try_get("kind")? {
        "password" => SecretKind::PasswordHash,
        _ => SecretKind::TotpSecret,
    };
    let secret = SealedSecret {
        wrapped_key: row.try_get("wrapped_key")?,
        sealed: row.try_get("sealed")?,
    };
    Ok(Some((CredentialId::from_uuid(id), kind, secret)))
}
