//! The read models written anew from the events, stream by stream, while the service runs.
//!
//! Each stream is one transaction that touches its rows in the order in which a commit does, the
//! state row last; then it asks whether an event was appended since it read the history, and if so
//! begins again. So it neither undoes a command nor makes one wait for long.

use account::staff::Staff;
use cqrs_es::Aggregate;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::bind::key_column;
use crate::links::token_hash_from;
use crate::replay::{Expected, Replayed, STAFF};
use crate::sessions::{SessionRecord, factors_text};
use crate::staff::StaffRecord;
use crate::stream::{Loaded, STATE_SHAPE, StateImage};
use crate::{ACCOUNT, Error, Store};

impl Store {
    /// Writes every read model anew; returns of how many accounts. A history that was tampered with
    /// is told at the end, when all others have been rebuilt.
    pub async fn rebuild_projections(&self) -> Result<u64, Error> {
        let (mut rebuilt, mut corrupt) = (0, None);
        for stream in [ACCOUNT, STAFF] {
            let mut after = String::new();
            while let Some((page, last)) = self.streams_after(stream, &after).await? {
                after = last;
                for id in page {
                    match self.rebuild(stream, id).await {
                        Ok(()) => rebuilt += u64::from(stream == ACCOUNT),
                        Err(Error::Corrupt(what)) => corrupt = corrupt.or(Some(what)),
                        Err(other) => return Err(other),
                    }
                }
            }
        }
        self.remove_strays().await?;
        corrupt.map_or(Ok(rebuilt), |what| Err(what.into()))
    }

    async fn rebuild(&self, stream: &str, id: Uuid) -> Result<(), Error> {
        loop {
            let done = if stream == STAFF {
                self.rebuild_staff(id).await
            } else {
                self.rebuild_account(id).await
            };
            match done {
                Ok(true) => return Ok(()),
                // A lost race, or a deadlock with a commit, is no failure.
                Ok(false) | Err(Error::Conflict) => {}
                Err(other) => return Err(other),
            }
        }
    }

