//! Members of staff: the row that a token opens, authenticated like a session.

use account::StaffId;
use account::staff::{Issued, Role, Staff};
use chrono::{DateTime, Utc};
use credentials::{DataKey, Keyring, Purpose, Token, TokenHash, UnknownKey, WrappedKey};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::columns::{time, time_if_any};
use crate::error::key_id;
use crate::links::token_hash_from;
use crate::projection::Entry;
use crate::row_mac::{row_mac, row_mac_fits};
use crate::stream::{Loaded, state_columns};
use crate::{Corruption, Error, Store};

#[derive(Clone, Debug)]
pub struct StaffRecord {
    pub id: StaffId,
    pub name: String,
    pub role: Role,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub(crate) token: TokenHash,
}

/// A row of the read model, to be written.
#[derive(Debug)]
pub(crate) struct StaffImage {
    pub(crate) record: StaffRecord,
    pub(crate) mac: Vec<u8>,
}

impl StaffRecord {
    pub(crate) const fn role_column(&self) -> &'static str {
        match self.role {
            Role::Support => "support",
            Role::Auditor => "auditor",
        }
    }

    pub fn is_active(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    fn mac_parts(&self) -> [Vec<u8>; 7] {
        let micros = |at: DateTime<Utc>| at.timestamp_micros().to_be_bytes().to_vec();
        [
            self.id.as_uuid().as_bytes().to_vec(),
            self.name.clone().into_bytes(),
            self.role_column().into(),
            self.token.hash.to_vec(),
            micros(self.issued_at),
            micros(self.expires_at),
            self.revoked_at.map(micros).unwrap_or_default(),
        ]
    }

    pub(crate) fn mac(&self, keyring: &Keyring) -> Result<Vec<u8>, UnknownKey> {
        let parts = self.mac_parts();
        let parts = parts.each_ref().map(Vec::as_slice);
        row_mac(keyring, Purpose::StaffMac, self.token.key_id, &parts)
    }

    /// The row that the history of a member of staff tells.
    pub(crate) fn told(id: StaffId, issued: &Issued, token: TokenHash) -> Self {
        Self {
            id,
            name: issued.name.clone(),
            role: issued.role,
            issued_at: issued.at,
            expires_at: issued.expires_at,
            revoked_at: issued.revoked_at,
            token,
        }
    }

    /// Whether the history tells the same.
    pub(crate) fn says(&self, told: &Issued) -> bool {
        self.name == told.name
            && self.role == told.role
            && self.issued_at == told.at
            && self.expires_at == told.expires_at
            && self.revoked_at == told.revoked_at
    }

    fn ours(keyring: &Keyring, row: &PgRow) -> Result<Self, Error> {
        let id = StaffId::from_uuid(row.try_get("staff_id")?);
        Self::from_row(keyring, row)?.ok_or_else(|| Corruption::Staff(id).into())
    }

    /// `None`: the row is not one that this service wrote.
    pub(crate) fn from_row(keyring: &Keyring, row: &PgRow) -> Result<Option<Self>, Error> {
        let id = StaffId::from_uuid(row.try_get("staff_id")?);
        let token = token_hash_from(row)?.ok_or(Corruption::Staff(id))?;
        let (Ok(issued_at), Ok(expires_at), Ok(revoked_at)) = (
            time(row, "issued_at"),
            time(row, "expires_at"),
            time_if_any(row, "revoked_at"),
        ) else {
            return Ok(None);
        };
        let record = Self {
            id,
            name: row.try_get("name")?,
            role: match row.try_get("role")? {
                "support" => Role::Support,
                _ => Role::Auditor,
            },
            issued_at,
            expires_at,
            revoked_at,
            token,
        };
        let (parts, mac): (_, Vec<u8>) = (record.mac_parts(), row.try_get("mac")?);
        let parts = parts.each_ref().map(Vec::as_slice);
        let ours = row_mac_fits(
            keyring,
            Purpose::StaffMac,
            record.token.key_id,
            &parts,
            &mac,
        );
        Ok(ours.then_some(record))
    }
}

