//! The subkeys of one master key.

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Purpose;
use crate::aead::length;
use crate::keys::Key;

/// HKDF (RFC 5869) over one master key: extracted once, expanded for each use.
pub(super) struct Root {
    hkdf: Hkdf<Sha256>,
    /// In the order of [`Purpose::ALL`].
    mac_keys: Vec<MacKey>,
    /// What data keys are wrapped under: every request opens one.
    wrapping: Key,
}

impl Root {
    pub(super) fn new(master: &Key) -> Self {
        let hkdf = Hkdf::new(Some(b"countersign/hkdf/1"), master.as_slice());
        let mac_keys = Purpose::ALL.map(|purpose| MacKey::derive(&hkdf, purpose));
        Self {
            mac_keys: mac_keys.into(),
            wrapping: subkey(&hkdf, Purpose::Wrapping, "seal"),
            hkdf,
        }
    }

    pub(super) fn subkey(&self, purpose: Purpose, action: &str) -> Key {
        subkey(&self.hkdf, purpose, action)
    }

    pub(super) fn sealing_key(&self, purpose: Purpose) -> Key {
        match purpose {
            Purpose::Wrapping => self.wrapping.clone(),
            other => self.subkey(other, "seal"),
        }
    }

    pub(super) fn mac_key(&self, purpose: Purpose) -> MacKey {
        match self.mac_keys.get(purpose as usize) {
            Some(key) => key.clone(),
            None => MacKey::derive(&self.hkdf, purpose),
        }
    }

    pub(super) fn tag(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        let mac = self.mac_key(purpose).over(parts);
        mac.finalize().into_bytes().into()
    }
}

#[expect(clippy::expect_used, reason = "HKDF gives up to 8160 bytes")]
fn subkey(hkdf: &Hkdf<Sha256>, purpose: Purpose, action: &str) -> Key {
    let mut key = Zeroizing::new([0; 32]);
    hkdf.expand_multi_info(
        &[purpose.label().as_bytes(), b"/", action.as_bytes()],
        &mut *key,
    )
    .expect("32 bytes are not too many");
    key
}

/// The key of one purpose, ready for many MACs.
#[derive(Clone)]
pub struct MacKey(Hmac<Sha256>);

impl MacKey {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn derive(hkdf: &Hkdf<Sha256>, purpose: Purpose) -> Self {
        let key = subkey(hkdf, purpose, "mac");
        Self(Hmac::<Sha256>::new_from_slice(key.as_slice()).expect("any length"))
    }

    /// Each part after its length, as [`crate::aead::length_prefixed`] has them.
    fn over(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&length(part));
            mac.update(part);
        }
        mac
    }

    /// Takes the same time whatever `tag` is.
    pub fn fits(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.over(parts).verify_slice(tag).is_ok()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(…)")
    }
}
