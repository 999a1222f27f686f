//! What use cases answer with. Who may see what is decided by which of these a use case returns.

use account::event::Factor;
use account::state::TwoFactor;
use account::{AccountId, SessionId};
use chrono::{DateTime, Utc};
use mail::Browser;
use serde::Serialize;
use store::TwoFactorStatus;
use uuid::Uuid;

#[derive(Clone, Debug)]
pub struct AccountView {
    pub id: AccountId,
    pub email: String,
    pub created_at: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub struct SessionView {
    pub account: AccountView,
    pub id: SessionId,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub factors: Vec<Factor>,
}

#[derive(Clone, Debug)]
pub struct SessionListing {
    pub id: SessionId,
    /// Whether it is the session that asks.
    pub current: bool,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    /// None for a program that we do not know.
    pub browser: Option<Browser>,
    pub factors: Vec<Factor>,
}

/// An event of an account as its owner reads it.
#[derive(Clone, Debug)]
pub struct Activity {
    pub event_type: String,
    /// What about it: such as the purpose of a rejected password, or why sessions ended.
    pub about: Option<String>,
    pub recorded_at: String,
    pub ip: Option<String>,
    pub browser: Option<Browser>,
}

#[derive(Clone, Debug)]
pub struct SettingsView {
    pub account: AccountView,
    pub password_changed_at: DateTime<Utc>,
    pub two_factor: TwoFactorView,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TwoFactorView {
    Disabled,
    Enrolling { expires_at: DateTime<Utc> },
    Enabled { since: DateTime<Utc> },
}

impl TwoFactorView {
    pub(crate) fn from_status(status: TwoFactorStatus, now: DateTime<Utc>) -> Self {
        match status {
            TwoFactorStatus::Enabled { since } => Self::Enabled { since },
            TwoFactorStatus::Enrolling { expires_at } if now < expires_at => {
                Self::Enrolling { expires_at }
            }
            TwoFactorStatus::Disabled | TwoFactorStatus::Enrolling { .. } => Self::Disabled,
        }
    }

    pub(crate) fn from_state(state: TwoFactor, now: DateTime<Utc>) -> Self {
        match state.as_of(now) {
            TwoFactor::Disabled => Self::Disabled,
            TwoFactor::Enrolling { expires_at, .. } => Self::Enrolling { expires_at },
            TwoFactor::Enabled { since, .. } => Self::Enabled { since },
        }
    }

    pub const fn status(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Enrolling { .. } => "enrolling",
            Self::Enabled { .. } => "enabled",
        }
    }
}

/// An account as support sees it. Serialised as the first answer to a call that may be repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct AccountSummary {
    pub id: AccountId,
    pub email: String,
    pub created_at: DateTime<Utc>,
    pub two_factor: String,
    /// Whether any wait is in force.
    pub locked: bool,
    pub last_signed_in_at: Option<DateTime<Utc>>,
}

/// Why somebody cannot sign in.
#[derive(Clone, Debug)]
pub struct Examination {
    pub account: AccountSummary,
    pub two_factor: TwoFactorView,
    pub waits: Vec<WaitView>,
    /// The newest first.
    pub recent_events: Vec<EventSketch>,
    pub unlock: UnlockPreview,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitView {
    /// `password`, `code` or `known_device`.
    pub attempts: &'static str,
    /// `None`: until somebody lifts it.
    pub until: Option<DateTime<Utc>>,
    pub failures: u32,
}

#[derive(Clone, Debug)]
pub struct EventSketch {
    pub event_type: String,
    pub recorded_at: String,
    /// The /24 of an IPv4 or the /48 of an IPv6 address.
    pub network: Option<String>,
    pub known_device: Option<bool>,
}

/// What an unlock would change now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnlockPreview {
    pub possible: bool,
    pub turns_off_two_factor: bool,
    pub lifts_waits: bool,
    pub ends_sessions: usize,
}

/// A page of events, and what to read after.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub events: Vec<T>,
    /// The last sequence or position read; none if nothing was.
    pub next: Option<u64>,
}

/// An event as auditors read it: personal fields in the clear, secrets nowhere.
#[derive(Clone, Debug, Serialize)]
pub struct EventView {
    pub stream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<Uuid>,
    pub sequence: u64,
    pub position: Option<u64>,
    #[serde(rename = "type")]
    pub event_type: String,
    pub version: u32,
    pub recorded_at: String,
    pub actor: ActorView,
    pub request: RequestView,
    pub data: serde_json::Value,
    /// What tells events of one type apart.
    #[serde(skip)]
    pub about: Option<String>,
    /// Hexadecimal.
    pub hash: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct ActorView {
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Fields are absent for what the system does by itself, and once the person was erased.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RequestView {
    pub id: Option<String>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
}

/// An account's state as of a sequence number.
#[derive(Clone, Debug, Serialize)]
pub struct StateView {
    pub account_id: AccountId,
    pub sequence: u64,
    pub recorded_at: String,
    /// The last sequence number of the history.
    #[serde(skip)]
    pub latest: u64,
    pub state: serde_json::Value,
}
