//! The new rows of some streams: what their events tell, and what no event holds, carried over
//! from the rows in use.

use std::collections::HashMap;

use account::staff::Staff;
use account::{Personal, StaffId};
use cqrs_es::Aggregate;
use credentials::{Keyring, TokenHash};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::Error;
use crate::columns::{key_column, time};
use crate::links::token_hash_from;
use crate::live_rows::LiveRows;
use crate::replay::{Expected, UNBLOCK};
use crate::sessions::{SessionOrigin, SessionRecord, factors_text};
use crate::staff::StaffRecord;
use crate::stream::{Loaded, STATE_SHAPE, StateImage};
use crate::walk::Stream;

/// Each row as an object with the columns of its table.
#[derive(Default)]
pub(super) struct NewRows {
    pub(super) states: Vec<Value>,
    /// By the hash of the address: whoever comes later has it.
    pub(super) logins: HashMap<[u8; 32], Value>,
    pub(super) settings: Vec<Value>,
    pub(super) sessions: Vec<Value>,
    pub(super) tokens: Vec<Value>,
    pub(super) staff: Vec<Value>,
    /// Sessions whose row in use has another MAC: it was not ours, or is under an older key.
    pub(super) unlike: Vec<Value>,
    /// Of each account, as of which event: the secrets that it has, and no others.
    pub(super) accounts: Vec<(Uuid, u64)>,
    pub(super) secrets: Vec<(Uuid, Uuid)>,
    /// Damaged streams, and how: their rows stay as they are.
    pub(super) carried: Vec<(Stream, String)>,
}

impl NewRows {
    pub(super) fn append(&mut self, mut other: Self) {
        self.states.append(&mut other.states);
        self.logins.extend(other.logins);
        self.settings.append(&mut other.settings);
        self.sessions.append(&mut other.sessions);
        self.tokens.append(&mut other.tokens);
        self.staff.append(&mut other.staff);
        self.unlike.append(&mut other.unlike);
        self.accounts.append(&mut other.accounts);
        self.secrets.append(&mut other.secrets);
    }

    pub(super) fn of_account(
        keyring: &Keyring,
        expected: &Expected,
        rows: &LiveRows,
    ) -> Result<Self, Error> {
        let id = expected.loaded.id;
        let hash = expected.address_hash(keyring, rows.data_key(id))?;
        let mut new = Self::default();
        new.states.push(state(keyring, &expected.loaded)?);
        new.logins.insert(hash, login(keyring, expected, &hash));
        new.settings.push(settings(expected));
        for row in rows.sessions(id) {
            new.add_session(keyring, expected, row)?;
        }
        for row in rows.tokens(id) {
            new.tokens.extend(token(expected, row)?);
        }
        new.accounts.push((id, expected.loaded.version));
        new.secrets = expected
            .secrets
            .iter()
            .map(|secret| (id, *secret))
            .collect();
        Ok(new)
    }

    /// Of a stream that has its state alone.
    pub(super) fn of_state<A: Aggregate>(
        keyring: &Keyring,
        loaded: &Loaded<A>,
    ) -> Result<Self, Error> {
        let mut new = Self::default();
        new.states.push(state(keyring, loaded)?);
        Ok(new)
    }

    /// A row that was lost took its token along, and cannot be brought back.
    pub(super) fn of_staff(
        keyring: &Keyring,
        loaded: &Loaded<Staff>,
        rows: &LiveRows,
    ) -> Result<Self, Error> {
        let mut new = Self::default();
        new.states.push(state(keyring, loaded)?);
        let token = rows.staff(loaded.id).map(token_hash_from).transpose()?;
        if let (Some(told), Some(token)) = (&loaded.state.issued, token.flatten()) {
            let record = StaffRecord::told(StaffId::from_uuid(loaded.id), told, token);
            new.staff.push(json!({
                "staff_id": loaded.id,
                "name": record.name,
                "role": record.role_column(),
                "token_hash": bytes(&record.token.hash),
                "issued_at": record.issued_at,
                "expires_at": record.expires_at,
                "revoked_at": record.revoked_at,
                "mac": bytes(&record.mac(keyring)?),
                "key_id": key_column(record.token.key_id),
            }));
        }
        Ok(new)
    }

