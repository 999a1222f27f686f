//! The state that rules read, folded from events. Applying an event assigns and never judges:
//! judgement happened before the event existed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::event::{AccountEvent, Attempts, Factor};
use crate::throttle::{Backoff, Window};
use crate::{ChallengeId, CredentialId, DeviceId, Personal, ResetId, SessionId, Wait};

/// An account; nothing before its first event, and nothing but when it was erased after its last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub opened: Option<Opened>,
    pub erased_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    pub at: DateTime<Utc>,
    pub email: Personal,
    pub password: Password,
    pub two_factor: TwoFactor,
    /// The last RFC 6238 time step that was accepted, whatever it was used for and of whichever
    /// device; it and all before it are spent.
    pub last_step: Option<u64>,
    /// Wrong codes at sign-in.
    pub codes: Backoff,
    /// Oldest first.
    pub sessions: Vec<Session>,
    /// Oldest first.
    pub challenges: Vec<Challenge>,
    /// Oldest first.
    pub resets: Vec<PendingReset>,
    pub last_signed_in_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Password {
    pub credential: CredentialId,
    pub changed_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum TwoFactor {
    Disabled,
    Enrolling {
        enrollment: CredentialId,
        /// The session that began it, to which alone its secret is shown again.
        session: SessionId,
        expires_at: DateTime<Utc>,
        rejected: Backoff,
    },
    Enabled {
        authenticator: CredentialId,
        since: DateTime<Utc>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    pub expires_at: DateTime<Utc>,
    pub factors: Vec<Factor>,
    /// Wrong current passwords.
    pub rejected: Window,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    pub id: ChallengeId,
    pub expires_at: DateTime<Utc>,
    pub device: Option<DeviceId>,
    pub rejected: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingReset {
    pub id: ResetId,
    pub expires_at: DateTime<Utc>,
}

impl TwoFactor {
    /// An enrollment that has expired is none.
    #[must_use]
    pub fn as_of(self, now: DateTime<Utc>) -> Self {
        match self {
            Self::Enrolling { expires_at, .. } if expires_at <= now => Self::Disabled,
            other => other,
        }
    }
}

impl Opened {
    pub fn session(&self, id: SessionId, now: DateTime<Utc>) -> Option<&Session> {
        self.sessions
            .iter()
            .find(|session| session.id == id && now < session.expires_at)
    }

    /// The pending enrollment that this session began, and when it expires.
    pub fn enrollment_begun_by(
        &self,
        session: SessionId,
        now: DateTime<Utc>,
    ) -> Option<(CredentialId, DateTime<Utc>)> {
        match self.two_factor.as_of(now) {
            TwoFactor::Enrolling {
                enrollment,
                session: begun_by,
                expires_at,
                ..
            } if begun_by == session => Some((enrollment, expires_at)),
            _ => None,
        }
    }

    pub fn sessions_except(&self, kept: Option<SessionId>) -> Vec<SessionId> {
        self.sessions
            .iter()
            .map(|session| session.id)
            .filter(|id| Some(*id) != kept)
            .collect()
    }

    /// What every change of a credential ends, and a recovery, sessions apart.
    fn end_everything_pending(&mut self) {
        self.challenges.clear();
        self.resets.clear();
        if matches!(self.two_factor, TwoFactor::Enrolling { .. }) {
            self.two_factor = TwoFactor::Disabled;
        }
    }

    fn end_sessions(&mut self, ended: &[SessionId]) {
        self.sessions.retain(|session| !ended.contains(&session.id));
    }
}

impl Account {
    /// Folds one event into the state. Windows and waits that an event starts are in the event
    /// itself or follow from its time, so that replay needs no policy.
    pub fn apply_event(&mut self, event: AccountEvent) {
        if let AccountEvent::AccountErased { at } = event {
            *self = Self {
                opened: None,
                erased_at: Some(at),
            };
        } else if let AccountEvent::AccountOpened {
            at,
            email,
            password,
            ..
        } = event
        {
            self.opened = Some(Opened {
                at,
                email,
                password: Password {
                    credential: password,
                    changed_at: at,
                },
                two_factor: TwoFactor::Disabled,
                last_step: None,
                codes: Backoff::default(),
                sessions: Vec::new(),
                challenges: Vec::new(),
                resets: Vec::new(),
                last_signed_in_at: None,
            });
        } else if let Some(opened) = &mut self.opened {
            opened.apply(event);
        }
    }
}

impl Opened {
    fn apply(&mut self, event: AccountEvent) {
        match event {
            AccountEvent::PasswordRejected {
                session: Some(attempts),
                ..
            } => {
                if let Some(session) = self.sessions.iter_mut().find(|s| s.id == attempts.session) {
                    session.rejected = Window {
                        count: attempts.count,
                        opened_at: Some(attempts.since),
                    };
                }
            }
            AccountEvent::AttemptsThrottled {
                attempts, until, ..
            } => {
                self.apply_wait(attempts, until.map_or(Wait::Closed, Wait::Until));
            }
            AccountEvent::PasswordResetRequested {
                reset,
                expires_at,
                dropped,
            } => {
                self.resets.retain(|pending| !dropped.contains(&pending.id));
                self.resets.push(PendingReset {
                    id: reset,
                    expires_at,
                });
            }
            AccountEvent::PasswordRehashed { password, .. } => self.password.credential = password,
            AccountEvent::PasswordChanged { at, password, .. } => {
                self.password = Password {
                    credential: password,
                    changed_at: at,
                };
                self.end_everything_pending();
            }
            AccountEvent::PasswordReset { at, password, .. } => {
                self.password = Password {
                    credential: password,
                    changed_at: at,
                };
                self.codes = self.codes.lifted();
                self.end_everything_pending();
            }
            AccountEvent::AccountUnlocked { .. } => {
                self.codes = Backoff::default();
                self.end_everything_pending();
                self.two_factor = TwoFactor::Disabled;
            }
            AccountEvent::AccountRecovered { step, .. } => {
                self.last_step = self.last_step.max(Some(step));
                self.end_everything_pending();
            }
            AccountEvent::SignedOut { session } => self.end_sessions(&[session]),
            AccountEvent::SessionsEnded { sessions, .. } => self.end_sessions(&sessions),
            AccountEvent::SecondFactorRequested { .. }
            | AccountEvent::CodeRejected { .. }
            | AccountEvent::SignedIn { .. } => self.apply_sign_in(event),
            AccountEvent::EnrollmentStarted { .. }
            | AccountEvent::EnrollmentCancelled { .. }
            | AccountEvent::EnrollmentCodeRejected { .. }
            | AccountEvent::TwoFactorEnabled { .. }
            | AccountEvent::TwoFactorDisabled { .. } => self.apply_two_factor(&event),
            AccountEvent::AccountOpened { .. }
            | AccountEvent::AccountErased { .. }
            | AccountEvent::PasswordRejected { session: None, .. }
            | AccountEvent::DeviceRemembered { .. } => {}
        }
    }

    fn apply_wait(&mut self, attempts: Attempts, wait: Wait) {
        match attempts {
            Attempts::Code => self.codes.wait = Some(wait),
            Attempts::EnrollmentCode => {
                if let TwoFactor::Enrolling { rejected, .. } = &mut self.two_factor {
                    rejected.wait = Some(wait);
                }
            }
            // Counted outside the aggregate, where addresses without an account count as well,
            // or by the session's own window.
            Attempts::Password | Attempts::CurrentPassword => {}
        }
    }

    fn apply_sign_in(&mut self, event: AccountEvent) {
        match event {
            AccountEvent::SecondFactorRequested {
                challenge,
                expires_at,
                device,
                dropped,
            } => {
                self.challenges
                    .retain(|pending| !dropped.contains(&pending.id));
                self.challenges.push(Challenge {
                    id: challenge,
                    expires_at,
                    device,
                    rejected: 0,
                });
            }
            AccountEvent::CodeRejected { challenge, .. } => {
                self.codes = counted(self.codes);
                if let Some(pending) = self.challenges.iter_mut().find(|c| c.id == challenge) {
                    pending.rejected += 1;
                }
            }
            AccountEvent::SignedIn {
                at,
                session,
                expires_at,
                factors,
                challenge,
                step,
                ..
            } => {
                if step.is_some() {
                    self.last_step = step;
                    self.codes = Backoff::default();
                }
                self.challenges
                    .retain(|pending| Some(pending.id) != challenge);
                self.sessions.push(Session {
                    id: session,
                    expires_at,
                    factors,
                    rejected: Window::default(),
                });
                self.last_signed_in_at = Some(at);
            }
            _ => {}
        }
    }

    fn apply_two_factor(&mut self, event: &AccountEvent) {
        match *event {
            AccountEvent::EnrollmentStarted {
                enrollment,
                session,
                expires_at,
            } => {
                self.two_factor = TwoFactor::Enrolling {
                    enrollment,
                    session,
                    expires_at,
                    rejected: Backoff::default(),
                };
            }
            AccountEvent::EnrollmentCodeRejected { .. } => {
                if let TwoFactor::Enrolling { rejected, .. } = &mut self.two_factor {
                    *rejected = counted(*rejected);
                }
            }
            AccountEvent::TwoFactorEnabled {
                at,
                authenticator,
                session,
                step,
            } => {
                self.end_everything_pending();
                self.codes = Backoff::default();
                self.last_step = Some(step);
                self.two_factor = TwoFactor::Enabled {
                    authenticator,
                    since: at,
                };
                if let Some(confirming) = self.sessions.iter_mut().find(|s| s.id == session) {
                    confirming.factors = vec![Factor::Password, Factor::Totp];
                }
            }
            AccountEvent::EnrollmentCancelled { .. } => self.two_factor = TwoFactor::Disabled,
            AccountEvent::TwoFactorDisabled { .. } => {
                self.end_everything_pending();
                self.codes = Backoff::default();
                self.two_factor = TwoFactor::Disabled;
            }
            _ => {}
        }
    }
}

/// One failure more; the wait that it starts, if any, is an event of its own.
const fn counted(backoff: Backoff) -> Backoff {
    Backoff {
        failures: backoff.failures.saturating_add(1),
        wait: None,
    }
}