impl Store {
    /// The member of staff that `token` opens, as their history tells; whether they may still act
    /// is the caller's to ask. The row only holds the token: an old one that somebody put back
    /// revives nobody.
    pub async fn staff_by_token(&self, token: &Token) -> Result<Option<StaffRecord>, Error> {
        let row = sqlx::query(concat!(
            "SELECT staff.*, ",
            state_columns!(),
            " FROM staff
            LEFT JOIN states image ON image.aggregate_id = staff_id::text
                AND image.aggregate_type = 'staff'
            WHERE staff_id = $1",
        ))
        .bind(token.id())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let Some(record) = StaffRecord::from_row(&self.keyring, &row)? else {
            tracing::error!(staff.id = %token.id(), "a staff row is not ours: refused");
            return Ok(None);
        };
        if !self.keyring.token_matches(token, &record.token) {
            return Ok(None);
        }
        let told = self.loaded::<Staff>(token.id(), &row).await?.state.issued;
        Ok(told.map(|told| StaffRecord::told(record.id, &told, record.token)))
    }

    pub async fn staff_member(&self, id: StaffId) -> Result<Option<StaffRecord>, Error> {
        let row = sqlx::query("SELECT * FROM staff WHERE staff_id = $1")
            .bind(id.as_uuid())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| StaffRecord::ours(&self.keyring, &row))
            .transpose()
    }

    /// Everybody who was ever issued a token, the newest first.
    pub async fn staff(&self) -> Result<Vec<StaffRecord>, Error> {
        let rows = sqlx::query("SELECT * FROM staff ORDER BY issued_at DESC")
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| StaffRecord::ours(&self.keyring, row))
            .collect()
    }

    /// The same as far as their rows are ours, and whose are not.
    pub async fn known_staff(&self) -> Result<(Vec<StaffRecord>, Vec<StaffId>), Error> {
        let rows = sqlx::query("SELECT * FROM staff ORDER BY issued_at DESC")
            .fetch_all(&self.pool)
            .await?;
        let (mut known, mut damaged) = (Vec::new(), Vec::new());
        for row in &rows {
            match StaffRecord::ours(&self.keyring, row) {
                Ok(record) => known.push(record),
                Err(error) if error.is_damage() => {
                    damaged.push(StaffId::from_uuid(row.try_get("staff_id")?));
                }
                Err(other) => return Err(other),
            }
        }
        Ok((known, damaged))
    }

    /// A staff member's stream with the key for its personal fields.
    pub async fn staff_stream(
        &self,
        id: StaffId,
    ) -> Result<Option<(Loaded<Staff>, DataKey)>, Error> {
        let row = sqlx::query(concat!(
            "SELECT ",
            state_columns!(),
            ", k.key_id AS data_key_id, k.wrapped
            FROM data_keys k
            LEFT JOIN states image ON image.aggregate_id = k.owner_id::text
                AND image.aggregate_type = 'staff'
            WHERE k.owner_id = $1",
        ))
        .bind(id.as_uuid())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let id: Uuid = id.as_uuid();
        let loaded = self.loaded(id, &row).await?;
        let key = WrappedKey {
            key_id: key_id(row.try_get("data_key_id")?)?,
            bytes: row.try_get("wrapped")?,
        };
        Ok(Some((loaded, DataKey::unwrap(&self.keyring, id, &key)?)))
    }

    /// The read model's row after `entry`, where it changes.
    pub(crate) async fn staff_image(
        &self,
        entry: &Entry<Staff>,
        issued: Option<TokenHash>,
    ) -> Result<Option<StaffImage>, Error> {
        let (before, after) = (&entry.decided.before.state, &entry.decided.after);
        let (Some(state), true) = (&after.issued, before != after) else {
            return Ok(None);
        };
        let id = StaffId::from_uuid(entry.decided.before.id);
        let token = match issued {
            Some(token) => token,
            None => {
                self.staff_member(id)
                    .await?
                    .ok_or(Corruption::Staff(id))?
                    .token
            }
        };
        let record = StaffRecord::told(id, state, token);
        let mac = record.mac(&self.keyring)?;
        Ok(Some(StaffImage { record, mac }))
    }
}
