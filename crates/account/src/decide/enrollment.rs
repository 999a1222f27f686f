//! Turning two-factor on and off.

use super::{Decision, current_password, ended, live_session, throttled};
use crate::command::{CancelEnrollment, ConfirmEnrollment, DisableTwoFactor, StartEnrollment};
use crate::event::{AccountEvent, Attempts, PasswordPurpose, SessionEnd};
use crate::state::{Opened, TwoFactor};
use crate::{Policy, Refusal};

/// Asking again voids the earlier secret. Sign-in asks for no code until one has been confirmed.
pub(super) fn start_enrollment(
    account: &Opened,
    command: &StartEnrollment,
    policy: &Policy,
) -> Decision {
    let at = command.at;
    let session = live_session(account, command.session, at)?;
    if matches!(account.two_factor, TwoFactor::Enabled { .. }) {
        return Err(Refusal::TwoFactorAlreadyEnabled);
    }
    let purpose = PasswordPurpose::StartEnrollment;
    if let Some(rejected) =
        current_password(account, session, command.verdict, purpose, at, policy)?
    {
        return Ok(rejected);
    }
    Ok(vec![AccountEvent::EnrollmentStarted {
        enrollment: command.enrollment,
        session: session.id,
        expires_at: at + policy.enrollment_lifetime,
    }])
}

/// The confirming code is spent by its confirmation, and a step that an earlier device has spent
/// is spent for the new one too. A wrong one costs another try.
pub(super) fn confirm_enrollment(
    account: &Opened,
    command: &ConfirmEnrollment,
    policy: &Policy,
) -> Decision {
    let at = command.at;
    let session = live_session(account, command.session, at)?;
    let TwoFactor::Enrolling {
        enrollment,
        rejected,
        ..
    } = account.two_factor.as_of(at)
    else {
        return Err(Refusal::NoEnrollment);
    };
    if let Some(wait) = rejected.refusal(at) {
        return Err(Refusal::TooManyAttempts(wait));
    }
    let verdict = command.verdict.as_ref().ok_or(Refusal::StaleVerdict)?;
    if verdict.authenticator != enrollment {
        return Err(Refusal::StaleVerdict);
    }
    let Some(step) = verdict.fresh_step(account.last_step) else {
        let wait = rejected.after_failure(at, &policy.enrollment_codes).wait;
        let wait = wait.map(|wait| throttled(Attempts::EnrollmentCode, true, wait));
        let rejected = AccountEvent::EnrollmentCodeRejected { at, enrollment };
        return Ok([rejected].into_iter().chain(wait).collect());
    };
    let enabled = AccountEvent::TwoFactorEnabled {
        at,
        authenticator: enrollment,
        session: session.id,
        step,
    };
    let others = account.sessions_except(Some(session.id));
    Ok([enabled]
        .into_iter()
        .chain(ended(others, SessionEnd::TwoFactorEnabled))
        .collect())
}

/// Cancelling what is not pending changes nothing and is no error.
pub(super) fn cancel_enrollment(account: &Opened, command: CancelEnrollment) -> Decision {
    live_session(account, command.session, command.at)?;
    Ok(match account.two_factor {
        TwoFactor::Enrolling { enrollment, .. } => {
            vec![AccountEvent::EnrollmentCancelled { enrollment }]
        }
        TwoFactor::Disabled | TwoFactor::Enabled { .. } => Vec::new(),
    })
}

/// The password alone, so that somebody who lost the device but is signed in can help themselves.
pub(super) fn disable_two_factor(
    account: &Opened,
    command: &DisableTwoFactor,
    policy: &Policy,
) -> Decision {
    let at = command.at;
    let session = live_session(account, command.session, at)?;
    let TwoFactor::Enabled { authenticator, .. } = account.two_factor else {
        return Err(Refusal::TwoFactorNotEnabled);
    };
    let purpose = PasswordPurpose::DisableTwoFactor;
    if let Some(rejected) =
        current_password(account, session, command.verdict, purpose, at, policy)?
    {
        return Ok(rejected);
    }
    let disabled = AccountEvent::TwoFactorDisabled {
        at,
        authenticator,
        session: session.id,
    };
    let others = account.sessions_except(Some(session.id));
    Ok([disabled]
        .into_iter()
        .chain(ended(others, SessionEnd::TwoFactorDisabled))
        .collect())
}
