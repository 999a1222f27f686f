//! The one sealed form: a format byte, a 96-bit random nonce, and AES-256-GCM ciphertext with its
//! tag. What a value was sealed for is authenticated with it, so that nobody can move it.
//!
//! Random nonces are safe for 2^32 values under one key (SP 800-38D, section 8.3). The busiest
//! keys are the master key's own for wrapping and for the outbox: one value for each account and
//! for each mail.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::keyring::UnknownKey;
use crate::keys::KeyId;
use crate::random::{Random, RandomUnavailable};

const FORMAT: u8 = 1;
const DOMAIN: &[u8] = b"countersign/sealed/1";
const NONCE: usize = 12;
const TAG: usize = 16;
const HEAD: usize = 1 + NONCE;

#[derive(Clone, Copy, Debug, Error)]
pub enum SealError {
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
    #[error("the value is too long to be sealed")]
    TooLong,
    #[error(transparent)]
    Key(#[from] UnknownKey),
}

/// Why a sealed value stays closed. Nothing tells a wrong key from a changed byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unsealable {
    #[error("it was sealed under master key {0}, which is not in the key file")]
    UnknownKey(KeyId),
    #[error("it was changed, or sealed for something else or under another key")]
    Damaged,
}

/// Each part after its length as 64 bits, big-endian: no two lists of parts give the same bytes.
pub(crate) fn length_prefixed(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        bytes.extend_from_slice(&length(part));
        bytes.extend_from_slice(part);
    }
    bytes
}

pub(crate) fn length(part: &[u8]) -> [u8; 8] {
    (part.len() as u64).to_be_bytes()
}

fn associated(context: &[&[u8]]) -> Vec<u8> {
    let mut parts = Vec::with_capacity(context.len() + 1);
    parts.push(DOMAIN);
    parts.extend_from_slice(context);
    length_prefixed(&parts)
}

pub(crate) fn seal(
    key: &[u8; 32],
    context: &[&[u8]],
    plaintext: &[u8],
    random: &dyn Random,
) -> Result<Vec<u8>, SealError> {
    let nonce = random.bytes::<NONCE>()?;
    let mut body = Zeroizing::new(plaintext.to_vec());
    let tag = Aes256Gcm::new(key.into())
        .encrypt_inout_detached(
            &Nonce::from(nonce),
            &associated(context),
            body.as_mut_slice().into(),
        )
        .map_err(|_| SealError::TooLong)?;
    let mut sealed = Vec::with_capacity(HEAD + body.len() + TAG);
    sealed.push(FORMAT);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&body);
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

pub(crate) fn open(
    key: &[u8; 32],
    context: &[&[u8]],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
    let (nonce, body, tag) = split(sealed).ok_or(Unsealable::Damaged)?;
    let mut body = Zeroizing::new(body.to_vec());
    Aes256Gcm::new(key.into())
        .decrypt_inout_detached(
            &Nonce::from(*nonce),
            &associated(context),
            body.as_mut_slice().into(),
            &Tag::from(*tag),
        )
        .map_err(|_| Unsealable::Damaged)?;
    Ok(body)
}

fn split(sealed: &[u8]) -> Option<(&[u8; NONCE], &[u8], &[u8; TAG])> {
    let (format, rest) = sealed.split_first()?;
    let (nonce, rest) = rest.split_first_chunk()?;
    let (body, tag) = rest.split_last_chunk()?;
    (*format == FORMAT).then_some((nonce, body, tag))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::SystemRandom;
    use crate::random::tests::NoRandom;

    const KEY: [u8; 32] = [9; 32];

    proptest! {
        #[test]
        fn what_is_sealed_opens_again(
            text in proptest::collection::vec(any::<u8>(), 0..200),
            context in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let sealed = seal(&KEY, &[&context], &text, &SystemRandom).unwrap();
            prop_assert_eq!(&*open(&KEY, &[&context], &sealed).unwrap(), &text);
        }

        #[test]
        fn parts_never_run_into_each_other(
            one in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 0..4),
            other in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 0..4),
        ) {
            let joined = |list: &[Vec<u8>]| {
                length_prefixed(&list.iter().map(Vec::as_slice).collect::<Vec<_>>())
            };
            prop_assert_eq!(one == other, joined(&one) == joined(&other));
        }
    }

    #[test]
    fn tamper_each_byte() {
        let sealed = seal(&KEY, &[b"context"], b"a secret", &SystemRandom).unwrap();
        for index in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[index] ^= 1 << bit;
                assert_eq!(
                    open(&KEY, &[b"context"], &changed).err(),
                    Some(Unsealable::Damaged),
                    "byte {index}, bit {bit}",
                );
            }
        }
        for length in 0..sealed.len() {
            assert!(
                open(&KEY, &[b"context"], &sealed[..length]).is_err(),
                "cut to {length}"
            );
        }
    }

    #[test]
    fn nonce_unique() {
        let nonces = (0..20_000)
            .map(|_| seal(&KEY, &[], b"the same", &SystemRandom).unwrap()[1..HEAD].to_vec())
            .collect::<HashSet<_>>();
        assert_eq!(nonces.len(), 20_000);
    }

    #[test]
    fn without_randomness_nothing_is_sealed() {
        assert!(matches!(
            seal(&KEY, &[], b"x", &NoRandom),
            Err(SealError::Random(_))
        ));
    }
}
