//! The rules. Each file holds one area: the decision, and beside it the tests that walk its good
//! case, each refusal, the same thing twice and the instants around each limit.

mod enrollment;
mod erasure;
mod opening;
mod recovery;
mod reset;
mod sessions;
mod sign_in;
mod support;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use crate::event::{AccountEvent, Attempts, PasswordPurpose, SessionAttempts, SessionEnd};
use crate::state::{Opened, Session};
use crate::throttle::Wait;
use crate::{Account, Command, PasswordVerdict, Policy, Refusal, SessionId};

type Decision = Result<Vec<AccountEvent>, Refusal>;

impl Account {
    /// Decides what a command does to this account: the events to append, or why nothing happens.
    pub fn decide(&self, command: Command, policy: &Policy) -> Decision {
        if let Command::OpenAccount(command) = command {
            return opening::open_account(self, command);
        }
        let account = match (&self.opened, self.erased_at, &command) {
            (Some(account), ..) => account,
            (None, Some(_), Command::EraseAccount(_)) => return Err(Refusal::AlreadyErased),
            (None, ..) => return Err(Refusal::NotOpened),
        };
        match command {
            Command::OpenAccount(_) => Err(Refusal::AlreadyOpened),
            Command::PresentPassword(command) => {
                sign_in::present_password(account, &command, policy)
            }
            Command::PresentCode(command) => sign_in::present_code(account, &command, policy),
            Command::SignOut(command) => sessions::sign_out(account, command),
            Command::EndSession(command) => sessions::end_session(account, command),
            Command::EndOtherSessions(command) => sessions::end_other_sessions(account, command),
            Command::RememberDevice(command) => Ok(sessions::remember_device(command)),
            Command::RequestReset(command) => Ok(reset::request_reset(account, command, policy)),
            Command::ResetPassword(command) => reset::reset_password(account, command),
            Command::SetPassword(command) => reset::set_password(account, &command, policy),
            Command::StartEnrollment(command) => {
                enrollment::start_enrollment(account, &command, policy)
            }
            Command::ConfirmEnrollment(command) => {
                enrollment::confirm_enrollment(account, &command, policy)
            }
            Command::CancelEnrollment(command) => enrollment::cancel_enrollment(account, command),
            Command::DisableTwoFactor(command) => {
                enrollment::disable_two_factor(account, &command, policy)
            }
            Command::AdminUnlock(command) => support::admin_unlock(account, command),
            Command::EraseAccount(command) => Ok(erasure::erase_account(command)),
            Command::RecoverAccount(command) => Ok(recovery::recover_account(account, command)),
        }
    }

    /// Whether a current password in this session would be refused unseen. Asked before it is
    /// hashed.
    pub fn current_password_refusal(
        &self,
        session: SessionId,
        now: DateTime<Utc>,
        policy: &Policy,
    ) -> Option<Wait> {
        let session = self.opened.as_ref()?.session(session, now)?;
        session.rejected.refusal(now, policy.current_password)
    }
}

fn live_session(account: &Opened, id: SessionId, now: DateTime<Utc>) -> Result<&Session, Refusal> {
    account.session(id, now).ok_or(Refusal::SessionEnded)
}

fn ended(sessions: Vec<SessionId>, cause: SessionEnd) -> Option<AccountEvent> {
    (!sessions.is_empty()).then_some(AccountEvent::SessionsEnded { sessions, cause })
}

fn throttled(attempts: Attempts, known_device: bool, wait: Wait) -> AccountEvent {
    let until = match wait {
        Wait::Until(end) => Some(end),
        Wait::Closed => None,
    };
    AccountEvent::AttemptsThrottled {
        attempts,
        known_device,
        until,
    }
}

/// A verdict about the current password, presented in a signed-in session: `Ok(None)` if it was
/// right, else the events of its rejection. The session lives on either way.
fn current_password(
    account: &Opened,
    session: &Session,
    verdict: PasswordVerdict,
    purpose: PasswordPurpose,
    at: DateTime<Utc>,
    policy: &Policy,
) -> Result<Option<Vec<AccountEvent>>, Refusal> {
    if let Some(wait) = session.rejected.refusal(at, policy.current_password) {
        return Err(Refusal::TooManyAttempts(wait));
    }
    if verdict.credential != account.password.credential {
        return Err(Refusal::StaleVerdict);
    }
    if verdict.matched {
        return Ok(None);
    }
    let window = session.rejected.counted(at, policy.current_password);
    let attempts = SessionAttempts {
        session: session.id,
        count: window.count,
        since: window.opened_at.unwrap_or(at),
    };
    let mut events = vec![AccountEvent::PasswordRejected {
        at,
        purpose,
        session: Some(attempts),
        known_device: true,
    }];
    if let Some(wait) = window.refusal(at, policy.current_password) {
        events.push(throttled(Attempts::CurrentPassword, true, wait));
    }
    Ok(Some(events))
}
