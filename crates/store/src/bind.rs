//! The parameters of `sql/commit.sql`, bound part by part in its order.

use chrono::{DateTime, Utc};
use credentials::{KeyId, SecretKind};
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use crate::commit::{Beside, StreamPart};
use crate::projection::AccountRows;
use crate::sessions::{SessionRecord, factors_text};
use crate::staff::StaffImage;
use crate::{Error, Store};

pub(crate) fn key_column(key: KeyId) -> i32 {
    i32::try_from(key.0).unwrap_or(i32::MAX)
}

/// Of the session that a commit begins, and of the one that it changes.
struct SessionMacs {
    new: Option<Vec<u8>>,
    changed: Option<Vec<u8>>,
}

pub(crate) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// $1 to $17
fn bind_events<'q>(query: Statement<'q>, part: &StreamPart) -> Statement<'q> {
    let (events, state) = (&part.events, part.state.as_ref().filter(|_| part.appends()));
    query
        .bind(part.id.clone())
        .bind(part.aggregate_type)
        .bind(part.base)
        .bind(events.types.clone())
        .bind(events.versions.clone())
        .bind(events.payloads.clone())
        .bind(events.metadata.clone())
        .bind(events.recorded_at.clone())
        .bind(events.hashes.clone())
        .bind(events.macs.clone())
        .bind(key_column(part.key))
        .bind(state.map(|state| state.version))
        .bind(state.map(|state| state.state.clone()))
        .bind(state.map(|state| state.tip.clone()))
        .bind(state.map(|state| state.recorded_at.clone()))
        .bind(crate::stream::STATE_SHAPE)
        .bind(state.map(|state| state.mac.clone()))
}

/// $18 to $30
fn bind_account<'q>(query: Statement<'q>, part: &StreamPart, beside: &Beside) -> Statement<'q> {
    let (rows, settings) = (&part.account_rows, part.account_rows.settings.as_ref());
    query
        .bind(part.account)
        .bind(beside.address_hash.map(|hash| hash.to_vec()))
        .bind(rows.last_signed_in_at)
        .bind(settings.map(|image| image.email.clone()))
        .bind(settings.map(|image| image.created_at))
        .bind(settings.map(|image| image.password_changed_at))
        .bind(settings.map(|image| image.two_factor))
        .bind(settings.and_then(|image| image.enabled_at))
        .bind(settings.and_then(|image| image.enrollment_expires_at))
        .bind(rows.live_sessions.clone())
        .bind(rows.live_tokens.clone())
        .bind(rows.live_secrets.clone())
        .bind(beside.spent.unblock)
}

impl Store {
    /// `statement` is made in `statement.rs`; all parameters are bound, whichever it names.
    pub(crate) fn statement<'q>(
        &self,
        statement: &'q str,
        part: &StreamPart,
        beside: &Beside,
        at: DateTime<Utc>,
    ) -> Result<Statement<'q>, Error> {
        let macs = self.session_macs(&part.account_rows)?;
        let query = bind_events(sqlx::query(statement), part);
        let query = bind_account(query, part, beside);
        let query = bind_session(query, &part.account_rows, &macs)?;
        let query = bind_tokens_and_secrets(query, &part.account_rows, beside);
        let query = bind_keys_and_devices(query, part, beside);
        let query = bind_beside(query, beside, at);
        let query = bind_answer_and_staff(query, part.staff.as_ref(), beside);
        // $89
        let query = query.bind(key_column(self.keyring.lookup_key()));
        let query = bind_key_ids(query, part, beside);
        // $98
        Ok(query.bind(part.account_rows.erases))
    }

    fn session_macs(&self, rows: &AccountRows) -> Result<SessionMacs, Error> {
        let mac = |session: &SessionRecord| session.mac(&self.keyring);
        Ok(SessionMacs {
            new: rows
                .new_session
                .as_ref()
                .map(|(new, _)| mac(new))
                .transpose()?,
            changed: rows.changed_session.as_ref().map(mac).transpose()?,
        })
    }
}

