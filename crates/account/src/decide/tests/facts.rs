//! The facts that the tests are told with: one owner, small numbers as identifiers, a day that
//! begins at noon, and events and commands with their usual content.

use chrono::{DateTime, Duration, TimeZone, Utc};
use uuid::Uuid;

use crate::command::{
    AdminUnlock, CancelEnrollment, ConfirmEnrollment, DisableTwoFactor, NewSession, OpenAccount,
    PresentCode, PresentPassword, ResetPassword, SetPassword, StartEnrollment,
};
use crate::event::{
    Attempts, CodeRejection, Factor, Occasion, Opening, PasswordPurpose, SessionAttempts,
    SessionEnd,
};
use crate::{
    AccountEvent, ChallengeId, CodeVerdict, CredentialId, DeviceId, PasswordVerdict, Personal,
    ResetId, SessionId,
};

/// The shortest time that PostgreSQL keeps apart.
pub(super) const AN_INSTANT: Duration = Duration::microseconds(1);

pub(super) const PASSWORD: CredentialId = credential(1);
pub(super) const NEW_PASSWORD: CredentialId = credential(2);
pub(super) const ENROLLMENT: CredentialId = credential(3);
pub(super) const AUTHENTICATOR: CredentialId = credential(4);
pub(super) const REPLACED: CredentialId = credential(99);
/// The step that the confirming code of [`enabled`] spent.
pub(super) const CONFIRMED: u64 = 100;

pub(super) fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 2, 12, 0, 0).unwrap()
}

pub(super) fn after_seconds(seconds: i64) -> DateTime<Utc> {
    noon() + Duration::seconds(seconds)
}

pub(super) fn after_minutes(minutes: i64) -> DateTime<Utc> {
    noon() + Duration::minutes(minutes)
}

pub(super) fn after_days(days: i64) -> DateTime<Utc> {
    noon() + Duration::days(days)
}

pub(super) const fn credential(number: u128) -> CredentialId {
    CredentialId::from_uuid(Uuid::from_u128(number))
}

pub(super) const fn session(number: u128) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(number))
}

pub(super) const fn challenge(number: u128) -> ChallengeId {
    ChallengeId::from_uuid(Uuid::from_u128(number))
}

pub(super) const fn reset(number: u128) -> ResetId {
    ResetId::from_uuid(Uuid::from_u128(number))
}

pub(super) const fn device(number: u128) -> DeviceId {
    DeviceId::from_uuid(Uuid::from_u128(number))
}

pub(super) fn personal(text: &str) -> Personal {
    Personal::new([7; 32], text.as_bytes().to_vec())
}

// What happened.

pub(super) fn opened() -> AccountEvent {
    AccountEvent::AccountOpened {
        at: noon(),
        email: personal("owner@example.com"),
        password: PASSWORD,
        by: Opening::MailedLink,
    }
}

/// With the password alone, from a browser that was not known.
pub(super) fn signed_in(number: u128, at: DateTime<Utc>) -> AccountEvent {
    AccountEvent::SignedIn {
        at,
        session: session(number),
        expires_at: at + Duration::days(14),
        factors: vec![Factor::Password],
        device: device(number),
        known_device: false,
        challenge: None,
        step: None,
    }
}

pub(super) fn signed_in_with_code(
    number: u128,
    at: DateTime<Utc>,
    used: ChallengeId,
    step: u64,
) -> AccountEvent {
    AccountEvent::SignedIn {
        at,
        session: session(number),
        expires_at: at + Duration::days(14),
        factors: vec![Factor::Password, Factor::Totp],
        device: device(number),
        known_device: false,
        challenge: Some(used),
        step: Some(step),
    }
}

pub(super) fn remembered(number: u128, occasion: Occasion) -> AccountEvent {
    AccountEvent::DeviceRemembered {
        device: device(number),
        occasion,
    }
}

pub(super) fn enrolling(at: DateTime<Utc>) -> AccountEvent {
    AccountEvent::EnrollmentStarted {
        enrollment: ENROLLMENT,
        session: session(1),
        expires_at: at + Duration::minutes(15),
    }
}

pub(super) fn enabled(by: SessionId) -> AccountEvent {
    AccountEvent::TwoFactorEnabled {
        at: noon(),
        authenticator: AUTHENTICATOR,
        session: by,
        step: CONFIRMED,
    }
}

pub(super) fn challenged(number: u128, at: DateTime<Utc>) -> AccountEvent {
    AccountEvent::SecondFactorRequested {
        challenge: challenge(number),
        expires_at: at + Duration::minutes(5),
        device: None,
        dropped: Vec::new(),
    }
}

