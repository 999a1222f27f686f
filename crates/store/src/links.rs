//! What tokens other than sessions open: challenges, mailed links, registrations.

use chrono::{DateTime, Utc};
use credentials::{Sealed, Token, TokenHash};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::columns::time;
use crate::error::key_id;
use crate::{Error, Store};

/// An address that waits for its owner to choose a password.
#[derive(Clone, Debug)]
pub struct Registration {
    pub id: Uuid,
    pub address: Sealed,
    pub token: TokenHash,
    pub expires_at: DateTime<Utc>,
}

impl Store {
    /// Whether `token` opens this challenge, reset or unblock link. Expiry and use are the
    /// aggregate's to judge, but for links that are no part of it.
    pub async fn token_opens(&self, token: &Token) -> Result<Option<DateTime<Utc>>, Error> {
        let row = sqlx::query(
            "SELECT token_hash, key_id, expires_at FROM tokens
            WHERE account_id = $1 AND token_id = $2",
        )
        .bind(token.owner())
        .bind(token.id())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let hash = token_hash_from(&row)?;
        let opens = hash.is_some_and(|hash| self.keyring.token_matches(token, &hash));
        Ok(if opens {
            Some(time(&row, "expires_at")?)
        } else {
            None
        })
    }

    pub async fn registration(&self, id: Uuid) -> Result<Option<Registration>, Error> {
        let row = sqlx::query("SELECT * FROM registrations WHERE registration_id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let Some(token) = token_hash_from(&row)? else {
            return Ok(None);
        };
        let address = Sealed {
            key_id: token.key_id,
            bytes: row.try_get("address")?,
        };
        let expires_at = time(&row, "expires_at")?;
        Ok(Some(Registration {
            id,
            address,
            token,
            expires_at,
        }))
    }
}

pub(crate) fn token_hash_from(row: &PgRow) -> Result<Option<TokenHash>, Error> {
    let key_id = key_id(row.try_get("key_id")?)?;
    let hash = row.try_get::<Vec<u8>, _>("token_hash")?.try_into().ok();
    Ok(hash.map(|hash| TokenHash { key_id, hash }))
}