/// $31 to $42
fn bind_session<'q>(
    query: Statement<'q>,
    rows: &AccountRows,
    macs: &SessionMacs,
) -> Result<Statement<'q>, Error> {
    let new = rows.new_session.iter().map(|(session, _)| session);
    let begun = rows.new_session.iter().map(|(_, origin)| origin);
    let json = |personal: &Option<account::Personal>| {
        personal
            .as_ref()
            .map(serde_json::to_string)
            .transpose()
            .map_err(Error::Serialize)
    };
    let ips = begun.clone().map(|origin| json(&origin.ip));
    let ips = ips.collect::<Result<Vec<_>, _>>()?;
    let agents = begun.map(|origin| json(&origin.user_agent));
    let agents = agents.collect::<Result<Vec<_>, _>>()?;
    let changed = rows.changed_session.as_ref();
    Ok(query
        .bind(
            new.clone()
                .map(|session| session.id.as_uuid())
                .collect::<Vec<_>>(),
        )
        .bind(
            new.clone()
                .map(|session| session.token.hash.to_vec())
                .collect::<Vec<_>>(),
        )
        .bind(
            new.clone()
                .map(|session| session.created_at)
                .collect::<Vec<_>>(),
        )
        .bind(
            new.clone()
                .map(|session| session.expires_at)
                .collect::<Vec<_>>(),
        )
        .bind(
            new.map(|session| factors_text(&session.factors))
                .collect::<Vec<_>>(),
        )
        .bind(ips)
        .bind(agents)
        .bind(macs.new.iter().cloned().collect::<Vec<_>>())
        .bind(changed.map(|session| session.id.as_uuid()))
        .bind(changed.map(|session| factors_text(&session.factors)))
        .bind(changed.map(|session| session.last_seen_at))
        .bind(macs.changed.clone()))
}

/// $43 to $50
fn bind_tokens_and_secrets<'q>(
    query: Statement<'q>,
    rows: &AccountRows,
    beside: &Beside,
) -> Statement<'q> {
    let mut kinds = rows
        .new_tokens
        .iter()
        .map(|token| token.kind)
        .collect::<Vec<_>>();
    let mut ids = rows
        .new_tokens
        .iter()
        .map(|token| token.id)
        .collect::<Vec<_>>();
    let mut hashes = rows
        .new_tokens
        .iter()
        .map(|t| t.hash.hash.to_vec())
        .collect::<Vec<_>>();
    let mut expiries = rows
        .new_tokens
        .iter()
        .map(|token| token.expires_at)
        .collect::<Vec<_>>();
    if let Some((id, hash, expires_at)) = &beside.unblock {
        kinds.push("unblock");
        ids.push(*id);
        hashes.push(hash.hash.to_vec());
        expiries.push(*expires_at);
    }
    let secrets = &beside.secrets;
    query
        .bind(kinds)
        .bind(ids)
        .bind(hashes)
        .bind(expiries)
        .bind(
            secrets
                .iter()
                .map(|secret| secret.id.as_uuid())
                .collect::<Vec<_>>(),
        )
        .bind(
            secrets
                .iter()
                .map(|secret| kind_column(secret.kind))
                .collect::<Vec<_>>(),
        )
        .bind(
            secrets
                .iter()
                .map(|s| s.secret.wrapped_key.clone())
                .collect::<Vec<_>>(),
        )
        .bind(
            secrets
                .iter()
                .map(|s| s.secret.sealed.clone())
                .collect::<Vec<_>>(),
        )
}

pub(crate) const fn kind_column(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::PasswordHash => "password",
        SecretKind::TotpSecret => "totp",
    }
}

/// $51 to $60
fn bind_keys_and_devices<'q>(
    query: Statement<'q>,
    part: &StreamPart,
    beside: &Beside,
) -> Statement<'q> {
    let (rows, device) = (&part.account_rows, beside.device.as_ref());
    let new = rows.new_device.as_ref();
    query
        .bind(part.owner)
        .bind(beside.data_key.as_ref().map(|key| key.bytes.clone()))
        .bind(new.map(|device| device.id))
        .bind(new.map(|device| device.nonce.bytes.to_vec()))
        .bind(new.map(|device| device.expires_at))
        .bind(rows.voids_devices)
        .bind(device.map(|device| device.id.as_uuid()))
        .bind(device.and_then(|device| device.failures.clone()))
        .bind(device.map(|device| device.expires_at))
        .bind(device.map(|device| device.expected_version))
}

