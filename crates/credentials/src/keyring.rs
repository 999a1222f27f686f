//! Subkeys: one for each master key, purpose and use, so that no two things are ever done under
//! one key.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use account::EmailAddress;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::aead::{self, SealError, Unsealable};
use crate::keys::{ByKey, Key, KeyId, MasterKeys};
use crate::random::Random;
use root::Root;

pub use root::MacKey;

mod root;

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

/// Where a [`Keyring`] reads its keys anew.
pub trait KeySource: Send + Sync {
    /// The keys, if they may have changed since they were last asked for. What cannot be read is
    /// the source's to report.
    fn changed(&self) -> Option<MasterKeys>;

    /// The keys that `changed` gave are not taken.
    fn refused(&self, why: KeysLost);
}

/// Keys that would take away what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeysLost {
    #[error("master key {0} is missing from the key file, or another than it was")]
    Key(KeyId),
    #[error("look-ups are under key {0}, which is no longer the oldest of the key file")]
    Oldest(KeyId),
}

/// Everything that is done under the master keys.
///
/// Keys may be added while it is in use. A new one is read with at once, and written with from
/// [`write_with_newest`](Self::write_with_newest) on: so what is made in several steps must keep
/// the key id that each step gave.
pub struct Keyring {
    keys: RwLock<Keys>,
    source: Option<Box<dyn KeySource>>,
}

#[derive(Clone)]
struct Keys {
    known: Arc<ByKey<Root>>,
    writing: KeyId,
}

impl Keyring {
    /// Of keys that never change.
    pub fn derive(keys: &MasterKeys) -> Self {
        let known = Arc::new(keys.0.map(Root::new));
        let writing = known.current;
        Self {
            keys: RwLock::new(Keys { known, writing }),
            source: None,
        }
    }

    /// Of keys that `source` can add to, at [`reload`](Self::reload) and whenever a key id is met
    /// that is not known.
    pub fn following(keys: &MasterKeys, source: Box<dyn KeySource>) -> Self {
        Self {
            source: Some(source),
            ..Self::derive(keys)
        }
    }

    /// Takes over what has changed at the source, unless a key that may have been written with
    /// would be lost.
    pub fn reload(&self) {
        let Some(source) = &self.source else { return };
        let Some(changed) = source.changed() else {
            return;
        };
        let changed = changed.0.map(Root::new);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        match keys.lost_in(&changed) {
            Some(lost) => source.refused(lost),
            None => keys.known = Arc::new(changed),
        }
    }

    /// The key that the source says is the one to write with.
    pub fn newest(&self) -> KeyId {
        self.keys().known.current
    }

    /// Writes with [`newest`](Self::newest) from now on; never with an older one again.
    pub fn write_with_newest(&self) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.writing = keys.writing.max(keys.known.current);
    }

    fn keys(&self) -> Keys {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.clone()
    }

    /// The key for what is made now.
    pub fn current(&self) -> KeyId {
        self.keys().writing
    }

    /// All keys that are or were written with, oldest first.
    pub fn key_ids(&self) -> Vec<KeyId> {
        self.keys().known.ids().collect()
    }

    /// HMAC-SHA-256 over the parts, each after its length.
    pub fn mac(
        &self,
        purpose: Purpose,
        key: KeyId,
        parts: &[&[u8]],
    ) -> Result<[u8; 32], UnknownKey> {
        self.with_root(key, |root| root.tag(purpose, parts))
    }

    /// Under the current key, which is told.
    pub(crate) fn current_mac(&self, purpose: Purpose, parts: &[&[u8]]) -> (KeyId, [u8; 32]) {
        let keys = self.keys();
        (keys.writing, keys.writing_root().tag(purpose, parts))
    }

    /// For what does not name its key: whether `tag` fits under any.
    pub(crate) fn any_mac_fits(&self, purpose: Purpose, parts: &[&[u8]], tag: &[u8]) -> bool {
        let known = self.keys().known;
        known.all().fold(false, |fits, (_, root)| {
            root.mac_key(purpose).fits(parts, tag) || fits
        })
    }

    /// Takes the same time whatever `tag` is; an unknown key fits nothing.
    pub fn verify_mac(&self, purpose: Purpose, key: KeyId, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.mac_key(purpose, key)
            .is_ok_and(|key| key.fits(parts, tag))
    }

    /// For many MACs under one key.
    pub fn mac_key(&self, purpose: Purpose, key: KeyId) -> Result<MacKey, UnknownKey> {
        self.with_root(key, |root| root.mac_key(purpose))
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
        self.keys().known.oldest().tag(purpose, &[text.as_bytes()])
    }

    /// The key that look-ups are under.
    pub fn lookup_key(&self) -> KeyId {
        self.keys().known.oldest_id()
    }

    /// What a database keeps to recognise its key file; it tells nothing about the key.
    pub fn check_value(&self, key: KeyId) -> Result<[u8; 32], UnknownKey> {
        self.mac(Purpose::Check, key, &[])
    }

    pub(crate) fn signing_seed(&self, key: KeyId) -> Result<Key, UnknownKey> {
        self.with_root(key, |root| root.subkey(Purpose::LogSigning, "ed25519"))
    }

    /// Seals under the current key. Only the same purpose and context open it.
    pub fn seal(
        &self,
        purpose: Purpose,
        context: &[&[u8]],
        plaintext: &[u8],
        random: &dyn Random,
    ) -> Result<Sealed, SealError> {
        self.seal_under(self.current(), purpose, context, plaintext, random)
    }

    /// As [`seal`](Self::seal), under the key of something else that stands in the same row.
    pub fn seal_under(
        &self,
        key_id: KeyId,
        purpose: Purpose,
        context: &[&[u8]],
        plaintext: &[u8],
        random: &dyn Random,
    ) -> Result<Sealed, SealError> {
        let key = self.with_root(key_id, |root| root.sealing_key(purpose))?;
        let bytes = with_purpose(purpose, context, |parts| {
            aead::seal(&key, parts, plaintext, random)
        })?;
        Ok(Sealed { key_id, bytes })
    }

    pub fn open(
        &self,
        purpose: Purpose,
        context: &[&[u8]],
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let key = self
            .with_root(sealed.key_id, |root| root.sealing_key(purpose))
            .map_err(|e| Unsealable::UnknownKey(e.0))?;
        with_purpose(purpose, context, |parts| {
            aead::open(&key, parts, &sealed.bytes)
        })
    }

    /// A key that is not known may have been added since.
    fn with_root<T>(&self, key: KeyId, then: impl Fn(&Root) -> T) -> Result<T, UnknownKey> {
        if let Some(root) = self.keys().known.get(key) {
            return Ok(then(root));
        }
        self.reload();
        let known = self.keys().known;
        known.get(key).map(then).ok_or(UnknownKey(key))
    }
}

impl Keys {
    fn writing_root(&self) -> &Root {
        self.known.get(self.writing).unwrap_or(&self.known.newest)
    }

    /// Keys above the one that is written with were never used, and may change.
    fn lost_in(&self, changed: &ByKey<Root>) -> Option<KeysLost> {
        let value = |root: &Root| root.tag(Purpose::Check, &[]);
        let used = self.known.all().filter(|(id, _)| *id <= self.writing);
        let lost = |(id, root): &(KeyId, &Root)| changed.get(*id).map(value) != Some(value(root));
        let mut used = used.filter(lost);
        let oldest = self.known.oldest_id();
        let lost = used.next().map(|(id, _)| KeysLost::Key(id));
        lost.or((changed.oldest_id() != oldest).then_some(KeysLost::Oldest(oldest)))
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
