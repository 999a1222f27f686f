//! How values stand in columns.

use chrono::{DateTime, TimeDelta, Utc};
use credentials::{KeyId, SecretKind};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgRow, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Postgres, Row, Type};

/// The beginning of PostgreSQL's time, 2000-01-01, in seconds of Unix time.
const POSTGRES_EPOCH: i64 = 946_684_800;

/// A time in a row. sqlx panics over one that chrono does not know, such as infinity, which whoever
/// may write to the database can put there.
struct Timestamp(DateTime<Utc>);

impl Type<Postgres> for Timestamp {
    fn type_info() -> PgTypeInfo {
        <DateTime<Utc> as Type<Postgres>>::type_info()
    }
}

impl Decode<'_, Postgres> for Timestamp {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let since = TimeDelta::microseconds(<i64 as Decode<Postgres>>::decode(value)?);
        let epoch = DateTime::from_timestamp(POSTGRES_EPOCH, 0).unwrap_or_default();
        let at = epoch.checked_add_signed(since);
        Ok(Self(at.ok_or("no time of any calendar")?))
    }
}

pub(crate) fn time(row: &PgRow, column: &str) -> Result<DateTime<Utc>, sqlx::Error> {
    Ok(row.try_get::<Timestamp, _>(column)?.0)
}

pub(crate) fn time_if_any(row: &PgRow, column: &str) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    let time = row.try_get::<Option<Timestamp>, _>(column)?;
    Ok(time.map(|time| time.0))
}

pub(crate) fn key_column(key: KeyId) -> i32 {
    i32::try_from(key.0).unwrap_or(i32::MAX)
}

pub(crate) const fn kind_column(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::PasswordHash => "password",
        SecretKind::TotpSecret => "totp",
    }
}
