//! The read models against a replay of the events: compared, or written anew, account by account
//! while the service runs.

use account::{Account, AccountEvent, AccountId, Metadata};
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use credentials::{Field, TokenHash};
use sqlx::Row;
use uuid::Uuid;

use crate::projection::{SettingsImage, live_secrets, session_record};
use crate::sessions::{SessionRecord, factors_text};
use crate::stream::Loaded;
use crate::{ACCOUNT, Error, Store};

/// How many accounts are listed at a time.
const PAGE: i64 = 500;

/// A difference between a read model and the replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub account: AccountId,
    pub table: &'static str,
    pub what: String,
}

#[derive(Clone, Debug, Default)]
pub struct CheckReport {
    pub accounts: u64,
    pub events: u64,
    pub findings: Vec<Finding>,
}

/// What the read models of one account must say.
pub(crate) struct Expected {
    pub(crate) loaded: Loaded<Account>,
    pub(crate) settings: SettingsImage,
    /// Without their tokens, which no event holds.
    pub(crate) sessions: Vec<SessionRecord>,
    pub(crate) tokens: Vec<Uuid>,
    pub(crate) secrets: Vec<Uuid>,
    pub(crate) last_signed_in_at: Option<DateTime<Utc>>,
}

impl Expected {
    pub(crate) fn of(
        id: Uuid,
        history: Vec<(crate::StoredEvent, AccountEvent)>,
    ) -> Result<Option<Self>, Error> {
        let mut loaded = Loaded::<Account>::unborn(id);
        let mut sessions = Vec::new();
        for (row, event) in history {
            let metadata: Metadata = serde_json::from_str(&row.metadata)
                .map_err(|_| row.corrupt("its metadata cannot be read"))?;
            if let AccountEvent::TwoFactorEnabled { session, .. } = &event {
                promote(&mut sessions, *session);
            }
            sessions.extend(session_record(id, &event, &metadata, unknown_token()));
            loaded.state.apply(event);
            loaded.version = row.sequence.cast_unsigned();
            loaded.recorded_at = row.recorded_at.parse().ok();
            loaded.tip = row
                .hash
                .as_slice()
                .try_into()
                .map_err(|_| row.corrupt("its hash is too short"))?;
        }
        let Some(account) = &loaded.state.opened else {
            return Ok(None);
        };
        sessions.retain(|session| account.sessions.iter().any(|live| live.id == session.id));
        let challenges = account
            .challenges
            .iter()
            .map(|challenge| challenge.id.as_uuid());
        let tokens = challenges
            .chain(account.resets.iter().map(|reset| reset.id.as_uuid()))
            .collect();
        Ok(Some(Self {
            settings: SettingsImage::of(account)?,
            secrets: live_secrets(account),
            last_signed_in_at: account.last_signed_in_at,
            sessions,
            tokens,
            loaded,
        }))
    }
}

fn promote(sessions: &mut [SessionRecord], confirming: account::SessionId) {
    use account::event::Factor::{Password, Totp};
    for session in sessions
        .iter_mut()
        .filter(|session| session.id == confirming)
    {
        session.factors = vec![Password, Totp];
    }
}

fn unknown_token() -> TokenHash {
    TokenHash {
        key_id: credentials::KeyId(1),
        hash: [0; 32],
    }
}

impl Store {
    /// Compares what can be replayed with a replay. Rows whose time has passed may be gone.
    pub async fn check_projections(&self, now: DateTime<Utc>) -> Result<CheckReport, Error> {
        let mut report = CheckReport::default();
        let mut after = String::new();
        loop {
            let page = self.accounts_after(&after).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(last);
            for id in page.iter().filter_map(|id| id.parse().ok()) {
                let (events, findings) = self.check_account(id, now).await?;
                report.accounts += 1;
                report.events += events;
                report.findings.extend(findings);
            }
        }
        report.findings.extend(self.rows_without_history().await?);
        Ok(report)
    }

