//! Signing in: the password, then the code.

use chrono::{DateTime, Utc};

use super::{Decision, ended, throttled};
use crate::command::{NewSession, PresentCode, PresentPassword};
use crate::event::{
    AccountEvent, Attempts, CodeRejection, Factor, Occasion, PasswordPurpose, SessionEnd,
};
use crate::state::{Challenge, Opened, TwoFactor};
use crate::{ChallengeId, DeviceId, Policy, Refusal};

/// Right with two-factor off: a session. Right with two-factor on: a challenge and nothing more.
pub(super) fn present_password(
    account: &Opened,
    command: &PresentPassword,
    policy: &Policy,
) -> Decision {
    let PresentPassword {
        at,
        verdict,
        device,
        wait,
        rehashed,
        session,
        challenge,
    } = *command;
    if verdict.credential != account.password.credential {
        return Err(Refusal::StaleVerdict);
    }
    if !verdict.matched {
        let rejected = AccountEvent::PasswordRejected {
            at,
            purpose: PasswordPurpose::SignIn,
            session: None,
            known_device: device.is_some(),
        };
        let wait = wait.map(|wait| throttled(Attempts::Password, device.is_some(), wait));
        return Ok([rejected].into_iter().chain(wait).collect());
    }
    let mut events = Vec::new();
    if let Some(password) = rehashed {
        let replaced = account.password.credential;
        events.push(AccountEvent::PasswordRehashed { password, replaced });
    }
    if matches!(account.two_factor, TwoFactor::Enabled { .. }) {
        events.push(AccountEvent::SecondFactorRequested {
            challenge,
            expires_at: at + policy.challenge_lifetime,
            device,
            dropped: challenges_that_make_room(account, at, policy),
        });
    } else {
        let proof = Proof {
            factors: vec![Factor::Password],
            challenge: None,
            step: None,
            device,
        };
        events.extend(signed_in(account, at, session, proof, policy));
    }
    Ok(events)
}

/// Each time step is accepted once, whatever it was used for; the spent step is part of the event
/// that it allowed.
pub(super) fn present_code(account: &Opened, command: &PresentCode, policy: &Policy) -> Decision {
    let at = command.at;
    let challenge = account
        .challenges
        .iter()
        .find(|pending| pending.id == command.challenge)
        .filter(|pending| {
            at < pending.expires_at && pending.rejected < policy.attempts_per_challenge
        })
        .ok_or(Refusal::ChallengeExpired)?;
    let TwoFactor::Enabled { authenticator, .. } = account.two_factor else {
        return Err(Refusal::ChallengeExpired);
    };
    if let Some(wait) = account.codes.refusal(at) {
        return Err(Refusal::TooManyAttempts(wait));
    }
    let verdict = command.verdict.as_ref().ok_or(Refusal::StaleVerdict)?;
    if verdict.authenticator != authenticator {
        return Err(Refusal::StaleVerdict);
    }
    let Some(step) = verdict.fresh_step(account.last_step) else {
        let reason = if verdict.steps.is_empty() {
            CodeRejection::Wrong
        } else {
            CodeRejection::Spent
        };
        return Ok(code_rejected(account, challenge, reason, at, policy));
    };
    let proof = Proof {
        factors: vec![Factor::Password, Factor::Totp],
        challenge: Some(challenge.id),
        step: Some(step),
        device: challenge
            .device
            .filter(|device| command.device == Some(*device)),
    };
    Ok(signed_in(account, at, command.session, proof, policy))
}

fn code_rejected(
    account: &Opened,
    challenge: &Challenge,
    reason: CodeRejection,
    at: DateTime<Utc>,
    policy: &Policy,
) -> Vec<AccountEvent> {
    let known_device = challenge.device.is_some();
    let rejected = AccountEvent::CodeRejected {
        at,
        challenge: challenge.id,
        reason,
        known_device,
    };
    let wait = account.codes.after_failure(at, &policy.codes).wait;
    let wait = wait.map(|wait| throttled(Attempts::Code, known_device, wait));
    [rejected].into_iter().chain(wait).collect()
}

/// What a completed sign-in rests on.
struct Proof {
    factors: Vec<Factor>,
    challenge: Option<ChallengeId>,
    step: Option<u64>,
    device: Option<DeviceId>,
}

fn signed_in(
    account: &Opened,
    at: DateTime<Utc>,
    session: NewSession,
    proof: Proof,
    policy: &Policy,
) -> Vec<AccountEvent> {
    let (expired, live): (Vec<_>, Vec<_>) = account
        .sessions
        .iter()
        .partition(|session| session.expires_at <= at);
    let over_limit = (live.len() + 1).saturating_sub(policy.sessions_per_account);
    let make_room = live
        .iter()
        .take(over_limit)
        .map(|session| session.id)
        .collect();
    let expired = expired.iter().map(|session| session.id).collect();

    let mut events = Vec::new();
    events.extend(ended(expired, SessionEnd::Expired));
    events.extend(ended(make_room, SessionEnd::SessionLimit));
    if proof.device.is_none() {
        let occasion = Occasion::SignIn;
        events.push(AccountEvent::DeviceRemembered {
            device: session.device,
            occasion,
        });
    }
    events.push(AccountEvent::SignedIn {
        at,
        session: session.id,
        expires_at: at + policy.session_lifetime,
        factors: proof.factors,
        device: proof.device.unwrap_or(session.device),
        known_device: proof.device.is_some(),
        challenge: proof.challenge,
        step: proof.step,
    });
    events
}

fn challenges_that_make_room(
    account: &Opened,
    at: DateTime<Utc>,
    policy: &Policy,
) -> Vec<ChallengeId> {
    let live = account
        .challenges
        .iter()
        .filter(|pending| at < pending.expires_at)
        .count();
    let mut surplus = (live + 1).saturating_sub(policy.challenges_per_account);
    account
        .challenges
        .iter()
        .filter(|pending| {
            let expired = pending.expires_at <= at;
            let surplus_now = !expired && surplus > 0;
            surplus -= usize::from(surplus_now);
            expired || surplus_now
        })
        .map(|pending| pending.id)
        .collect()
}
