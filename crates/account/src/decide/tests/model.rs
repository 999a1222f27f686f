//! A second, plainer account of the same history, against which decisions are checked: it knows
//! only what was announced in events and shares no code with the state.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::event::{Attempts, Factor};
use crate::{AccountEvent, ChallengeId, Command, CredentialId, Policy, ResetId, SessionId, Wait};

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) authenticator: Option<CredentialId>,
    enrollment: Option<(CredentialId, DateTime<Utc>)>,
    /// The last step that was accepted, of whatever authenticator.
    spent: Option<u64>,
    pub(super) sessions: BTreeMap<SessionId, Proved>,
    challenges: BTreeMap<ChallengeId, (DateTime<Utc>, u32)>,
    resets: BTreeMap<ResetId, DateTime<Utc>>,
    codes_refused: Option<Wait>,
    /// What an event has ended.
    gone: BTreeSet<uuid::Uuid>,
}

#[derive(Debug)]
pub(super) struct Proved {
    expires_at: DateTime<Utc>,
    pub(super) code: bool,
}

impl Model {
    /// What is wrong with this event, coming after all that were noted.
    pub(super) fn objection(
        &self,
        event: &AccountEvent,
        now: DateTime<Utc>,
        policy: &Policy,
    ) -> Option<&'static str> {
        match event {
            AccountEvent::SignedIn {
                factors,
                challenge,
                step,
                ..
            } => self.objection_to_sign_in(factors, *challenge, *step, now, policy),
            AccountEvent::CodeRejected { challenge, .. } => self
                .codes_are_refused(now)
                .then_some("a code was compared during a wait")
                .or_else(|| self.objection_to_challenge(*challenge, now, policy)),
            AccountEvent::TwoFactorEnabled {
                authenticator,
                session,
                step,
                ..
            } => match self.enrollment {
                _ if self.is_spent(*step) => Some("a step was accepted twice"),
                _ if !self.is_signed_in(*session, now) => Some("enabled by nobody"),
                Some((pending, end)) if pending == *authenticator && now < end => None,
                _ => Some("enabled without a pending enrollment"),
            },
            AccountEvent::PasswordReset { reset, .. } => {
                let live = self.resets.get(reset).is_some_and(|end| now < *end);
                (!live).then_some("reset by a link that is no longer good")
            }
            AccountEvent::PasswordChanged { session, .. }
            | AccountEvent::TwoFactorDisabled { session, .. }
            | AccountEvent::EnrollmentStarted { session, .. }
            | AccountEvent::SignedOut { session } => {
                (!self.is_signed_in(*session, now)).then_some("done by a session that is over")
            }
            _ => None,
        }
    }

    fn objection_to_sign_in(
        &self,
        factors: &[Factor],
        challenge: Option<ChallengeId>,
        step: Option<u64>,
        now: DateTime<Utc>,
        policy: &Policy,
    ) -> Option<&'static str> {
        if self.authenticator.is_none() {
            let plain = factors == [Factor::Password] && step.is_none() && challenge.is_none();
            return (!plain).then_some("a factor was claimed that the account does not have");
        }
        let (Some(challenge), Some(step)) = (challenge, step) else {
            return Some("signed in without a code");
        };
        if factors != [Factor::Password, Factor::Totp] {
            return Some("a code was given and is not told");
        }
        if self.codes_are_refused(now) {
            return Some("a code was accepted during a wait");
        }
        if self.is_spent(step) {
            return Some("a step was accepted twice");
        }
        self.objection_to_challenge(challenge, now, policy)
    }

    fn objection_to_challenge(
        &self,
        challenge: ChallengeId,
        now: DateTime<Utc>,
        policy: &Policy,
    ) -> Option<&'static str> {
        match self.challenges.get(&challenge) {
            None => Some("a challenge was used that is not pending"),
            Some((end, _)) if *end <= now => Some("a challenge was used that is old"),
            Some((_, wrong)) if *wrong >= policy.attempts_per_challenge => {
                Some("a challenge was used that is out of attempts")
            }
            Some(_) => None,
        }
    }

    fn is_spent(&self, step: u64) -> bool {
        self.spent.is_some_and(|last| step <= last)
    }

    fn codes_are_refused(&self, now: DateTime<Utc>) -> bool {
        self.codes_refused.is_some_and(|wait| match wait {
            Wait::Until(end) => now < end,
            Wait::Closed => true,
        })
    }

    pub(super) fn is_signed_in(&self, session: SessionId, now: DateTime<Utc>) -> bool {
        self.sessions
            .get(&session)
            .is_some_and(|session| now < session.expires_at)
    }

    /// Whether the command rests on something that an event has ended.
    pub(super) fn rests_on_what_is_gone(&self, command: &Command) -> bool {
        let id = match command {
            Command::PresentCode(command) => command.challenge.as_uuid(),
            Command::ResetPassword(command) => command.reset.as_uuid(),
            other => match asking_session(other) {
                Some(session) => session.as_uuid(),
                None => return false,
            },
        };
        self.gone.contains(&id)
    }

    pub(super) fn note(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::SignedIn {
                session,
                expires_at,
                challenge,
                step,
                ..
            } => {
                let proved = Proved {
                    expires_at: *expires_at,
                    code: step.is_some(),
                };
                self.sessions.insert(*session, proved);
                if let Some(challenge) = challenge {
                    self.challenges.remove(challenge);
                    self.gone.insert(challenge.as_uuid());
                }
                self.spent = self.spent.max(*step);
            }
            AccountEvent::SignedOut { session } => self.end(&[*session]),
            AccountEvent::SessionsEnded { sessions, .. } => self.end(sessions),
            AccountEvent::SecondFactorRequested {
                challenge,
                expires_at,
                dropped,
                ..
            } => {
                self.challenges.insert(*challenge, (*expires_at, 0));
                for old in dropped {
                    self.challenges.remove(old);
                    self.gone.insert(old.as_uuid());
                }
            }
            AccountEvent::CodeRejected { challenge, .. } => {
                self.challenges.entry(*challenge).and_modify(|c| c.1 += 1);
            }
            AccountEvent::PasswordResetRequested {
                reset,
                expires_at,
                dropped,
            } => {
                self.resets.insert(*reset, *expires_at);
                for old in dropped {
                    self.resets.remove(old);
                    self.gone.insert(old.as_uuid());
                }
            }
            AccountEvent::AttemptsThrottled {
                attempts: Attempts::Code,
                until,
                ..
            } => self.codes_refused = Some(until.map_or(Wait::Closed, Wait::Until)),
            AccountEvent::EnrollmentStarted {
                enrollment,
                expires_at,
                ..
            } => self.enrollment = Some((*enrollment, *expires_at)),
            AccountEvent::EnrollmentCancelled { .. } => self.enrollment = None,
            _ => self.note_change_of_credential(event),
        }
    }

    fn note_change_of_credential(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::PasswordChanged { .. } => {}
            AccountEvent::PasswordReset { .. } => self.codes_refused = None,
            AccountEvent::TwoFactorEnabled {
                authenticator,
                session,
                step,
                ..
            } => {
                self.codes_refused = None;
                self.authenticator = Some(*authenticator);
                self.spent = self.spent.max(Some(*step));
                self.sessions.entry(*session).and_modify(|s| s.code = true);
            }
            AccountEvent::AccountRecovered { step, .. } => self.spent = self.spent.max(Some(*step)),
            AccountEvent::TwoFactorDisabled { .. } | AccountEvent::AccountUnlocked { .. } => {
                self.codes_refused = None;
                self.authenticator = None;
            }
            _ => return,
        }
        self.enrollment = None;
        let challenges = std::mem::take(&mut self.challenges).into_keys();
        let resets = std::mem::take(&mut self.resets).into_keys();
        self.gone.extend(challenges.map(ChallengeId::as_uuid));
        self.gone.extend(resets.map(ResetId::as_uuid));
    }

    fn end(&mut self, sessions: &[SessionId]) {
        for session in sessions {
            self.sessions.remove(session);
            self.gone.insert(session.as_uuid());
        }
    }
}

/// The session in which an owner asks; none for visitors and staff.
pub(super) fn asking_session(command: &Command) -> Option<SessionId> {
    match command {
        Command::SignOut(command) => Some(command.session),
        Command::EndSession(command) => Some(command.session),
        Command::EndOtherSessions(command) => Some(command.session),
        Command::SetPassword(command) => Some(command.session),
        Command::StartEnrollment(command) => Some(command.session),
        Command::ConfirmEnrollment(command) => Some(command.session),
        Command::CancelEnrollment(command) => Some(command.session),
        Command::DisableTwoFactor(command) => Some(command.session),
        Command::OpenAccount(_)
        | Command::PresentPassword(_)
        | Command::PresentCode(_)
        | Command::RememberDevice(_)
        | Command::RequestReset(_)
        | Command::ResetPassword(_)
        | Command::AdminUnlock(_)
        | Command::EraseAccount(_)
        | Command::RecoverAccount(_) => None,
    }
}
