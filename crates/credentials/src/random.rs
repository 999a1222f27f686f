//! Randomness as an argument, so that a test can decide it and production has one generator.

use std::fmt;

use chrono::{DateTime, Utc};
use thiserror::Error;
use uuid::Uuid;

/// A source of bytes that nobody can predict.
pub trait Random: Send + Sync + fmt::Debug {
    /// Fills all of `bytes`, or fails; it never blocks once the system has started up.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the operating system gives no random bytes")]
pub struct RandomUnavailable;

impl dyn Random + '_ {
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], RandomUnavailable> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A UUIDv7 (RFC 9562, section 5.7) of the given time, in milliseconds; a time before 1970
    /// counts as 1970.
    pub fn id(&self, at: DateTime<Utc>) -> Result<Uuid, RandomUnavailable> {
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        let random = self.bytes::<10>()?;
        Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

/// The generator of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        #[expect(clippy::disallowed_methods, reason = "this is the one real generator")]
        getrandom::fill(bytes).map_err(|_| RandomUnavailable)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{DataKey, MasterKeys, Token, TokenKind, TotpSecret};

    /// Stands for a machine whose generator is not ready.
    #[derive(Debug)]
    pub(crate) struct NoRandom;

    impl Random for NoRandom {
        fn fill(&self, _: &mut [u8]) -> Result<(), RandomUnavailable> {
            Err(RandomUnavailable)
        }
    }

    #[test]
    fn an_id_is_a_uuid_v7_that_carries_its_time() {
        let at = DateTime::from_timestamp_millis(1_795_500_000_123).unwrap();
        let random: &dyn Random = &SystemRandom;
        let id = random.id(at).unwrap();
        assert_eq!(id.get_version_num(), 7);
        let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanos), (1_795_500_000, 123_000_000));
        assert_ne!(id, random.id(at).unwrap());
    }

    /// Checks: rng_failure_fails_closed (ASVS-11.5.2).
    #[test]
    fn rng_failure_fails_closed_without_randomness_nothing_is_issued() {
        let random: &dyn Random = &NoRandom;
        assert!(random.id(DateTime::UNIX_EPOCH).is_err());
        assert!(MasterKeys::generate(random).is_err());
        assert!(DataKey::generate(random).is_err());
        assert!(TotpSecret::generate(random).is_err());
        for kind in TokenKind::ALL {
            assert!(Token::generate(kind, Uuid::nil(), Uuid::nil(), random).is_err());
        }
    }
}