    /// `false`: a command was faster; once more.
    async fn rebuild_account(&self, id: Uuid) -> Result<bool, Error> {
        let expected = match Replayed::of(id, self.history(id).await?)? {
            Replayed::Nothing => return Ok(true),
            Replayed::Open(expected) => expected,
            Replayed::Erased(loaded) => return self.rebuild_erased(&loaded).await,
        };
        let address_hash = match self.address_hash_of(&expected).await {
            // Erased meanwhile.
            Err(Error::Corrupt(_))
                if self.newest(ACCOUNT, id, &self.pool).await? != expected.loaded.version() =>
            {
                return Ok(false);
            }
            read => read?,
        };
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM secrets WHERE account_id = $1 AND NOT credential_id = ANY ($2)")
            .bind(id)
            .bind(&expected.secrets)
            .execute(&mut *transaction)
            .await?;
        rebuild_tokens(&expected, &mut transaction).await?;
        self.rebuild_sessions(&expected, &mut transaction).await?;
        rebuild_settings(&expected, &mut transaction).await?;
        self.rebuild_login(&expected, address_hash, &mut transaction)
            .await?;
        self.rebuild_state(&expected.loaded, &mut transaction)
            .await?;
        let newest = self.newest(ACCOUNT, id, &mut *transaction).await?;
        if newest != expected.loaded.version() {
            transaction.rollback().await?;
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// `false`: a command was faster; once more. A row that was lost took its token along and
    /// cannot be brought back.
    async fn rebuild_staff(&self, id: Uuid) -> Result<bool, Error> {
        let expected = self.replayed_staff(id).await?;
        let mut transaction = self.pool.begin().await?;
        let row = sqlx::query("SELECT token_hash, key_id FROM staff WHERE staff_id = $1")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
        let token = row.as_ref().map(token_hash_from).transpose()?.flatten();
        if let (Some(told), Some(token)) = (&expected.state.issued, token) {
            let record = StaffRecord::told(account::StaffId::from_uuid(id), told, token);
            sqlx::query(
                "UPDATE staff SET name = $2, role = $3, issued_at = $4, expires_at = $5,
                    revoked_at = $6, mac = $7
                WHERE staff_id = $1",
            )
            .bind(id)
            .bind(&record.name)
            .bind(record.role_column())
            .bind(record.issued_at)
            .bind(record.expires_at)
            .bind(record.revoked_at)
            .bind(record.mac(&self.keyring)?)
            .execute(&mut *transaction)
            .await?;
        }
        self.rebuild_state::<Staff>(&expected, &mut transaction)
            .await?;
        if self.newest(STAFF, id, &mut *transaction).await? != expected.version() {
            transaction.rollback().await?;
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    pub(crate) async fn rebuild_state<A: Aggregate>(
        &self,
        loaded: &Loaded<A>,
        transaction: &mut PgConnection,
    ) -> Result<(), Error> {
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
        .bind(A::TYPE)
        .bind(image.version)
        .bind(image.tip)
        .bind(image.recorded_at)
        .bind(STATE_SHAPE)
        .bind(image.state)
        .bind(image.mac)
        .bind(key_column(image.key))
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
        // Whoever stands under this address does so wrongly, and comes to their own in their turn.
        sqlx::query("DELETE FROM logins WHERE address_hash = $1 AND account_id <> $2")
            .bind(address_hash.as_slice())
            .bind(expected.loaded.id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO logins (account_id, address_hash, key_id, last_signed_in_at)
            VALUES ($1, $2, $3, $4)
            ON CONFLICT (account_id) DO UPDATE SET
                address_hash = excluded.address_hash, key_id = excluded.key_id,
                last_signed_in_at = excluded.last_signed_in_at",
        )
        .bind(expected.loaded.id)
        .bind(address_hash.as_slice())
        .bind(key_column(self.keyring.lookup_key()))
        .bind(expected.last_signed_in_at)
        .execute(transaction)
        .await?;
        Ok(())
    }

    /// A session keeps its token, which no event holds and which names its account and itself; one
    /// that has lost its row cannot be brought back. Where what the history tells does not fit the row's
    /// MAC, somebody changed the row, and it counts as last seen when it began: a rebuild revives no
    /// session that has been idle for too long.
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
        let rows = sqlx::query("SELECT * FROM sessions WHERE account_id = $1 FOR UPDATE")
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
            let mut session = SessionRecord {
                last_seen_at: row.try_get("last_seen_at")?,
                token,
                ..told.clone()
            };
            if !session.fits(&self.keyring, row.try_get("mac")?) {
                session.last_seen_at = told.created_at;
            }
            let mac = session.mac(&self.keyring)?;
            rebuild_session(&session, mac, transaction).await?;
        }
        Ok(())
    }
}

/// A token keeps its hash, which no event holds; one that has lost its row cannot be brought back.
async fn rebuild_tokens(expected: &Expected, transaction: &mut PgConnection) -> Result<(), Error> {
    let told = &expected.tokens;
    let ids = told.iter().map(|token| token.id).collect::<Vec<_>>();
    sqlx::query(
        "DELETE FROM tokens
        WHERE account_id = $1 AND kind <> 'unblock' AND NOT token_id = ANY ($2)",
    )
    .bind(expected.loaded.id)
    .bind(&ids)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "UPDATE tokens SET kind = told.kind, expires_at = told.expires_at
        FROM unnest($2::uuid[], $3::text[], $4::timestamptz[]) AS told (id, kind, expires_at)
        WHERE account_id = $1 AND token_id = told.id",
    )
    .bind(expected.loaded.id)
    .bind(&ids)
    .bind(told.iter().map(|token| token.kind).collect::<Vec<_>>())
    .bind(
        told.iter()
            .map(|token| token.expires_at)
            .collect::<Vec<_>>(),
    )
    .execute(transaction)
    .await?;
    Ok(())
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

async fn rebuild_session(
    session: &SessionRecord,
    mac: Vec<u8>,
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
            user_agent = $7, last_seen_at = $8, mac = $9
        WHERE account_id = $1 AND session_id = $2",
    )
    .bind(session.account.as_uuid())
    .bind(session.id.as_uuid())
    .bind(session.created_at)
    .bind(session.expires_at)
    .bind(factors_text(&session.factors))
    .bind(json(&session.ip)?)
    .bind(json(&session.user_agent)?)
    .bind(session.last_seen_at)
    .bind(mac)
    .execute(transaction)
    .await?;
    Ok(())
}
