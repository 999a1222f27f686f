//! Subkeys: one for each master key, purpose and use, so that no two things are ever done under
//! one key.

use std::fmt;

use account::EmailAddress;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::aead::{self, SealError, Unsealable, length_prefixed};
use crate::keys::{ByKey, Key, KeyId, MasterKeys};
use crate::random::Random;

/// What a subkey is for. The labels are permanent: another label is another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The row of an event.
    EventMac,
    /// The state row from which an account is loaded.
    StateMac,
    /// The row of a session.
    SessionMac,
    /// The row of a staff token.
    StaffMac,
    /// A token at rest.
    TokenHash,
    /// An address as a look-up key.
    AddressHash,
    /// A network address as a look-up key.
    SourceHash,
    /// The secrets of device tokens.
    Device,
    /// The secrets of staff sessions.
    StaffSession,
    /// What proves that a form was ours.
    Form,
    /// Data keys at rest.
    Wrapping,
    /// Mails that wait to be sent.
    Outbox,
    /// By which a database recognises its key file.
    Check,
    /// Checkpoints of the log.
    LogSigning,
}

impl Purpose {
    pub const ALL: [Self; 14] = [
        Self::EventMac,
        Self::StateMac,
        Self::SessionMac,
        Self::StaffMac,
        Self::TokenHash,
        Self::AddressHash,
        Self::SourceHash,
        Self::Device,
        Self::StaffSession,
        Self::Form,
        Self::Wrapping,
        Self::Outbox,
        Self::Check,
        Self::LogSigning,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Self::EventMac => "event-mac",
            Self::StateMac => "state-mac",
            Self::SessionMac => "session-mac",
            Self::StaffMac => "staff-mac",
            Self::TokenHash => "token-hash",
            Self::AddressHash => "address-hash",
            Self::SourceHash => "source-hash",
            Self::Device => "device",
            Self::StaffSession => "staff-session",
            Self::Form => "form",
            Self::Wrapping => "wrapping",
            Self::Outbox => "outbox",
            Self::Check => "check",
            Self::LogSigning => "log-signing",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("master key {0} is not in the key file")]
pub struct UnknownKey(pub KeyId);

/// Something sealed, with the master key that opens it.
#[derive(Clone, Debug)]
pub struct Sealed {
    pub key_id: KeyId,
    pub bytes: Vec<u8>,
}

/// HKDF (RFC 5869) over one master key: extracted once, expanded for each use.
struct Root(Hkdf<Sha256>);

impl Root {
    fn new(master: &Key) -> Self {
        Self(Hkdf::new(Some(b"countersign/hkdf/1"), master.as_slice()))
    }

    #[expect(clippy::expect_used, reason = "HKDF gives up to 8160 bytes")]
    fn subkey(&self, purpose: Purpose, action: &str) -> Key {
        let mut key = Zeroizing::new([0; 32]);
        self.0
            .expand_multi_info(
                &[purpose.label().as_bytes(), b"/", action.as_bytes()],
                &mut *key,
            )
            .expect("32 bytes are not too many");
        key
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> Hmac<Sha256> {
        let key = self.subkey(purpose, "mac");
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).expect("any length");
        mac.update(&Zeroizing::new(length_prefixed(parts)));
        mac
    }

    fn tag(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        self.mac(purpose, parts).finalize().into_bytes().into()
    }
}

/// Everything that is done under the master keys.
pub struct Keyring(ByKey<Root>);

impl Keyring {
    pub fn derive(keys: &MasterKeys) -> Self {
        Self(keys.0.map(Root::new))
    }

    /// The key for what is made now.
    pub fn current(&self) -> KeyId {
        self.0.current
    }

    /// All keys, oldest first.
    pub fn key_ids(&self) -> Vec<KeyId> {
        self.0.ids().collect()
    }

    /// HMAC-SHA-256 over the parts, each after its length.
    pub fn mac(
        &self,
        purpose: Purpose,
        key: KeyId,
        parts: &[&[u8]],
    ) -> Result<[u8; 32], UnknownKey> {
        Ok(self.root(key)?.tag(purpose, parts))
    }

    pub(crate) fn current_mac(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        self.0.newest.tag(purpose, parts)
    }

    /// Takes the same time whatever `tag` is; an unknown key fits nothing.
    pub fn verify_mac(&self, purpose: Purpose, key: KeyId, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.root(key)
            .is_ok_and(|root| root.mac(purpose, parts).verify_slice(tag).is_ok())
    }

    /// By which an account, a registration or a throttle is found. What is looked up stays under the
    /// oldest key: under a newer one nobody would be found any more, and an address could be taken twice.
    pub fn address_hash(&self, address: &EmailAddress) -> [u8; 32] {
        self.lookup(Purpose::AddressHash, address.canonical())
    }

    /// By which the throttle of a network is found, under the oldest key.
    pub fn source_hash(&self, source: &str) -> [u8; 32] {
        self.lookup(Purpose::SourceHash, source)
    }

    fn lookup(&self, purpose: Purpose, text: &str) -> [u8; 32] {
        self.0.oldest().tag(purpose, &[text.as_bytes()])
    }

    /// The key that look-ups are under.
    pub fn lookup_key(&self) -> KeyId {
        self.0.ids().next().unwrap_or(self.0.current)
    }

    /// What a database keeps to recognise its key file; it tells nothing about the key.
    pub fn check_value(&self, key: KeyId) -> Result<[u8; 32], UnknownKey> {
        self.mac(Purpose::Check, key, &[])
    }

    pub(crate) fn signing_seed(&self, key: KeyId) -> Result<Key, UnknownKey> {
        Ok(self.root(key)?.subkey(Purpose::LogSigning, "ed25519"))
    }

    /// Seals under the current key. Only the same purpose and context open it.
    pub fn seal(
        &self,
        purpose: Purpose,
        context: &[&[u8]],
        plaintext: &[u8],
        random: &dyn Random,
    ) -> Result<Sealed, SealError> {
        let key = self.0.newest.subkey(purpose, "seal");
        let bytes = with_purpose(purpose, context, |parts| {
            aead::seal(&key, parts, plaintext, random)
        })?;
        Ok(Sealed {
            key_id: self.current(),
            bytes,
        })
    }

    pub fn open(
        &self,
        purpose: Purpose,
        context: &[&[u8]],
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let root = self
            .root(sealed.key_id)
            .map_err(|e| Unsealable::UnknownKey(e.0))?;
        let key = root.subkey(purpose, "seal");
        with_purpose(purpose, context, |parts| {
            aead::open(&key, parts, &sealed.bytes)
        })
    }

    fn root(&self, key: KeyId) -> Result<&Root, UnknownKey> {
        self.0.get(key).ok_or(UnknownKey(key))
    }
}

fn with_purpose<T>(purpose: Purpose, context: &[&[u8]], then: impl Fn(&[&[u8]]) -> T) -> T {
    let mut parts = Vec::with_capacity(context.len() + 1);
    parts.push(purpose.label().as_bytes());
    parts.extend_from_slice(context);
    then(&parts)
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("keys", &self.key_ids())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
