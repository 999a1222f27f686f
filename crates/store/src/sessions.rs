//! Sessions: the row that a token opens, authenticated so that an inserted row is none.

use account::event::Factor;
use account::{AccountId, Personal, SessionId};
use chrono::{DateTime, Duration, Utc};
use credentials::{DataKey, KeyId, Keyring, Purpose, Token, TokenHash, UnknownKey, WrappedKey};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::columns::{time, time_if_any};
use crate::error::key_id;
use crate::row_mac::{row_mac, row_mac_fits};
use crate::{Corruption, Error, Store};

#[derive(Clone, Debug)]
pub struct SessionRecord {
    pub account: AccountId,
    pub id: SessionId,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub factors: Vec<Factor>,
    pub token: TokenHash,
}

/// Where a session was begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionOrigin {
    pub ip: Option<Personal>,
    pub user_agent: Option<Personal>,
}

/// Whose session it is.
#[derive(Clone, Debug)]
pub struct Holder {
    pub email: Personal,
    pub opened_at: DateTime<Utc>,
    data_key: WrappedKey,
}

impl Holder {
    pub fn data_key(&self, keyring: &Keyring, id: AccountId) -> Result<DataKey, Error> {
        Ok(DataKey::unwrap(keyring, id.as_uuid(), &self.data_key)?)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TwoFactorStatus {
    Disabled,
    Enrolling { expires_at: DateTime<Utc> },
    Enabled { since: DateTime<Utc> },
}

/// The settings read model of one account.
#[derive(Clone, Debug)]
pub struct Profile {
    pub email: Personal,
    pub created_at: DateTime<Utc>,
    pub password_changed_at: DateTime<Utc>,
    pub two_factor: TwoFactorStatus,
}

pub(crate) fn factors_text(factors: &[Factor]) -> String {
    let names = factors.iter().map(|factor| match factor {
        Factor::Password => "password",
        Factor::Totp => "totp",
    });
    names.collect::<Vec<_>>().join(",")
}

fn factors_from(text: &str) -> Option<Vec<Factor>> {
    text.split(',')
        .map(|name| match name {
            "password" => Some(Factor::Password),
            "totp" => Some(Factor::Totp),
            _ => None,
        })
        .collect()
}

impl SessionRecord {
    pub(crate) fn mac(&self, keyring: &Keyring) -> Result<Vec<u8>, UnknownKey> {
        let parts = self.mac_parts();
        let parts = parts.each_ref().map(Vec::as_slice);
        row_mac(keyring, Purpose::SessionMac, self.token.key_id, &parts)
    }

    fn mac_parts(&self) -> [Vec<u8>; 7] {
        let micros = |at: DateTime<Utc>| at.timestamp_micros().to_be_bytes().to_vec();
        [
            self.account.as_uuid().as_bytes().to_vec(),
            self.id.as_uuid().as_bytes().to_vec(),
            self.token.hash.to_vec(),
            micros(self.created_at),
            micros(self.last_seen_at),
            micros(self.expires_at),
            factors_text(&self.factors).into_bytes(),
        ]
    }

    /// Whether what stands in the history is the same.
    pub(crate) fn says(&self, told: &Self) -> bool {
        self.created_at == told.created_at
            && self.expires_at == told.expires_at
            && self.factors == told.factors
    }

    /// `None`: the row is not one that this service wrote.
    pub(crate) fn from_row(keyring: &Keyring, row: &PgRow) -> Result<Option<Self>, Error> {
        let (Ok(key_id), Ok(hash), Some(factors)) = (
            KeyId::try_from(row.try_get::<i32, _>("key_id")?),
            row.try_get::<Vec<u8>, _>("token_hash")?.try_into(),
            factors_from(row.try_get("factors")?),
        ) else {
            return Ok(None);
        };
        let (Ok(created_at), Ok(last_seen_at), Ok(expires_at)) = (
            time(row, "created_at"),
            time(row, "last_seen_at"),
            time(row, "expires_at"),
        ) else {
            return Ok(None);
        };
        let record = Self {
            account: AccountId::from_uuid(row.try_get("account_id")?),
            id: SessionId::from_uuid(row.try_get("session_id")?),
            created_at,
            last_seen_at,
            expires_at,
            factors,
            token: TokenHash { key_id, hash },
        };
        let mac: Vec<u8> = row.try_get("mac")?;
        Ok(record.fits(keyring, &mac).then_some(record))
    }

    /// Whether `mac` was made by this service over just this.
    pub(crate) fn fits(&self, keyring: &Keyring, mac: &[u8]) -> bool {
        let parts = self.mac_parts();
        let parts = parts.each_ref().map(Vec::as_slice);
        row_mac_fits(keyring, Purpose::SessionMac, self.token.key_id, &parts, mac)
    }

    pub fn is_live(&self, now: DateTime<Utc>, idle: Duration) -> bool {
        now < self.expires_at && now < self.last_seen_at + idle
    }
}

impl SessionOrigin {
    pub(crate) fn from_row(row: &PgRow) -> Result<Self, Error> {
        Ok(Self {
            ip: personal(row.try_get("ip")?),
            user_agent: personal(row.try_get("user_agent")?),
        })
    }
}

fn personal(text: Option<&str>) -> Option<Personal> {
    serde_json::from_str(text?).ok()
}

fn profile_from(row: &PgRow) -> Result<Profile, Error> {
    let row_is_ours = |what: Option<Personal>| {
        what.ok_or(Corruption::Row {
            table: "settings",
            row: "an address".to_owned(),
        })
    };
    let two_factor = match (
        row.try_get("two_factor")?,
        time_if_any(row, "enabled_at")?,
        time_if_any(row, "enrollment_expires_at")?,
    ) {
        ("enabled", Some(since), _) => TwoFactorStatus::Enabled { since },
        ("enrolling", _, Some(expires_at)) => TwoFactorStatus::Enrolling { expires_at },
        _ => TwoFactorStatus::Disabled,
    };
    Ok(Profile {
        email: row_is_ours(personal(row.try_get("email")?))?,
        created_at: time(row, "created_at")?,
        password_changed_at: time(row, "password_changed_at")?,
        two_factor,
    })
}

impl Store {
    /// The session that `token` opens, and whose it is. The row of a session that has ended, put
    /// back, opens nothing: the account's state must know it, too.
    pub async fn session(&self, token: &Token) -> Result<Option<(SessionRecord, Holder)>, Error> {
        let row = self.lookups.find((token.owner(), token.id())).await;
        let row = row.map_err(|shared| Error::shared(&shared))?;
        let Some(row) = row else { return Ok(None) };
        let refused = |why: &str| {
            let (account, session) = (token.owner(), token.id());
            tracing::error!(account.id = %account, session.id = %session, why, "session refused");
        };
        let Some(record) = SessionRecord::from_row(&self.keyring, &row)? else {
            refused("its row is not what this service wrote");
            return Ok(None);
        };
        if !self.keyring.token_matches(token, &record.token) {
            return Ok(None);
        }
        let known = self.signed_in(record.account, record.id, &row).await?;
        let Some((email, opened_at)) = known else {
            refused("it has ended, and somebody put its row back");
            return Ok(None);
        };
        let data_key = WrappedKey {
            key_id: key_id(row.try_get("data_key_id")?)?,
            bytes: row.try_get("wrapped")?,
        };
        let holder = Holder {
            email,
            opened_at,
            data_key,
        };
        Ok(Some((record, holder)))
    }

    /// `None`: the account was erased, or its row is lost.
    pub async fn profile(&self, account: AccountId) -> Result<Option<Profile>, Error> {
        let find = "SELECT email, created_at, password_changed_at, two_factor, enabled_at,
                enrollment_expires_at
            FROM settings WHERE account_id = $1";
        let query = || sqlx::query(find).bind(account.as_uuid());
        let rows = self.ready.fetch_all(query).await?;
        rows.first().map(profile_from).transpose()
    }

    /// Notes that a session was used at `now`, unless it has changed since `record` was read.
    pub async fn touch(&self, record: &SessionRecord, now: DateTime<Utc>) -> Result<(), Error> {
        let mut seen = record.clone();
        seen.last_seen_at = now;
        let query = sqlx::query(
            "UPDATE sessions SET last_seen_at = $3, mac = $4
            WHERE account_id = $1 AND session_id = $2 AND last_seen_at = $5 AND factors = $6",
        )
        .bind(record.account.as_uuid())
        .bind(record.id.as_uuid())
        .bind(now)
        .bind(seen.mac(&self.keyring)?)
        .bind(record.last_seen_at)
        .bind(factors_text(&record.factors));
        self.ready.execute(query).await?;
        Ok(())
    }

    /// All sessions of an account, newest first.
    pub async fn sessions(
        &self,
        account: AccountId,
    ) -> Result<Vec<(SessionRecord, SessionOrigin)>, Error> {
        let rows = sqlx::query(
            "SELECT account_id, session_id, token_hash, created_at, last_seen_at, expires_at,
                    factors, ip, user_agent, mac, key_id
                FROM sessions WHERE account_id = $1 ORDER BY created_at DESC",
        )
        .bind(account.as_uuid())
        .fetch_all(&self.pool)
        .await?;
        let records = rows.iter().map(|row| {
            let record = SessionRecord::from_row(&self.keyring, row)?;
            let told = record.map(|record| Ok((record, SessionOrigin::from_row(row)?)));
            told.transpose()
        });
        records.filter_map(Result::transpose).collect()
    }
}
