//! Each read model held against what it must say.

use account::EmailAddress;
use account::staff::Staff;
use chrono::{DateTime, Duration, Utc};
use cqrs_es::Aggregate;
use credentials::Field;
use proofs::event::stream_name;
use sqlx::Row;
use uuid::Uuid;

use crate::replay::{Expected, Finding, STAFF};
use crate::sessions::SessionRecord;
use crate::staff::StaffRecord;
use crate::stream::{Loaded, loaded_from};
use crate::{ACCOUNT, Corruption, Error, Store};

/// Whatever its idle time, the row of a session that began within this is not swept yet.
const NOT_SWEPT: Duration = Duration::days(1);

/// Rows of accounts and staff to whom nothing ever happened: table, stream, and how they are found
/// and removed.
macro_rules! strays {
    ($table:literal, $id:literal) => {
        [
            concat!("SELECT DISTINCT ", $id, " FROM ", $table, strays!(@ $id)),
            concat!("DELETE FROM ", $table, strays!(@ $id)),
        ]
    };
    (@ $id:literal) => {
        concat!(
            " WHERE NOT EXISTS (SELECT FROM events e WHERE e.aggregate_id = ",
            $id,
            "::text AND e.aggregate_type = $1 AND e.sequence = 1)"
        )
    };
}

const STRAYS: [(&str, &str, [&str; 2]); 5] = [
    ("logins", ACCOUNT, strays!("logins", "account_id")),
    ("settings", ACCOUNT, strays!("settings", "account_id")),
    ("sessions", ACCOUNT, strays!("sessions", "account_id")),
    ("tokens", ACCOUNT, strays!("tokens", "account_id")),
    ("staff", STAFF, strays!("staff", "staff_id")),
];

pub(crate) struct Findings {
    stream: String,
    pub(crate) findings: Vec<Finding>,
}

impl Findings {
    pub(crate) fn of(aggregate_type: &str, id: Uuid) -> Self {
        Self {
            stream: stream_name(aggregate_type, &id.to_string()),
            findings: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, table: &'static str, what: impl Into<String>) {
        self.findings.push(Finding {
            stream: self.stream.clone(),
            table,
            what: what.into(),
        });
    }
}

impl Store {
    pub(crate) async fn compare_account(
        &self,
        expected: &Expected,
        now: DateTime<Utc>,
    ) -> Result<Vec<Finding>, Error> {
        let mut found = Findings::of(ACCOUNT, expected.loaded.id);
        self.compare_state(&expected.loaded, &mut found).await?;
        self.compare_settings(expected, &mut found).await?;
        self.compare_login(expected, &mut found).await?;
        self.compare_sessions(expected, now, &mut found).await?;
        self.compare_tokens(expected, now, &mut found).await?;
        self.compare_secrets(expected, &mut found).await?;
        Ok(found.findings)
    }

    pub(crate) async fn compare_staff(
        &self,
        expected: &Loaded<Staff>,
    ) -> Result<Vec<Finding>, Error> {
        let mut found = Findings::of(STAFF, expected.id);
        self.compare_state(expected, &mut found).await?;
        let row = sqlx::query("SELECT * FROM staff WHERE staff_id = $1")
            .bind(expected.id)
            .fetch_optional(&self.pool)
            .await?;
        match (row, &expected.state.issued) {
            (None, Some(_)) => found.add("staff", "the row is missing"),
            (Some(row), Some(told)) => match StaffRecord::from_row(&self.keyring, &row)? {
                None => found.add("staff", "the row is not ours"),
                Some(record) if !record.says(told) => found.add("staff", "the row differs"),
                Some(_) => {}
            },
            (_, None) => {}
        }
        Ok(found.findings)
    }

    pub(crate) async fn compare_state<A: Aggregate + Clone + PartialEq>(
        &self,
        expected: &Loaded<A>,
        found: &mut Findings,
    ) -> Result<(), Error> {
        let row = sqlx::query(
            "SELECT *, mac AS state_mac, key_id AS state_key_id, true AS is_newest FROM states
            WHERE aggregate_id = $1 AND aggregate_type = $2",
        )
        .bind(expected.id.to_string())
        .bind(A::TYPE)
        .fetch_optional(&self.pool)
        .await?;
        let loaded = match row {
            Some(row) => loaded_from::<A>(&self.keyring, expected.id, &row)?,
            None => None,
        };
        match loaded {
            None => found.add("states", "the row is missing or not ours"),
            Some(row) if row.version != expected.version || row.tip != expected.tip => {
                let (version, of) = (row.version, expected.version);
                found.add("states", format!("version {version} of {of}"));
            }
            Some(row) if row.state != expected.state => found.add("states", "the state differs"),
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
            found.add("settings", "the row is missing");
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
            found.add("settings", "the row differs");
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
            found.add("logins", "the row is missing");
            return Ok(());
        };
        match self.address_hash_of(expected).await {
            Ok(hash) if row.try_get::<Vec<u8>, _>("address_hash")? == hash => {}
            Ok(_) => found.add("logins", "the address differs"),
            Err(Error::Corrupt(what)) => found.add("data_keys", what.to_string()),
            Err(Error::Unseal(what)) => found.add("data_keys", what.to_string()),
            Err(other) => return Err(other),
        }
        if row.try_get::<Option<_>, _>("last_signed_in_at")? != expected.last_signed_in_at {
            found.add("logins", "the last sign-in differs");
        }
        Ok(())
    }