/// $61 to $74
fn bind_beside<'q>(query: Statement<'q>, beside: &Beside, at: DateTime<Utc>) -> Statement<'q> {
    let (throttles, mails) = (&beside.throttles, &beside.mails);
    let registration = beside.registration.as_ref();
    query
        .bind(
            throttles
                .iter()
                .map(|throttle| throttle.kind)
                .collect::<Vec<_>>(),
        )
        .bind(
            throttles
                .iter()
                .map(|throttle| throttle.key.to_vec())
                .collect::<Vec<_>>(),
        )
        .bind(
            throttles
                .iter()
                .map(|throttle| throttle.state.clone())
                .collect::<Vec<_>>(),
        )
        .bind(
            throttles
                .iter()
                .map(|throttle| throttle.expected_version)
                .collect::<Vec<_>>(),
        )
        .bind(at)
        .bind(mails.iter().map(|mail| mail.id).collect::<Vec<_>>())
        .bind(
            mails
                .iter()
                .map(|mail| mail.sealed.bytes.clone())
                .collect::<Vec<_>>(),
        )
        .bind(registration.map(|registration| registration.id))
        .bind(registration.map(|registration| registration.address_hash.to_vec()))
        .bind(registration.map(|registration| registration.token.hash.to_vec()))
        .bind(registration.map(|registration| registration.address.clone()))
        .bind(registration.map(|registration| registration.expires_at))
        .bind(beside.spent.registration)
        .bind(beside.spent.job)
}

/// $75 to $88
fn bind_answer_and_staff<'q>(
    query: Statement<'q>,
    staff: Option<&StaffImage>,
    beside: &Beside,
) -> Statement<'q> {
    let answer = beside.answer.as_ref();
    query
        .bind(answer.map(|answer| answer.staff.as_uuid()))
        .bind(answer.map(|answer| answer.key_hash.to_vec()))
        .bind(answer.map(|answer| answer.request_hash.to_vec()))
        .bind(answer.map(|answer| answer.sealed.clone()))
        .bind(staff.map(|staff| staff.record.id.as_uuid()))
        .bind(staff.map(|staff| staff.record.name.clone()))
        .bind(staff.map(|staff| staff.record.role_column()))
        .bind(staff.map(|staff| staff.record.token.hash.to_vec()))
        .bind(staff.map(|staff| staff.record.issued_at))
        .bind(staff.map(|staff| staff.record.expires_at))
        .bind(staff.and_then(|staff| staff.record.revoked_at))
        .bind(staff.map(|staff| staff.mac.clone()))
        .bind(beside.lifts_devices)
        .bind(beside.acting_staff.map(account::StaffId::as_uuid))
}

/// $90 to $97: what each thing was made under. A key that is added meanwhile may have come into use
/// between two of them.
fn bind_key_ids<'q>(query: Statement<'q>, part: &StreamPart, beside: &Beside) -> Statement<'q> {
    let (rows, staff) = (&part.account_rows, part.staff.as_ref());
    let sessions = rows.new_session.iter();
    let sessions = sessions.map(|(session, _)| session.token.key_id);
    let tokens = rows.new_tokens.iter().map(|token| token.hash.key_id);
    let unblock = beside.unblock.as_ref().map(|(_, hash, _)| hash.key_id);
    let mails = beside.mails.iter().map(|mail| mail.sealed.key_id);
    let device = rows.new_device.as_ref();
    let registration = beside.registration.as_ref();
    query
        .bind(part.state.as_ref().map(|state| key_column(state.key)))
        .bind(sessions.map(key_column).collect::<Vec<_>>())
        .bind(tokens.chain(unblock).map(key_column).collect::<Vec<_>>())
        .bind(beside.data_key.as_ref().map(|key| key_column(key.key_id)))
        .bind(device.map(|device| key_column(device.nonce.key_id)))
        .bind(mails.map(key_column).collect::<Vec<_>>())
        .bind(registration.map(|new| key_column(new.token.key_id)))
        .bind(staff.map(|staff| key_column(staff.record.token.key_id)))
}
