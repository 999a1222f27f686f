//! What follows from events: the rows of the read models, computed from the state before, the
//! events, and the state after. Pure, and the same for a commit and for a rebuild.

use account::state::{Opened, TwoFactor};
use account::{Account, AccountEvent, CredentialId, Metadata};
use chrono::{DateTime, Duration, Utc};
use cqrs_es::Aggregate;
use credentials::{DeviceNonce, TokenHash};
use uuid::Uuid;

use crate::Error;
use crate::sessions::{SessionOrigin, SessionRecord};
use crate::stream::Decided;

/// What the events of a command issue and no event may hold.
#[derive(Debug, Default)]
pub struct Issued {
    pub session: Option<TokenHash>,
    pub challenge: Option<TokenHash>,
    pub reset: Option<TokenHash>,
    pub device_nonce: Option<DeviceNonce>,
    /// The session whose factors the command changes, as it was when it authenticated the caller.
    pub confirming: Option<SessionRecord>,
}

/// A decision, with all that its commit needs.
#[derive(Debug)]
pub struct Entry<A: Aggregate> {
    pub(crate) decided: Decided<A>,
    pub(crate) issued: Issued,
    pub(crate) metadata: Metadata,
}

impl<A: Aggregate> Entry<A> {
    pub const fn new(decided: Decided<A>, issued: Issued, metadata: Metadata) -> Self {
        Self {
            decided,
            issued,
            metadata,
        }
    }

    pub const fn decided(&self) -> &Decided<A> {
        &self.decided
    }
}

/// How long a browser stays known after its last sign-in.
const DEVICE_LIFETIME: Duration = Duration::days(365);

#[derive(Debug, Default)]
pub(crate) struct AccountRows {
    pub(crate) settings: Option<SettingsImage>,
    pub(crate) last_signed_in_at: Option<DateTime<Utc>>,
    /// What stays, where something of the kind has ended.
    pub(crate) live_sessions: Option<Vec<Uuid>>,
    pub(crate) live_tokens: Option<Vec<Uuid>>,
    pub(crate) live_secrets: Option<Vec<Uuid>>,
    pub(crate) new_session: Option<(SessionRecord, SessionOrigin)>,
    pub(crate) changed_session: Option<SessionRecord>,
    pub(crate) new_tokens: Vec<NewToken>,
    pub(crate) new_device: Option<NewDevice>,
    pub(crate) voids_devices: bool,
    /// No row of the account is left.
    pub(crate) erases: bool,
}

/// What a challenge, or a link in a mail, is opened with.
#[derive(Debug)]
pub struct NewToken {
    pub(crate) kind: &'static str,
    pub(crate) id: Uuid,
    pub(crate) hash: TokenHash,
    pub(crate) expires_at: DateTime<Utc>,
}

impl NewToken {
    pub fn unblock_link(id: Uuid, hash: TokenHash, expires_at: DateTime<Utc>) -> Self {
        Self {
            kind: "unblock",
            id,
            hash,
            expires_at,
        }
    }
}

#[derive(Debug)]
pub(crate) struct NewDevice {
    pub(crate) id: Uuid,
    pub(crate) nonce: DeviceNonce,
    pub(crate) expires_at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SettingsImage {
    pub(crate) email: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) password_changed_at: DateTime<Utc>,
    pub(crate) two_factor: &'static str,
    pub(crate) enabled_at: Option<DateTime<Utc>>,
    pub(crate) enrollment_expires_at: Option<DateTime<Utc>>,
}

impl SettingsImage {
    pub(crate) fn of(account: &Opened) -> Result<Self, Error> {
        let (two_factor, enabled_at, enrollment_expires_at) = match account.two_factor {
            TwoFactor::Disabled => ("disabled", None, None),
            TwoFactor::Enrolling { expires_at, .. } => ("enrolling", None, Some(expires_at)),
            TwoFactor::Enabled { since, .. } => ("enabled", Some(since), None),
        };
        Ok(Self {
            email: serde_json::to_string(&account.email).map_err(Error::Serialize)?,
            created_at: account.at,
            password_changed_at: account.password.changed_at,
            two_factor,
            enabled_at,
            enrollment_expires_at,
        })
    }
}

pub(crate) fn live_secrets(account: &Opened) -> Vec<Uuid> {
    let authenticator = match account.two_factor {
        TwoFactor::Disabled => None,
        TwoFactor::Enrolling { enrollment: id, .. }
        | TwoFactor::Enabled {
            authenticator: id, ..
        } => Some(id),
    };
    [account.password.credential]
        .into_iter()
        .chain(authenticator)
        .map(CredentialId::as_uuid)
        .collect()
}

