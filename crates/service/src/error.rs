//! Why a use case did not do what was asked. A closed list: `api` gives each its problem document.

use std::time::Duration;

use account::{Refusal, Wait};
use chrono::{DateTime, Utc};
use credentials::{HashingError, PasswordRejection, RandomUnavailable, SealError, Unsealable};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum Error {
    /// A wrong password; at sign-in also an unknown address or an account that is not open.
    #[error("the credentials are not right")]
    InvalidCredentials,
    #[error("the code was not accepted")]
    InvalidCode,
    #[error("the challenge is unknown, old, used or out of attempts")]
    ChallengeExpired,
    #[error("the link is unknown, old or used")]
    TokenExpired,
    #[error(transparent)]
    PasswordRejected(PasswordRejection),
    #[error("too many attempts")]
    TooManyAttempts { retry_after: Duration },
    #[error("not signed in")]
    Unauthenticated,
    #[error("not found")]
    NotFound,
    #[error("two-factor is on already")]
    TwoFactorAlreadyEnabled,
    #[error("two-factor is not on")]
    TwoFactorNotEnabled,
    #[error("no enrollment is pending")]
    NoEnrollment,
    #[error("there is nothing to unlock")]
    NothingToUnlock,
    #[error("an unlock needs a reason")]
    ReasonMissing,
    #[error("the Idempotency-Key was used for another request")]
    IdempotencyKeyReused,
    /// A sequence or instant that the account's history does not reach.
    #[error("the history does not reach that far")]
    BeyondHistory,
    /// A size or position that the log has not come to, by the name of the parameter that told it.
    #[error("the log does not reach that far")]
    BeyondLog { parameter: &'static str },
    /// The log was restored from a backup since the epoch that was asked for.
    #[error("the log is in epoch {current}")]
    OtherEpoch { current: u32 },
    #[error("an account with this address exists")]
    AddressTaken,
    #[error("the account was erased already")]
    AlreadyErased,
    /// The hashing queue is full, or the account is too busy.
    #[error("overloaded")]
    Overloaded { retry_after: Duration },
    /// The database or the random source did not answer; the cause is for the log.
    #[error("unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A fault of ours or a row that was tampered with; the cause is for the log.
    #[error("internal fault")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    pub(crate) fn waiting(wait: Wait, now: DateTime<Utc>) -> Self {
        let remaining = wait.remaining(now, chrono::Duration::hours(24));
        Self::TooManyAttempts {
            retry_after: remaining.to_std().unwrap_or_default(),
        }
    }

    pub(crate) fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// Whether rows are not what this service wrote.
    pub(crate) fn is_damage(&self) -> bool {
        let Self::Internal(cause) = self else {
            return false;
        };
        let cause = cause.downcast_ref::<store::Error>();
        cause.is_some_and(store::Error::is_damage)
    }

    /// A refusal as its caller is told. Refusals that a use case answers itself do not come here.
    pub(crate) fn from_refusal(refusal: Refusal, now: DateTime<Utc>) -> Self {
        match refusal {
            Refusal::TooManyAttempts(wait) => Self::waiting(wait, now),
            Refusal::NotOpened | Refusal::NoSuchSession => Self::NotFound,
            Refusal::SessionEnded => Self::Unauthenticated,
            Refusal::ChallengeExpired => Self::ChallengeExpired,
            Refusal::ResetExpired => Self::TokenExpired,
            Refusal::TwoFactorAlreadyEnabled => Self::TwoFactorAlreadyEnabled,
            Refusal::TwoFactorNotEnabled => Self::TwoFactorNotEnabled,
            Refusal::NoEnrollment => Self::NoEnrollment,
            Refusal::NothingToUnlock => Self::NothingToUnlock,
            Refusal::AlreadyErased => Self::AlreadyErased,
            Refusal::AlreadyOpened | Refusal::StaleVerdict => Self::internal(refusal),
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Conflict => Self::Overloaded {
                retry_after: Duration::from_secs(1),
            },
            store::Error::AddressTaken => Self::AddressTaken,
            store::Error::Unavailable(_) | store::Error::Seal(SealError::Random(_)) => {
                Self::Unavailable(error.into())
            }
            other => Self::internal(other),
        }
    }
}

impl From<HashingError> for Error {
    fn from(error: HashingError) -> Self {
        match error {
            HashingError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            HashingError::Random(error) => error.into(),
            // This server is ending.
            stopped @ HashingError::Stopped => Self::Unavailable(stopped.into()),
            other => Self::internal(other),
        }
    }
}

impl From<RandomUnavailable> for Error {
    fn from(error: RandomUnavailable) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Random(error) => error.into(),
            other @ (SealError::TooLong | SealError::Key(_)) => Self::internal(other),
        }
    }
}

impl From<Unsealable> for Error {
    fn from(error: Unsealable) -> Self {
        Self::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks: rng_failure_fails_closed (ASVS-11.5.2).
    #[test]
    fn rng_failure_fails_closed_whoever_met_it_says_unavailable() {
        for met in [
            Error::from(RandomUnavailable),
            HashingError::Random(RandomUnavailable).into(),
            SealError::Random(RandomUnavailable).into(),
            store::Error::Seal(SealError::Random(RandomUnavailable)).into(),
        ] {
            assert!(matches!(met, Error::Unavailable(_)), "{met:?}");
        }
    }
}
