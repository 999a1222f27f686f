//! What somebody asks of an account, with every fact that the decision needs: the time, new
//! identifiers, verdicts of credential checks, and what the throttles outside the aggregate say.

use chrono::{DateTime, Utc};

use crate::event::Opening;
use crate::throttle::Wait;
use crate::{
    ChallengeId, CodeVerdict, CredentialId, DeviceId, PasswordVerdict, Personal, ResetId, SessionId,
};

#[derive(Clone, Debug)]
pub enum Command {
    OpenAccount(OpenAccount),
    PresentPassword(PresentPassword),
    PresentCode(PresentCode),
    SignOut(SignOut),
    EndSession(EndSession),
    EndOtherSessions(EndOtherSessions),
    RememberDevice(RememberDevice),
    RequestReset(RequestReset),
    ResetPassword(ResetPassword),
    SetPassword(SetPassword),
    StartEnrollment(StartEnrollment),
    ConfirmEnrollment(ConfirmEnrollment),
    CancelEnrollment(CancelEnrollment),
    DisableTwoFactor(DisableTwoFactor),
    AdminUnlock(AdminUnlock),
    EraseAccount(EraseAccount),
    RecoverAccount(RecoverAccount),
}

#[derive(Clone, Debug)]
pub struct OpenAccount {
    pub at: DateTime<Utc>,
    pub email: Personal,
    pub password: CredentialId,
    pub by: Opening,
    /// The browser that verified the address; none for an operator.
    pub device: Option<DeviceId>,
}

/// The first step of a sign-in, and the whole of it while two-factor is off.
#[derive(Clone, Debug)]
pub struct PresentPassword {
    pub at: DateTime<Utc>,
    pub verdict: PasswordVerdict,
    /// The known device that presents it.
    pub device: Option<DeviceId>,
    /// The wait that begins if this attempt fails.
    pub wait: Option<Wait>,
    /// The credential under which the password was hashed anew, if its parameters were old.
    pub rehashed: Option<CredentialId>,
    /// Used if this completes the sign-in.
    pub session: NewSession,
    /// Used if a code is still needed.
    pub challenge: ChallengeId,
}

/// Identifiers for a session that may begin.
#[derive(Clone, Copy, Debug)]
pub struct NewSession {
    pub id: SessionId,
    /// What the browser will be known as, if it is not yet.
    pub device: DeviceId,
}

#[derive(Clone, Debug)]
pub struct PresentCode {
    pub at: DateTime<Utc>,
    pub challenge: ChallengeId,
    /// `None`: two-factor was not on when the code was to be checked.
    pub verdict: Option<CodeVerdict>,
    /// The device that presented the password, if it is known still.
    pub device: Option<DeviceId>,
    pub session: NewSession,
}

#[derive(Clone, Copy, Debug)]
pub struct SignOut {
    pub at: DateTime<Utc>,
    pub session: SessionId,
}

#[derive(Clone, Copy, Debug)]
pub struct EndSession {
    pub at: DateTime<Utc>,
    /// The session that asks.
    pub session: SessionId,
    pub target: SessionId,
}

#[derive(Clone, Copy, Debug)]
pub struct EndOtherSessions {
    pub at: DateTime<Utc>,
    pub session: SessionId,
}

/// By a mailed link, for an owner on a new browser while strangers guess.
#[derive(Clone, Copy, Debug)]
pub struct RememberDevice {
    pub device: DeviceId,
}

#[derive(Clone, Copy, Debug)]
pub struct RequestReset {
    pub at: DateTime<Utc>,
    pub reset: ResetId,
}

#[derive(Clone, Copy, Debug)]
pub struct ResetPassword {
    pub at: DateTime<Utc>,
    pub reset: ResetId,
    pub password: CredentialId,
    pub device: DeviceId,
}

#[derive(Clone, Debug)]
pub struct SetPassword {
    pub at: DateTime<Utc>,
    pub session: SessionId,
    pub verdict: PasswordVerdict,
    pub password: CredentialId,
}

#[derive(Clone, Debug)]
pub struct StartEnrollment {
    pub at: DateTime<Utc>,
    pub session: SessionId,
    pub verdict: PasswordVerdict,
    pub enrollment: CredentialId,
}

#[derive(Clone, Debug)]
pub struct ConfirmEnrollment {
    pub at: DateTime<Utc>,
    pub session: SessionId,
    /// `None`: no enrollment was pending when the code was to be checked.
    pub verdict: Option<CodeVerdict>,
}

#[derive(Clone, Copy, Debug)]
pub struct CancelEnrollment {
    pub at: DateTime<Utc>,
    pub session: SessionId,
}

#[derive(Clone, Debug)]
pub struct DisableTwoFactor {
    pub at: DateTime<Utc>,
    pub session: SessionId,
    pub verdict: PasswordVerdict,
}

#[derive(Clone, Debug)]
pub struct AdminUnlock {
    pub at: DateTime<Utc>,
    pub reason: Personal,
    pub ticket: Option<Personal>,
    /// Whether wrong passwords, which are counted outside the aggregate, make the owner wait.
    pub passwords_refused: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct EraseAccount {
    pub at: DateTime<Utc>,
}

/// After the database was restored from a backup.
#[derive(Clone, Copy, Debug)]
pub struct RecoverAccount {
    pub at: DateTime<Utc>,
    /// The RFC 6238 time step of now.
    pub step: u64,
}