fn live_sessions(account: &Opened) -> Vec<Uuid> {
    let sessions = account.sessions.iter();
    sessions.map(|session| session.id.as_uuid()).collect()
}

fn live_tokens(account: &Opened) -> Vec<Uuid> {
    let challenges = account.challenges.iter();
    challenges
        .map(|challenge| challenge.id.as_uuid())
        .chain(account.resets.iter().map(|reset| reset.id.as_uuid()))
        .collect()
}

pub(crate) fn account_rows(entry: &Entry<Account>) -> Result<AccountRows, Error> {
    let decided = &entry.decided;
    let Some(after) = &decided.after.opened else {
        return Ok(AccountRows {
            erases: decided.after.erased_at.is_some(),
            ..AccountRows::default()
        });
    };
    let image = SettingsImage::of(after)?;
    let before = decided.before.state.opened.as_ref();
    let image_before = before.map(SettingsImage::of).transpose()?;
    let staying = |live: fn(&Opened) -> Vec<Uuid>| {
        let stays = live(after);
        let ended = |id: &Uuid| !stays.contains(id);
        live(before?).iter().any(ended).then_some(stays)
    };
    let mut rows = AccountRows {
        settings: (image_before.as_ref() != Some(&image)).then_some(image),
        live_sessions: staying(live_sessions),
        live_tokens: staying(live_tokens),
        live_secrets: staying(live_secrets),
        ..AccountRows::default()
    };
    for event in &decided.events {
        rows.add(event, entry)?;
    }
    Ok(rows)
}

impl AccountRows {
    fn add(&mut self, event: &AccountEvent, entry: &Entry<Account>) -> Result<(), Error> {
        let issued = &entry.issued;
        let missing = |missing| Error::Incomplete {
            event: event.name(),
            missing,
        };
        match event {
            AccountEvent::SignedIn { at, .. } => {
                let hash = issued
                    .session
                    .clone()
                    .ok_or_else(|| missing("session token"))?;
                self.last_signed_in_at = Some(*at);
                self.new_session =
                    session_record(entry.decided.before.id, event, &entry.metadata, hash);
            }
            AccountEvent::SecondFactorRequested {
                challenge,
                expires_at,
                ..
            } => {
                let hash = issued
                    .challenge
                    .clone()
                    .ok_or_else(|| missing("challenge token"))?;
                let (id, expires_at) = (challenge.as_uuid(), *expires_at);
                self.new_tokens.push(NewToken {
                    kind: "challenge",
                    id,
                    hash,
                    expires_at,
                });
            }
            AccountEvent::PasswordResetRequested {
                reset, expires_at, ..
            } => {
                let hash = issued.reset.clone().ok_or_else(|| missing("reset token"))?;
                let (id, expires_at) = (reset.as_uuid(), *expires_at);
                self.new_tokens.push(NewToken {
                    kind: "reset",
                    id,
                    hash,
                    expires_at,
                });
            }
            AccountEvent::DeviceRemembered { device, .. } => {
                let nonce = issued.device_nonce.ok_or_else(|| missing("device nonce"))?;
                let expires_at = device_expiry(entry.decided.at);
                self.new_device = Some(NewDevice {
                    id: device.as_uuid(),
                    nonce,
                    expires_at,
                });
            }
            AccountEvent::PasswordReset { .. } | AccountEvent::AccountRecovered { .. } => {
                self.voids_devices = true;
            }
            AccountEvent::TwoFactorEnabled { .. } => {
                let mut session = issued
                    .confirming
                    .clone()
                    .ok_or_else(|| missing("confirming session"))?;
                session.factors = vec![
                    account::event::Factor::Password,
                    account::event::Factor::Totp,
                ];
                self.changed_session = Some(session);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The session that a `SignedIn` event began.
pub(crate) fn session_record(
    account: Uuid,
    event: &AccountEvent,
    metadata: &Metadata,
    token: TokenHash,
) -> Option<(SessionRecord, SessionOrigin)> {
    let AccountEvent::SignedIn {
        at,
        session,
        expires_at,
        factors,
        ..
    } = event
    else {
        return None;
    };
    let record = SessionRecord {
        account: account::AccountId::from_uuid(account),
        id: *session,
        created_at: *at,
        last_seen_at: *at,
        expires_at: *expires_at,
        factors: factors.clone(),
        token,
    };
    let origin = metadata.request.as_ref().map(|origin| SessionOrigin {
        ip: origin.ip.clone(),
        user_agent: origin.user_agent.clone(),
    });
    Some((record, origin.unwrap_or_default()))
}

/// When the device's mark ends if it is renewed at `at`.
pub fn device_expiry(at: DateTime<Utc>) -> DateTime<Utc> {
    at + DEVICE_LIFETIME
}