    pub(crate) async fn accounts_after(&self, after: &str) -> Result<Vec<String>, Error> {
        let page = sqlx::query_scalar(
            "SELECT aggregate_id FROM events
            WHERE aggregate_type = $1 AND sequence = 1 AND aggregate_id > $2
            ORDER BY aggregate_id LIMIT $3",
        )
        .bind(ACCOUNT)
        .bind(after)
        .bind(PAGE)
        .fetch_all(&self.pool)
        .await?;
        Ok(page)
    }

    async fn check_account(
        &self,
        id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<(u64, Vec<Finding>), Error> {
        loop {
            let Some(expected) = Expected::of(id, self.history(id).await?)? else {
                return Ok((0, Vec::new()));
            };
            let findings = self.compare(&expected, now).await?;
            let version = expected.loaded.version;
            // Changed while it was compared: what was found may be the change.
            if findings.is_empty() || self.version_of(id).await? == version {
                return Ok((version, findings));
            }
        }
    }

    async fn version_of(&self, id: Uuid) -> Result<u64, Error> {
        let version = sqlx::query_scalar::<_, Option<i64>>(
            "SELECT max(sequence) FROM events WHERE aggregate_id = $1 AND aggregate_type = $2",
        )
        .bind(id.to_string())
        .bind(ACCOUNT)
        .fetch_one(&self.pool)
        .await?;
        Ok(version.unwrap_or_default().cast_unsigned())
    }

    async fn compare(
        &self,
        expected: &Expected,
        now: DateTime<Utc>,
    ) -> Result<Vec<Finding>, Error> {
        let id = expected.loaded.id;
        let account = AccountId::from_uuid(id);
        let mut found = Findings {
            account,
            findings: Vec::new(),
        };
        self.compare_state(expected, &mut found).await?;
        self.compare_settings(expected, &mut found).await?;
        self.compare_login(expected, &mut found).await?;
        self.compare_sessions(expected, &mut found).await?;
        let tokens = sqlx::query_scalar::<_, Uuid>(
            "SELECT token_id FROM tokens
            WHERE account_id = $1 AND kind <> 'unblock' AND expires_at > $2",
        );
        let tokens = tokens.bind(id).bind(now).fetch_all(&self.pool).await?;
        for token in tokens
            .iter()
            .filter(|token| !expected.tokens.contains(token))
        {
            found.add("tokens", format!("{token} is not in the history"));
        }
        let secrets = sqlx::query_scalar::<_, Uuid>(
            "SELECT credential_id FROM secrets WHERE account_id = $1",
        );
        let secrets = secrets.bind(id).fetch_all(&self.pool).await?;
        for secret in expected
            .secrets
            .iter()
            .filter(|secret| !secrets.contains(secret))
        {
            found.add("secrets", format!("{secret} is missing"));
        }
        for secret in secrets
            .iter()
            .filter(|secret| !expected.secrets.contains(secret))
        {
            found.add("secrets", format!("{secret} should have been destroyed"));
        }
        Ok(found.findings)
    }

    async fn compare_state(&self, expected: &Expected, found: &mut Findings) -> Result<(), Error> {
        let row = sqlx::query(
            "SELECT *, mac AS state_mac, key_id AS state_key_id, true AS is_newest FROM states
            WHERE aggregate_id = $1 AND aggregate_type = $2",
        )
        .bind(expected.loaded.id.to_string())
        .bind(ACCOUNT)
        .fetch_optional(&self.pool)
        .await?;
        let loaded = match row {
            Some(row) => {
                crate::stream::loaded_from::<Account>(&self.keyring, expected.loaded.id, &row)?
            }
            None => None,
        };
        match loaded {
            None => found.add("states", "the row is missing or not ours".to_owned()),
            Some(row)
                if row.version != expected.loaded.version || row.tip != expected.loaded.tip =>
            {
                found.add(
                    "states",
                    format!("version {} of {}", row.version, expected.loaded.version),
                );
            }
            Some(row) if row.state != expected.loaded.state => {
                found.add("states", "the state differs".to_owned());
            }
            Some(_) => {}
        }
        Ok(())
    }

    async fn compare_settings(
        &self,
        expected: &Expected,
        found: &mut Findings,
    ) -> Result<(), Error> {
        let row = sqlx::query("SELECT * FROM settings WHERE account_id = $1")
            .bind(expected.loaded.id)
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else {
            found.add("settings", "the row is missing".to_owned());
            return Ok(());
        };
        let image = &expected.settings;
        let differs = row.try_get::<&str, _>("email")? != image.email
            || row.try_get::<DateTime<Utc>, _>("created_at")? != image.created_at
            || row.try_get::<DateTime<Utc>, _>("password_changed_at")? != image.password_changed_at
            || row.try_get::<&str, _>("two_factor")? != image.two_factor
            || row.try_get::<Option<DateTime<Utc>>, _>("enabled_at")? != image.enabled_at
            || row.try_get::<Option<DateTime<Utc>>, _>("enrollment_expires_at")?
                != image.enrollment_expires_at;
        if differs {
            found.add("settings", "the row differs".to_owned());
        }
        Ok(())
    }

    async fn compare_login(&self, expected: &Expected, found: &mut Findings) -> Result<(), Error> {
        let row =
            sqlx::query("SELECT address_hash, last_signed_in_at FROM logins WHERE account_id = $1")
                .bind(expected.loaded.id)
                .fetch_optional(&self.pool)
                .await?;
        let Some(row) = row else {
            found.add("logins", "the row is missing".to_owned());
            return Ok(());
        };
        if row.try_get::<Vec<u8>, _>("address_hash")? != self.address_hash_of(expected).await? {
            found.add("logins", "the address differs".to_owned());
        }
        if row.try_get::<Option<_>, _>("last_signed_in_at")? != expected.last_signed_in_at {
            found.add("logins", "the last sign-in differs".to_owned());
        }
        Ok(())
    }

    /// The keyed hash of the address that the history tells: the one thing that a replay opens.
    pub(crate) async fn address_hash_of(&self, expected: &Expected) -> Result<[u8; 32], Error> {
        let id = expected.loaded.id;
        let key = self
            .data_key(id)
            .await?
            .ok_or(crate::Corruption::MissingDataKey(id))?;
        let damaged = || crate::Corruption::Row {
            table: "settings",
            row: id.to_string(),
        };
        let account = expected.loaded.state.opened.as_ref().ok_or_else(damaged)?;
        let address = key.reveal(id, Field::Email, &account.email)?;
        Ok(self
            .keyring
            .address_hash(&address.parse().map_err(|_| damaged())?))
    }

    async fn compare_sessions(
        &self,
        expected: &Expected,
        found: &mut Findings,
    ) -> Result<(), Error> {
        let rows = sqlx::query(
            "SELECT session_id, created_at, expires_at, factors FROM sessions WHERE account_id = $1",
        )
        .bind(expected.loaded.id)
        .fetch_all(&self.pool)
        .await?;
        for row in &rows {
            let id: Uuid = row.try_get("session_id")?;
            let told = expected
                .sessions
                .iter()
                .find(|session| session.id.as_uuid() == id);
            let Some(told) = told else {
                found.add("sessions", format!("{id} is not in the history"));
                continue;
            };
            let agrees = row.try_get::<DateTime<Utc>, _>("created_at")? == told.created_at
                && row.try_get::<DateTime<Utc>, _>("expires_at")? == told.expires_at
                && row.try_get::<&str, _>("factors")? == factors_text(&told.factors);
            if !agrees {
                found.add("sessions", format!("{id} differs"));
            }
        }
        Ok(())
    }

    /// Accounts in the login read model that have no history.
    async fn rows_without_history(&self) -> Result<Vec<Finding>, Error> {
        let rows = sqlx::query_scalar::<_, Uuid>(
            "SELECT account_id FROM logins l WHERE NOT EXISTS (
                SELECT FROM events e WHERE e.aggregate_id = l.account_id::text
                    AND e.aggregate_type = 'account' AND e.sequence = 1
            )",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|id| Finding {
                account: AccountId::from_uuid(id),
                table: "logins",
                what: "there is no history".to_owned(),
            })
            .collect())
    }
}

struct Findings {
    account: AccountId,
    findings: Vec<Finding>,
}

impl Findings {
    fn add(&mut self, table: &'static str, what: String) {
        self.findings.push(Finding {
            account: self.account,
            table,
            what,
        });
    }
}