pub(super) fn code_rejected(number: u128, at: DateTime<Utc>) -> AccountEvent {
    AccountEvent::CodeRejected {
        at,
        challenge: challenge(number),
        reason: CodeRejection::Wrong,
        known_device: false,
    }
}

pub(super) fn codes_refused(until: Option<DateTime<Utc>>) -> AccountEvent {
    AccountEvent::AttemptsThrottled {
        attempts: Attempts::Code,
        known_device: false,
        until,
    }
}

pub(super) fn reset_requested(number: u128, at: DateTime<Utc>) -> AccountEvent {
    AccountEvent::PasswordResetRequested {
        reset: reset(number),
        expires_at: at + Duration::minutes(30),
        dropped: Vec::new(),
    }
}

/// The wrong current password number `count` of session 1 since noon.
pub(super) fn current_password_rejected(
    purpose: PasswordPurpose,
    count: u32,
    at: DateTime<Utc>,
) -> AccountEvent {
    AccountEvent::PasswordRejected {
        at,
        purpose,
        session: Some(SessionAttempts {
            session: session(1),
            count,
            since: noon(),
        }),
        known_device: true,
    }
}

pub(super) fn ended<const N: usize>(numbers: [u128; N], cause: SessionEnd) -> AccountEvent {
    AccountEvent::SessionsEnded {
        sessions: numbers.map(session).to_vec(),
        cause,
    }
}

/// Open, and signed in with session 1 since noon; two-factor is off.
pub(super) fn plain_account() -> Vec<AccountEvent> {
    vec![opened(), signed_in(1, noon())]
}

/// Two-factor is on since noon, by session 1, which is signed in.
pub(super) fn protected_account() -> Vec<AccountEvent> {
    vec![opened(), signed_in(1, noon()), enabled(session(1))]
}

// What is asked.

pub(super) fn open_account() -> OpenAccount {
    OpenAccount {
        at: noon(),
        email: personal("owner@example.com"),
        password: PASSWORD,
        by: Opening::MailedLink,
        device: Some(device(1)),
    }
}

pub(super) fn right() -> PasswordVerdict {
    PasswordVerdict::new(PASSWORD, true)
}

pub(super) fn wrong() -> PasswordVerdict {
    PasswordVerdict::new(PASSWORD, false)
}

/// Presented by a browser that is not known; ids 9 are new.
pub(super) fn present_password(verdict: PasswordVerdict, at: DateTime<Utc>) -> PresentPassword {
    PresentPassword {
        at,
        verdict,
        device: None,
        wait: None,
        rehashed: None,
        session: NewSession {
            id: session(9),
            device: device(9),
        },
        challenge: challenge(9),
    }
}

/// `steps` are those whose code was presented: none for a wrong one.
pub(super) fn present_code(number: u128, steps: &[u64], at: DateTime<Utc>) -> PresentCode {
    PresentCode {
        at,
        challenge: challenge(number),
        verdict: Some(CodeVerdict::new(AUTHENTICATOR, steps.to_vec())),
        device: None,
        session: NewSession {
            id: session(9),
            device: device(9),
        },
    }
}

pub(super) fn reset_password(number: u128, at: DateTime<Utc>) -> ResetPassword {
    ResetPassword {
        at,
        reset: reset(number),
        password: NEW_PASSWORD,
        device: device(9),
    }
}

/// By session 1, as are all that follow.
pub(super) fn set_password(verdict: PasswordVerdict, at: DateTime<Utc>) -> SetPassword {
    SetPassword {
        at,
        session: session(1),
        verdict,
        password: NEW_PASSWORD,
    }
}

pub(super) fn start_enrollment(verdict: PasswordVerdict, at: DateTime<Utc>) -> StartEnrollment {
    StartEnrollment {
        at,
        session: session(1),
        verdict,
        enrollment: ENROLLMENT,
    }
}

pub(super) fn confirm_enrollment(steps: &[u64], at: DateTime<Utc>) -> ConfirmEnrollment {
    ConfirmEnrollment {
        at,
        session: session(1),
        verdict: Some(CodeVerdict::new(ENROLLMENT, steps.to_vec())),
    }
}

pub(super) fn cancel_enrollment(at: DateTime<Utc>) -> CancelEnrollment {
    CancelEnrollment {
        at,
        session: session(1),
    }
}

pub(super) fn disable(verdict: PasswordVerdict, at: DateTime<Utc>) -> DisableTwoFactor {
    DisableTwoFactor {
        at,
        session: session(1),
        verdict,
    }
}

pub(super) fn unlock(at: DateTime<Utc>) -> AdminUnlock {
    AdminUnlock {
        at,
        reason: personal("lost the phone, called from the number on file"),
        ticket: None,
        passwords_refused: false,
    }
}
