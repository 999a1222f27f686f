//! First answers to calls that may be repeated.

use account::{AccountId, StaffId};
use sqlx::Row;

use crate::{Error, Store};

#[derive(Debug)]
pub struct EarlierAnswer {
    pub account: AccountId,
    pub request_hash: Vec<u8>,
    /// Under the account's data key.
    pub sealed: Vec<u8>,
}

impl Store {
    pub async fn earlier_answer(
        &self,
        staff: StaffId,
        key_hash: [u8; 32],
    ) -> Result<Option<EarlierAnswer>, Error> {
        let row = sqlx::query(
            "SELECT account_id, request_hash, answer FROM idempotent_answers
            WHERE staff_id = $1 AND key_hash = $2",
        )
        .bind(staff.as_uuid())
        .bind(key_hash.as_slice())
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            Ok(EarlierAnswer {
                account: AccountId::from_uuid(row.try_get("account_id")?),
                request_hash: row.try_get("request_hash")?,
                sealed: row.try_get("answer")?,
            })
        })
        .transpose()
    }
}
