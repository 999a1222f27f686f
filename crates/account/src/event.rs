//! The facts of an account's history. Names, fields and versions are permanent: a change is a new
//! version with an upcaster, never an edit. No event holds a secret, not even hashed: credentials
//! are named by id.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::{ChallengeId, CredentialId, DeviceId, Personal, ResetId, SessionId};

/// Events that change a credential end, besides what their own `SessionsEnded` names, every
/// challenge, reset link and pending enrollment of the account, and so does `AccountRecovered`; that
/// and `PasswordReset` void its known devices as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AccountEvent {
    /// Somebody who reads the mailbox chose a password, or an operator did for them.
    AccountOpened {
        at: DateTime<Utc>,
        email: Personal,
        password: CredentialId,
        by: Opening,
    },
    PasswordChanged {
        at: DateTime<Utc>,
        password: CredentialId,
        session: SessionId,
    },
    /// The same password under current hashing parameters.
    PasswordRehashed {
        password: CredentialId,
        replaced: CredentialId,
    },
    PasswordResetRequested {
        reset: ResetId,
        expires_at: DateTime<Utc>,
        /// Old links that made room.
        dropped: Vec<ResetId>,
    },
    PasswordReset {
        at: DateTime<Utc>,
        reset: ResetId,
        password: CredentialId,
    },
    PasswordRejected {
        at: DateTime<Utc>,
        purpose: PasswordPurpose,
        /// The signed-in session that presented it; none at sign-in.
        session: Option<SessionAttempts>,
        known_device: bool,
    },
    /// Once for each wait: attempts of this kind are refused, and not evaluated, until it ends.
    AttemptsThrottled {
        attempts: Attempts,
        known_device: bool,
        /// `None`: until a reset or an unlock.
        until: Option<DateTime<Utc>>,
    },
    SecondFactorRequested {
        challenge: ChallengeId,
        expires_at: DateTime<Utc>,
        /// The known device that presented the password.
        device: Option<DeviceId>,
        /// Old challenges that made room.
        dropped: Vec<ChallengeId>,
    },
    CodeRejected {
        at: DateTime<Utc>,
        challenge: ChallengeId,
        reason: CodeRejection,
        known_device: bool,
    },
    SignedIn {
        at: DateTime<Utc>,
        session: SessionId,
        expires_at: DateTime<Utc>,
        factors: Vec<Factor>,
        device: DeviceId,
        known_device: bool,
        challenge: Option<ChallengeId>,
        /// The RFC 6238 time step that the code spent.
        step: Option<u64>,
    },
    SignedOut {
        session: SessionId,
    },
    SessionsEnded {
        sessions: Vec<SessionId>,
        cause: SessionEnd,
    },
    /// This browser's failed attempts count apart from those of strangers from now on.
    DeviceRemembered {
        device: DeviceId,
        occasion: Occasion,
    },
    EnrollmentStarted {
        enrollment: CredentialId,
        session: SessionId,
        expires_at: DateTime<Utc>,
    },
    EnrollmentCancelled {
        enrollment: CredentialId,
    },
    EnrollmentCodeRejected {
        at: DateTime<Utc>,
        enrollment: CredentialId,
    },
    TwoFactorEnabled {
        at: DateTime<Utc>,
        authenticator: CredentialId,
        session: SessionId,
        /// The RFC 6238 time step that the confirming code spent.
        step: u64,
    },
    TwoFactorDisabled {
        at: DateTime<Utc>,
        authenticator: CredentialId,
        session: SessionId,
    },
    /// By a member of support, who stands in the event's metadata.
    AccountUnlocked {
        at: DateTime<Utc>,
        reason: Personal,
        ticket: Option<Personal>,
        two_factor_was_on: bool,
    },
    /// The last event of its stream. With it the data key is destroyed, and everything that the
    /// account held ends.
    AccountErased {
        at: DateTime<Utc>,
    },
    /// The database was restored from a backup: what had ended since lives no more, and every
    /// RFC 6238 time step up to this one is spent.
    AccountRecovered {
        at: DateTime<Utc>,
        step: u64,
    },
}

