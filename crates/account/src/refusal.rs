//! Why a command changes nothing. A wrong password or code is no refusal but an event: it
//! happened, and history tells it.

use thiserror::Error;

use crate::Wait;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("the account has not been opened")]
    NotOpened,
    #[error("the account is open already")]
    AlreadyOpened,
    #[error("the account was erased")]
    AlreadyErased,
    #[error("the session has ended")]
    SessionEnded,
    #[error("the account has no such session")]
    NoSuchSession,
    #[error("the challenge is unknown, old, used or out of attempts")]
    ChallengeExpired,
    #[error("the reset link is unknown, old or used")]
    ResetExpired,
    #[error("attempts are refused for the moment")]
    TooManyAttempts(Wait),
    #[error("two-factor is on already")]
    TwoFactorAlreadyEnabled,
    #[error("two-factor is not on")]
    TwoFactorNotEnabled,
    #[error("no enrollment is pending")]
    NoEnrollment,
    #[error("there is nothing to unlock")]
    NothingToUnlock,
    /// The credential was replaced while it was being checked: check again.
    #[error("the verdict is about a credential that was replaced")]
    StaleVerdict,
}