    /// The keyed hash of the address that the history tells: the one thing that a replay opens.
    pub(crate) async fn address_hash_of(&self, expected: &Expected) -> Result<[u8; 32], Error> {
        let id = expected.loaded.id;
        let key = self.data_key(id).await?;
        let key = key.ok_or(Corruption::MissingDataKey(id))?;
        let damaged = || Corruption::Row {
            table: "settings",
            row: id.to_string(),
        };
        let account = expected.loaded.state.opened.as_ref().ok_or_else(damaged)?;
        let address = key.reveal(id, Field::Email, &account.email)?;
        let address: EmailAddress = address.parse().map_err(|_| damaged())?;
        Ok(self.keyring.address_hash(&address))
    }

    async fn compare_sessions(
        &self,
        expected: &Expected,
        now: DateTime<Utc>,
        found: &mut Findings,
    ) -> Result<(), Error> {
        let rows = sqlx::query("SELECT * FROM sessions WHERE account_id = $1")
            .bind(expected.loaded.id)
            .fetch_all(&self.pool)
            .await?;
        let mut kept = Vec::with_capacity(rows.len());
        for row in &rows {
            let id: Uuid = row.try_get("session_id")?;
            kept.push(id);
            let told = expected
                .sessions
                .iter()
                .find(|told| told.id.as_uuid() == id);
            match (told, SessionRecord::from_row(&self.keyring, row)?) {
                (None, _) => found.add("sessions", format!("{id} is not in the history")),
                (Some(_), None) => found.add("sessions", format!("{id} is not ours")),
                (Some(told), Some(record)) if !record.says(told) => {
                    found.add("sessions", format!("{id} differs"));
                }
                (Some(_), Some(_)) => {}
            }
        }
        let lost = expected.sessions.iter().filter(|told| {
            now < told.expires_at
                && now - told.created_at < NOT_SWEPT
                && !kept.contains(&told.id.as_uuid())
        });
        for told in lost {
            found.add("sessions", format!("{} is missing", told.id.as_uuid()));
        }
        Ok(())
    }

    async fn compare_tokens(
        &self,
        expected: &Expected,
        now: DateTime<Utc>,
        found: &mut Findings,
    ) -> Result<(), Error> {
        let rows = sqlx::query_as::<_, (Uuid, String, DateTime<Utc>)>(
            "SELECT token_id, kind, expires_at FROM tokens
            WHERE account_id = $1 AND kind <> 'unblock'",
        )
        .bind(expected.loaded.id)
        .fetch_all(&self.pool)
        .await?;
        for (id, kind, expires_at) in &rows {
            match expected.tokens.iter().find(|told| told.id == *id) {
                None if *expires_at <= now => {}
                None => found.add("tokens", format!("{id} is not in the history")),
                Some(told) if told.kind != kind || told.expires_at != *expires_at => {
                    found.add("tokens", format!("{id} differs"));
                }
                Some(_) => {}
            }
        }
        let lost = |told: &&crate::replay::PendingToken| {
            now < told.expires_at && !rows.iter().any(|(id, ..)| told.id == *id)
        };
        for told in expected.tokens.iter().filter(lost) {
            found.add("tokens", format!("{} is missing", told.id));
        }
        Ok(())
    }

    async fn compare_secrets(
        &self,
        expected: &Expected,
        found: &mut Findings,
    ) -> Result<(), Error> {
        let kept = sqlx::query_scalar::<_, Uuid>(
            "SELECT credential_id FROM secrets WHERE account_id = $1",
        )
        .bind(expected.loaded.id)
        .fetch_all(&self.pool)
        .await?;
        for id in expected.secrets.iter().filter(|id| !kept.contains(id)) {
            found.add("secrets", format!("{id} is missing"));
        }
        for id in kept.iter().filter(|id| !expected.secrets.contains(id)) {
            found.add("secrets", format!("{id} should have been destroyed"));
        }
        Ok(())
    }

    pub(crate) async fn find_strays(&self) -> Result<Vec<Finding>, Error> {
        let mut findings = Vec::new();
        for (table, stream, [find, _]) in STRAYS {
            let rows = sqlx::query_scalar::<_, Uuid>(find)
                .bind(stream)
                .fetch_all(&self.pool)
                .await?;
            findings.extend(rows.into_iter().map(|id| Finding {
                stream: stream_name(stream, &id.to_string()),
                table,
                what: "there is no history".to_owned(),
            }));
        }
        Ok(findings)
    }

    pub(crate) async fn remove_strays(&self) -> Result<(), Error> {
        for (_, stream, [_, remove]) in STRAYS {
            sqlx::query(remove).bind(stream).execute(&self.pool).await?;
        }
        Ok(())
    }
}