    /// A session keeps its token, which no event holds and which names its account and itself; one
    /// that has lost its row cannot be brought back. Where what the history tells does not fit the
    /// row's MAC, somebody changed the row, and it counts as last seen when it began: a rebuild
    /// revives no session that has been idle for too long.
    fn add_session(
        &mut self,
        keyring: &Keyring,
        expected: &Expected,
        row: &PgRow,
    ) -> Result<(), Error> {
        let stored: Uuid = row.try_get("session_id")?;
        let mut all = expected.sessions.iter();
        let told = all.find(|(session, _)| session.id.as_uuid() == stored);
        let (Some((told, begun)), Some(token)) = (told, token_hash_from(row)?) else {
            return Ok(());
        };
        let mut session = SessionRecord {
            last_seen_at: time(row, "last_seen_at").unwrap_or(told.created_at),
            token,
            ..told.clone()
        };
        let (mac, last_seen_at): (&[u8], _) = (row.try_get("mac")?, session.last_seen_at);
        if !session.fits(keyring, mac) {
            session.last_seen_at = told.created_at;
        }
        let new = session.mac(keyring)?;
        if new.as_slice() != mac {
            self.unlike.push(json!({
                "account_id": session.account.as_uuid(),
                "session_id": stored,
                "last_seen_at": last_seen_at,
                "mac": bytes(mac),
            }));
        }
        self.sessions.push(session_row(&session, begun, &new)?);
        Ok(())
    }
}

fn bytes(bytes: &[u8]) -> String {
    format!("\\x{}", HEXLOWER.encode(bytes))
}

fn state<A: Aggregate>(keyring: &Keyring, loaded: &Loaded<A>) -> Result<Value, Error> {
    let (id, version, tip) = (loaded.id, loaded.version, loaded.tip);
    let at = loaded.recorded_at.unwrap_or_default();
    let image = StateImage::of(keyring, id, version, tip, at, &loaded.state)?;
    Ok(json!({
        "aggregate_id": id,
        "aggregate_type": A::TYPE,
        "version": image.version,
        "tip": bytes(&image.tip),
        "recorded_at": image.recorded_at,
        "shape": STATE_SHAPE,
        "state": image.state,
        "mac": bytes(&image.mac),
        "key_id": key_column(image.key),
    }))
}

fn login(keyring: &Keyring, expected: &Expected, hash: &[u8; 32]) -> Value {
    json!({
        "account_id": expected.loaded.id,
        "address_hash": bytes(hash),
        "key_id": key_column(keyring.lookup_key()),
        "last_signed_in_at": expected.last_signed_in_at,
    })
}

fn settings(expected: &Expected) -> Value {
    let image = &expected.settings;
    json!({
        "account_id": expected.loaded.id,
        "email": image.email,
        "created_at": image.created_at,
        "password_changed_at": image.password_changed_at,
        "two_factor": image.two_factor,
        "enabled_at": image.enabled_at,
        "enrollment_expires_at": image.enrollment_expires_at,
    })
}

fn session_row(session: &SessionRecord, begun: &SessionOrigin, mac: &[u8]) -> Result<Value, Error> {
    let sealed = |personal: &Option<Personal>| {
        let text = personal.as_ref().map(serde_json::to_string);
        text.transpose().map_err(Error::Serialize)
    };
    Ok(json!({
        "account_id": session.account.as_uuid(),
        "session_id": session.id.as_uuid(),
        "token_hash": bytes(&session.token.hash),
        "created_at": session.created_at,
        "last_seen_at": session.last_seen_at,
        "expires_at": session.expires_at,
        "factors": factors_text(&session.factors),
        "ip": sealed(&begun.ip)?,
        "user_agent": sealed(&begun.user_agent)?,
        "mac": bytes(mac),
        "key_id": key_column(session.token.key_id),
    }))
}

/// A token keeps its hash, which no event holds; one that has lost its row cannot be brought back.
fn token(expected: &Expected, row: &PgRow) -> Result<Option<Value>, Error> {
    let id: Uuid = row.try_get("token_id")?;
    let known = if row.try_get::<&str, _>("kind")? == UNBLOCK {
        time(row, "expires_at").ok().map(|end| (UNBLOCK, end))
    } else {
        let told = expected.tokens.iter().find(|told| told.id == id);
        told.map(|told| (told.kind, told.expires_at))
    };
    let Some((kind, expires_at)) = known else {
        return Ok(None);
    };
    let token = token_hash_from(row)?;
    Ok(token.map(|TokenHash { key_id, hash }| {
        json!({
            "account_id": expected.loaded.id,
            "token_id": id,
            "kind": kind,
            "token_hash": bytes(&hash),
            "key_id": key_column(key_id),
            "expires_at": expires_at,
        })
    }))
}
