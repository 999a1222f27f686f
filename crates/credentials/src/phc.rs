//! A password hash as text: a PHC string, which names its algorithm, parameters and salt, so that
//! hashes of different ages stand side by side.

use std::fmt;

use argon2::password_hash::phc;
use argon2::{ARGON2ID_IDENT, Params, Version};
use data_encoding::BASE64_NOPAD;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::hashing::{Cost, HASH_BYTES, MAX_ITERATIONS, MAX_MEMORY_KIB, SALT_BYTES};

const MAX_LANES: u32 = 16;

/// The Argon2id hash of one password. It goes into the database sealed, and nowhere else.
#[derive(Clone)]
pub struct PasswordHash {
    text: Zeroizing<String>,
    pub(crate) cost: Cost,
    pub(crate) salt: Vec<u8>,
    pub(crate) tag: Zeroizing<[u8; HASH_BYTES]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the stored password hash is no Argon2id hash of a kind that is made here")]
pub struct MalformedPasswordHash;

impl PasswordHash {
    pub(crate) fn new(
        cost: Cost,
        salt: [u8; SALT_BYTES],
        tag: Zeroizing<[u8; HASH_BYTES]>,
    ) -> Self {
        let Cost {
            memory_kib,
            iterations,
            lanes,
        } = cost;
        let encoded = Zeroizing::new(BASE64_NOPAD.encode(tag.as_slice()));
        let text = Zeroizing::new(format!(
            "$argon2id$v=19$m={memory_kib},t={iterations},p={lanes}${}${}",
            BASE64_NOPAD.encode(&salt),
            *encoded,
        ));
        Self {
            text,
            cost,
            salt: salt.to_vec(),
            tag,
        }
    }

    /// Reads a PHC string: Argon2id, version 19, a salt of at least 8 bytes and a tag of 32.
    /// Parameters that would take the machine's memory or hours are refused.
    pub fn parse(text: &str) -> Result<Self, MalformedPasswordHash> {
        let hash = phc::PasswordHash::new(text).map_err(|_| MalformedPasswordHash)?;
        let params = Params::try_from(&hash).map_err(|_| MalformedPasswordHash)?;
        let (memory_kib, iterations, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
        let sound = hash.algorithm == ARGON2ID_IDENT
            && hash.version == Some(Version::V0x13.into())
            && memory_kib <= MAX_MEMORY_KIB
            && iterations <= MAX_ITERATIONS
            && lanes <= MAX_LANES
            && params.keyid().is_empty()
            && params.data().is_empty();
        let (Some(salt), Some(tag), true) = (hash.salt, hash.hash, sound) else {
            return Err(MalformedPasswordHash);
        };
        let tag = tag
            .as_bytes()
            .try_into()
            .map_err(|_| MalformedPasswordHash)?;
        Ok(Self {
            text: Zeroizing::new(text.to_owned()),
            cost: Cost {
                memory_kib,
                iterations,
                lanes,
            },
            salt: salt.to_vec(),
            tag: Zeroizing::new(tag),
        })
    }

    /// For sealing.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Cost = Cost {
        memory_kib: 19_456,
        iterations: 2,
        lanes: 1,
    };

    /// Checks: stored_phc_parses (ASVS-11.4.2, NIST-3.1.1.2-K).
    #[test]
    fn stored_phc_parses_as_algorithm_version_costs_salt_and_tag() {
        let made = PasswordHash::new(COST, [1; 16], Zeroizing::new([2; 32]));
        let parts = made.as_str().split('$').collect::<Vec<_>>();
        let costs = "m=19456,t=2,p=1";
        assert_eq!(&parts[..4], ["", "argon2id", "v=19", costs]);
        let bits = parts[4..].iter().map(|part| {
            let bytes = data_encoding::BASE64_NOPAD.decode(part.as_bytes());
            bytes.unwrap().len() * 8
        });
        assert_eq!(bits.collect::<Vec<_>>(), [128, 256]);
    }

    #[test]
    fn what_is_made_is_read_again() {
        let made = PasswordHash::new(COST, [1; 16], Zeroizing::new([2; 32]));
        let read = PasswordHash::parse(made.as_str()).unwrap();
        assert_eq!(read.as_str(), made.as_str());
        assert_eq!((read.cost, read.salt), (COST, vec![1; 16]));
        assert_eq!(*read.tag, [2; 32]);
    }

    #[test]
    fn other_hashes_are_refused() {
        let good = PasswordHash::new(COST, [1; 16], Zeroizing::new([2; 32]));
        let good = good.as_str();
        for bad in [
            String::new(),
            good.replace("argon2id", "argon2i"),
            good.replace("v=19", "v=16"),
            good.replace("$v=19", ""),
            good.replace("m=19456", "m=4"),
            good.replace("m=19456", "m=4194305"),
            good.replace("t=2", "t=65"),
            good.replace("p=1", "p=17"),
            good[..good.len() - 4].to_owned(),
            good[..good.rfind('$').unwrap()].to_owned(),
            format!("{good} "),
        ] {
            assert!(PasswordHash::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_hash() {
        let hash = PasswordHash::new(COST, [1; 16], Zeroizing::new([2; 32]));
        assert_eq!(format!("{hash:?}"), "PasswordHash(…)");
    }
}
