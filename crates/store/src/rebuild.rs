//! The read models written anew from the events, account by account, while the service runs: each
//! account in one transaction that holds its state row, behind which commits of that account wait.

use cqrs_es::Aggregate;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use account::Account;

use crate::bind::key_column;
use crate::links::token_hash_from;
use crate::replay::Expected;
use crate::sessions::{SessionRecord, factors_text};
use crate::stream::{STATE_SHAPE, StateImage};
use crate::{ACCOUNT, Error, Store};

impl Store {
    /// Writes every read model anew; returns of how many accounts.
    pub async fn rebuild_projections(&self) -> Result<u64, Error> {
        let (mut rebuilt, mut after) = (0, String::new());
        loop {
            let page = self.accounts_after(&after).await?;
            let Some(last) = page.last() else {
                return Ok(rebuilt);
            };
            after.clone_from(last);
            for id in page.iter().filter_map(|id| id.parse().ok()) {
                while !self.rebuild_account(id).await? {}
                rebuilt += 1;
            }
        }
    }

    /// `false`: a command was faster; once more.
    async fn rebuild_account(&self, id: Uuid) -> Result<bool, Error> {
        let Some(expected) = Expected::of(id, self.history(id).await?)? else {
            return Ok(true);
        };
        let address_hash = self.address_hash_of(&expected).await?;
        let mut transaction = self.pool.begin().await?;
        self.rebuild_state(&expected, &mut transaction).await?;
        let newest = sqlx::query_scalar::<_, i64>(
            "SELECT max(sequence) FROM events WHERE aggregate_id = $1 AND aggregate_type = $2",
        )
        .bind(id.to_string())
        .bind(ACCOUNT)
        .fetch_one(&mut *transaction)
        .await?;
        if newest.cast_unsigned() != expected.loaded.version() {
            transaction.rollback().await?;
            return Ok(false);
        }
        self.rebuild_login(&expected, address_hash, &mut transaction)
            .await?;
        rebuild_settings(&expected, &mut transaction).await?;
        self.rebuild_sessions(&expected, &mut transaction).await?;
        sqlx::query(
            "DELETE FROM tokens
            WHERE account_id = $1 AND kind <> 'unblock' AND NOT token_id = ANY ($2)",
        )
        .bind(id)
        .bind(&expected.tokens)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM secrets WHERE account_id = $1 AND NOT credential_id = ANY ($2)")
            .bind(id)
            .bind(&expected.secrets)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn rebuild_state(
        &self,
        expected: &Expected,
        transaction: &mut PgConnection,
    ) -> Result<(), Error> {
        let loaded = &expected.loaded;
        let at = loaded.recorded_at.unwrap_or_default();
        let (id, version, tip) = (loaded.id, loaded.version, loaded.tip);
        let image = StateImage::of(&self.keyring, id, version, tip, at, &loaded.state)?;
        sqlx::query(
            "INSERT INTO states (
                aggregate_id, aggregate_type, version, tip, recorded_at, shape, state, mac, key_id
            )
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (aggregate_id, aggregate_type) DO UPDATE SET
                version = excluded.version, tip = excluded.tip,
                recorded_at = excluded.recorded_at, shape = excluded.shape,
                state = excluded.state, mac = excluded.mac, key_id = excluded.key_id",
        )
        .bind(id.to_string())
        .bind(<Account as Aggregate>::TYPE)
        .bind(image.version)
        .bind(image.tip)
        .bind(image.recorded_at)
        .bind(STATE_SHAPE)
        .bind(image.state)
        .bind(image.mac)
        .bind(key_column(self.keyring.current()))
        .execute(transaction)
        .await?;
        Ok(())
    }

    async fn rebuild_login(
        &self,
        expected: &Expected,
        address_hash: [u8; 32],
        transaction: &mut PgConnection,
    ) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO logins (account_id, address_hash, key_id, last_signed_in_at)
            VALUES ($1, $2, $3, $4)
            ON CONFLICT (account_id) DO UPDATE SET
                address_hash = excluded.address_hash, key_id = excluded.key_id,
                last_signed_in_at = excluded.last_signed_in_at",
        )
        .bind(expected.loaded.id)
        .bind(address_hash.as_slice())
        .bind(key_column(self.keyring.current()))
        .bind(expected.last_signed_in_at)
        .execute(transaction)
        .await?;
        Ok(())
    }

    /// A session keeps its token and when it was last seen, which no event holds; one that has lost
    /// its row cannot be brought back.
    async fn rebuild_sessions(
        &self,
        expected: &Expected,
        transaction: &mut PgConnection,
    ) -> Result<(), Error> {
        let id = expected.loaded.id;
        let live = expected.sessions.iter().map(|session| session.id.as_uuid());
        sqlx::query("DELETE FROM sessions WHERE account_id = $1 AND NOT session_id = ANY ($2)")
            .bind(id)
            .bind(live.collect::<Vec<_>>())
            .execute(&mut *transaction)
            .await?;
        let rows = sqlx::query("SELECT * FROM sessions WHERE account_id = $1")
            .bind(id)
            .fetch_all(&mut *transaction)
            .await?;
        for row in &rows {
            let stored: Uuid = row.try_get("session_id")?;
            let told = expected
                .sessions
                .iter()
                .find(|session| session.id.as_uuid() == stored);
            let (Some(told), Some(token)) = (told, token_hash_from(row)?) else {
                continue;
            };
            let last_seen_at = row.try_get("last_seen_at")?;
            let session = SessionRecord {
                last_seen_at,
                token,
                ..told.clone()
            };
            self.rebuild_session(&session, transaction).await?;
        }
        Ok(())
    }

    async fn rebuild_session(
        &self,
        session: &SessionRecord,
        transaction: &mut PgConnection,
    ) -> Result<(), Error> {
        let json = |personal: &Option<account::Personal>| {
            personal
                .as_ref()
                .map(serde_json::to_string)
                .transpose()
                .map_err(Error::Serialize)
        };
        sqlx::query(
            "UPDATE sessions SET created_at = $3, expires_at = $4, factors = $5, ip = $6,
                user_agent = $7, mac = $8
            WHERE account_id = $1 AND session_id = $2",
        )
        .bind(session.account.as_uuid())
        .bind(session.id.as_uuid())
        .bind(session.created_at)
        .bind(session.expires_at)
        .bind(factors_text(&session.factors))
        .bind(json(&session.ip)?)
        .bind(json(&session.user_agent)?)
        .bind(session.mac(&self.keyring)?.as_slice())
        .execute(transaction)
        .await?;
        Ok(())
    }
}

async fn rebuild_settings(
    expected: &Expected,
    transaction: &mut PgConnection,
) -> Result<(), Error> {
    let image = &expected.settings;
    sqlx::query(
        "INSERT INTO settings (
            account_id, email, created_at, password_changed_at,
            two_factor, enabled_at, enrollment_expires_at
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (account_id) DO UPDATE SET
            email = excluded.email, created_at = excluded.created_at,
            password_changed_at = excluded.password_changed_at, two_factor = excluded.two_factor,
            enabled_at = excluded.enabled_at,
            enrollment_expires_at = excluded.enrollment_expires_at",
    )
    .bind(expected.loaded.id)
    .bind(&image.email)
    .bind(image.created_at)
    .bind(image.password_changed_at)
    .bind(image.two_factor)
    .bind(image.enabled_at)
    .bind(image.enrollment_expires_at)
    .execute(transaction)
    .await?;
    Ok(())
}
