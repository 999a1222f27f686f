//! Each read model held against what it must say.

use account::staff::Staff;
use chrono::{DateTime, Duration, Utc};
use cqrs_es::Aggregate;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::check::Finding;
use crate::columns::{time, time_if_any};
use crate::live_rows::LiveRows;
use crate::replay::{Expected, PendingToken, UNBLOCK};
use crate::sessions::{SessionOrigin, SessionRecord};
use crate::staff::StaffRecord;
use crate::stream::{Loaded, loaded_from};
use crate::walk::{Replayed, Stream, Told};
use crate::{Error, Store};

/// Whatever its idle time, the row of a session that began within this is not swept yet.
const NOT_SWEPT: Duration = Duration::days(1);

struct Findings {
    stream: String,
    findings: Vec<Finding>,
}

impl Findings {
    fn add(&mut self, table: &'static str, what: impl Into<String>) {
        self.findings.push(Finding {
            stream: self.stream.clone(),
            table,
            what: what.into(),
        });
    }

    /// A row that cannot be read is a finding, and hides none of the others.
    fn note(&mut self, table: &'static str, compared: Result<(), Error>) -> Result<(), Error> {
        match compared {
            Err(error) if error.is_damage() => {
                self.add(table, "a row cannot be read");
                Ok(())
            }
            other => other,
        }
    }
}

impl Store {
    /// How the rows of a stream differ from what its events tell, or what is wrong with these.
    pub(crate) fn compare(
        &self,
        replayed: &Replayed,
        rows: &LiveRows,
        now: DateTime<Utc>,
    ) -> Result<Vec<Finding>, Error> {
        let mut found = Findings {
            stream: replayed.stream.name(),
            findings: Vec::new(),
        };
        match &replayed.told {
            Ok(Told::Account(expected)) => {
                self.compare_account(&replayed.stream, expected, rows, now, &mut found)?;
            }
            Ok(Told::Staff(expected)) => {
                self.compare_state(expected, rows.state(&replayed.stream), &mut found)?;
                let compared = self.compare_staff(expected, rows.staff(expected.id), &mut found);
                found.note("staff", compared)?;
            }
            Ok(Told::Erased(expected)) => {
                self.compare_state(expected, rows.state(&replayed.stream), &mut found)?;
            }
            Ok(Told::Log(expected)) => {
                self.compare_state(expected, rows.state(&replayed.stream), &mut found)?;
            }
            Ok(Told::Nothing) => {}
            Err(what) => found.add("events", what.to_string()),
        }
        Ok(found.findings)
    }

    fn compare_account(
        &self,
        stream: &Stream,
        expected: &Expected,
        rows: &LiveRows,
        now: DateTime<Utc>,
        found: &mut Findings,
    ) -> Result<(), Error> {
        let id = expected.loaded.id;
        let state = self.compare_state(&expected.loaded, rows.state(stream), found);
        found.note("states", state)?;
        let settings = compare_settings(expected, rows.settings(id), found);
        found.note("settings", settings)?;
        let login = self.compare_login(expected, rows, found);
        found.note("logins", login)?;
        let sessions = self.compare_sessions(expected, rows.sessions(id), now, found);
        found.note("sessions", sessions)?;
        let tokens = compare_tokens(expected, rows.tokens(id), now, found);
        found.note("tokens", tokens)?;
        compare_secrets(expected, rows.secrets(id), found)
    }

    fn compare_staff(
        &self,
        expected: &Loaded<Staff>,
        row: Option<&PgRow>,
        found: &mut Findings,
    ) -> Result<(), Error> {
        match (row, &expected.state.issued) {
            (None, Some(_)) => found.add("staff", "the row is missing"),
            (Some(row), Some(told)) => match StaffRecord::from_row(&self.keyring, row)? {
                None => found.add("staff", "the row is not ours"),
                Some(record) if !record.says(told) => found.add("staff", "the row differs"),
                Some(_) => {}
            },
            (_, None) => {}
        }
        Ok(())
    }