/// Wrong current passwords of one session, this one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAttempts {
    pub session: SessionId,
    pub count: u32,
    pub since: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opening {
    MailedLink,
    Operator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordPurpose {
    SignIn,
    ChangePassword,
    StartEnrollment,
    DisableTwoFactor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempts {
    Password,
    CurrentPassword,
    Code,
    EnrollmentCode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeRejection {
    Wrong,
    /// Right, but its time step was spent before.
    Spent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    Password,
    Totp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    EndedByOwner,
    PasswordChanged,
    PasswordReset,
    TwoFactorEnabled,
    TwoFactorDisabled,
    Unlocked,
    /// The oldest made room for a new one.
    SessionLimit,
    Expired,
    /// The database was restored from a backup.
    Recovered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    SignIn,
    Verification,
    PasswordReset,
    Unblock,
}

impl AccountEvent {
    /// Of all events, as they stand in history.
    pub const NAMES: [&str; 21] = [
        "AccountOpened",
        "PasswordChanged",
        "PasswordRehashed",
        "PasswordResetRequested",
        "PasswordReset",
        "PasswordRejected",
        "AttemptsThrottled",
        "SecondFactorRequested",
        "CodeRejected",
        "SignedIn",
        "SignedOut",
        "SessionsEnded",
        "DeviceRemembered",
        "EnrollmentStarted",
        "EnrollmentCancelled",
        "EnrollmentCodeRejected",
        "TwoFactorEnabled",
        "TwoFactorDisabled",
        "AccountUnlocked",
        "AccountErased",
        "AccountRecovered",
    ];

    pub const fn name(&self) -> &'static str {
        match self {
            Self::AccountOpened { .. } => "AccountOpened",
            Self::PasswordChanged { .. } => "PasswordChanged",
            Self::PasswordRehashed { .. } => "PasswordRehashed",
            Self::PasswordResetRequested { .. } => "PasswordResetRequested",
            Self::PasswordReset { .. } => "PasswordReset",
            Self::PasswordRejected { .. } => "PasswordRejected",
            Self::AttemptsThrottled { .. } => "AttemptsThrottled",
            Self::SecondFactorRequested { .. } => "SecondFactorRequested",
            Self::CodeRejected { .. } => "CodeRejected",
            Self::SignedIn { .. } => "SignedIn",
            Self::SignedOut { .. } => "SignedOut",
            Self::SessionsEnded { .. } => "SessionsEnded",
            Self::DeviceRemembered { .. } => "DeviceRemembered",
            Self::EnrollmentStarted { .. } => "EnrollmentStarted",
            Self::EnrollmentCancelled { .. } => "EnrollmentCancelled",
            Self::EnrollmentCodeRejected { .. } => "EnrollmentCodeRejected",
            Self::TwoFactorEnabled { .. } => "TwoFactorEnabled",
            Self::TwoFactorDisabled { .. } => "TwoFactorDisabled",
            Self::AccountUnlocked { .. } => "AccountUnlocked",
            Self::AccountErased { .. } => "AccountErased",
            Self::AccountRecovered { .. } => "AccountRecovered",
        }
    }

    /// `None` where the event does not tell.
    pub const fn known_device(&self) -> Option<bool> {
        match self {
            Self::PasswordRejected { known_device, .. }
            | Self::AttemptsThrottled { known_device, .. }
            | Self::CodeRejected { known_device, .. }
            | Self::SignedIn { known_device, .. } => Some(*known_device),
            Self::SecondFactorRequested { device, .. } => Some(device.is_some()),
            _ => None,
        }
    }
}

impl DomainEvent for AccountEvent {
    fn event_type(&self) -> String {
        self.name().to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

#[cfg(test)]
mod tests;