    fn compare_state<A: Aggregate + Clone + PartialEq>(
        &self,
        expected: &Loaded<A>,
        row: Option<&PgRow>,
        found: &mut Findings,
    ) -> Result<(), Error> {
        let loaded = match row {
            Some(row) => loaded_from::<A>(&self.keyring, expected.id, row)?,
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

    fn compare_login(
        &self,
        expected: &Expected,
        rows: &LiveRows,
        found: &mut Findings,
    ) -> Result<(), Error> {
        let id = expected.loaded.id;
        let Some(row) = rows.login(id) else {
            found.add("logins", "the row is missing");
            return Ok(());
        };
        match expected.address_hash(&self.keyring, rows.data_key(id)) {
            Ok(hash) if row.try_get::<Vec<u8>, _>("address_hash")? == hash => {}
            Ok(_) => found.add("logins", "the address differs"),
            Err(Error::Corrupt(what)) => found.add("data_keys", what.to_string()),
            Err(Error::Unseal(what)) => found.add("data_keys", what.to_string()),
            Err(other) => return Err(other),
        }
        if time_if_any(row, "last_signed_in_at")? != expected.last_signed_in_at {
            found.add("logins", "the last sign-in differs");
        }
        Ok(())
    }

    fn compare_sessions(
        &self,
        expected: &Expected,
        rows: &[PgRow],
        now: DateTime<Utc>,
        found: &mut Findings,
    ) -> Result<(), Error> {
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows {
            let id: Uuid = row.try_get("session_id")?;
            kept.push(id);
            let told = expected
                .sessions
                .iter()
                .find(|(told, _)| told.id.as_uuid() == id);
            match (told, SessionRecord::from_row(&self.keyring, row)?) {
                (None, _) => found.add("sessions", format!("{id} is not in the history")),
                (Some(_), None) => found.add("sessions", format!("{id} is not ours")),
                (Some((told, begun)), Some(record))
                    if !record.says(told) || SessionOrigin::from_row(row)? != *begun =>
                {
                    found.add("sessions", format!("{id} differs"));
                }
                (Some(_), Some(_)) => {}
            }
        }
        let told = expected.sessions.iter().map(|(told, _)| told);
        let lost = told.filter(|told| {
            now < told.expires_at
                && now - told.created_at < NOT_SWEPT
                && !kept.contains(&told.id.as_uuid())
        });
        for told in lost {
            found.add("sessions", format!("{} is missing", told.id.as_uuid()));
        }
        Ok(())
    }
}

fn compare_settings(
    expected: &Expected,
    row: Option<&PgRow>,
    found: &mut Findings,
) -> Result<(), Error> {
    let Some(row) = row else {
        found.add("settings", "the row is missing");
        return Ok(());
    };
    let image = &expected.settings;
    let differs = row.try_get::<&str, _>("email")? != image.email
        || time(row, "created_at")? != image.created_at
        || time(row, "password_changed_at")? != image.password_changed_at
        || row.try_get::<&str, _>("two_factor")? != image.two_factor
        || time_if_any(row, "enabled_at")? != image.enabled_at
        || time_if_any(row, "enrollment_expires_at")? != image.enrollment_expires_at;
    if differs {
        found.add("settings", "the row differs");
    }
    Ok(())
}

fn compare_tokens(
    expected: &Expected,
    rows: &[PgRow],
    now: DateTime<Utc>,
    found: &mut Findings,
) -> Result<(), Error> {
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        let (id, kind) = (row.try_get("token_id")?, row.try_get::<&str, _>("kind")?);
        let expires_at = time(row, "expires_at")?;
        if kind == UNBLOCK {
            continue;
        }
        kept.push(id);
        match expected.tokens.iter().find(|told| told.id == id) {
            None if expires_at <= now => {}
            None => found.add("tokens", format!("{id} is not in the history")),
            Some(told) if told.kind != kind || told.expires_at != expires_at => {
                found.add("tokens", format!("{id} differs"));
            }
            Some(_) => {}
        }
    }
    let lost = |told: &&PendingToken| now < told.expires_at && !kept.contains(&told.id);
    for told in expected.tokens.iter().filter(lost) {
        found.add("tokens", format!("{} is missing", told.id));
    }
    Ok(())
}

fn compare_secrets(expected: &Expected, rows: &[PgRow], found: &mut Findings) -> Result<(), Error> {
    let kept = rows.iter().map(|row| row.try_get("credential_id"));
    let kept = kept.collect::<Result<Vec<Uuid>, _>>()?;
    for id in expected.secrets.iter().filter(|id| !kept.contains(id)) {
        found.add("secrets", format!("{id} is missing"));
    }
    for id in kept.iter().filter(|id| !expected.secrets.contains(id)) {
        found.add("secrets", format!("{id} should have been destroyed"));
    }
    Ok(())
}
