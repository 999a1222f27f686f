//! Checkpoints: the size and the root of the log, signed. C2SP's tlog-checkpoint inside C2SP's
//! signed-note, with Ed25519.
//!
//! The origin names the log and its epoch, `countersign/<log id>/<epoch>`; the name of the signing
//! key is the origin without its epoch. A log that was restored from a backup goes on in a new
//! epoch, since its sizes may have meant other events before.

use std::collections::BTreeSet;
use std::str::FromStr;

use ed25519_dalek::VerifyingKey;
use signed_note::{Note, StandardVerifier, VerifierList, new_ed25519_verifier_key};
use uuid::Uuid;

use crate::Hash;

/// No log is larger.
const SIZE_MAX: u64 = i64::MAX as u64;

/// Which log, and which of its epochs, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    pub log: Uuid,
    pub epoch: u32,
}

impl Origin {
    /// The name of the keys that sign for this log.
    pub fn key_name(log: Uuid) -> String {
        format!("countersign/{log}")
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "countersign/{}/{}", self.log, self.epoch)
    }
}

impl FromStr for Origin {
    type Err = NotACheckpoint;

    fn from_str(text: &str) -> Result<Self, NotACheckpoint> {
        let read = || {
            let (log, epoch) = text.strip_prefix("countersign/")?.split_once('/')?;
            let origin = Self {
                log: log.parse().ok()?,
                epoch: epoch.parse().ok()?,
            };
            (origin.to_string() == text).then_some(origin)
        };
        read().ok_or(NotACheckpoint::Malformed)
    }
}

/// A log as of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: Origin,
    pub size: u64,
    pub root: Hash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotACheckpoint {
    #[error("this is no checkpoint of a log of Countersign")]
    Malformed,
    #[error("no known key has signed it")]
    UnknownKey,
    #[error("a signature of it is wrong")]
    WrongSignature,
    #[error("a key has signed it twice")]
    SignedTwice,
}

impl Checkpoint {
    /// What is signed.
    pub fn text(&self) -> String {
        let root = data_encoding::BASE64.encode(&self.root);
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    /// Reads a signed checkpoint without asking who signed it.
    pub fn read(note: &str) -> Result<Self, NotACheckpoint> {
        let note = Note::from_bytes(note.as_bytes()).map_err(|_| NotACheckpoint::Malformed)?;
        Self::of_text(note.text())
    }

    fn of_text(text: &[u8]) -> Result<Self, NotACheckpoint> {
        let read = tlog_tiles::Checkpoint::from_bytes(text);
        let read = read.map_err(|_| NotACheckpoint::Malformed)?;
        let checkpoint = Self {
            origin: read.origin().parse()?,
            size: read.size(),
            root: read.hash().0,
        };
        // Without extensions, and no number or hash written otherwise.
        if checkpoint.text().as_bytes() != text || checkpoint.size > SIZE_MAX {
            return Err(NotACheckpoint::Malformed);
        }
        Ok(checkpoint)
    }
}

/// Public keys of one log, each in C2SP's form `<name>+<key id>+<base64>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifierKeys(BTreeSet<String>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotVerifierKeys {
    #[error("{0:?} is no public key of a log")]
    Unsound(String),
    #[error("{0:?} has name and id of another key")]
    Ambiguous(String),
}

impl VerifierKeys {
    /// Checks each key's form and id. A weak key, under which one signature fits every text, is
    /// none: it would convict nobody. Of two keys with one name and id, nobody could tell which has
    /// signed.
    pub fn parse<'k>(keys: impl IntoIterator<Item = &'k str>) -> Result<Self, NotVerifierKeys> {
        let (mut known, mut called) = (BTreeSet::new(), BTreeSet::new());
        for key in keys {
            if !is_sound(key) {
                return Err(NotVerifierKeys::Unsound(key.to_owned()));
            }
            if known.insert(key.to_owned()) && !called.insert(name_and_id(key)) {
                return Err(NotVerifierKeys::Ambiguous(key.to_owned()));
            }
        }
        Ok(Self(known))
    }

    /// A line for each key.
    pub(crate) fn to_text(&self) -> String {
        self.iter().flat_map(|key| [key, "\n"]).collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Ready for any number of notes.
    pub fn verifier(&self) -> Verifier {
        let verifier = |key| StandardVerifier::new(key).ok();
        let known = self.iter().filter_map(verifier);
        Verifier(VerifierList::new(
            known.map(|key| Box::new(key) as _).collect(),
        ))
    }

    /// As [`Verifier::verify`].
    pub fn verify(&self, note: &str) -> Result<Checkpoint, NotACheckpoint> {
        self.verifier().verify(note)
    }

    pub(crate) fn verify_text(&self, note: &str, name: &str) -> Result<String, NotACheckpoint> {
        self.verifier().verify_text(note, name)
    }
}

/// Public keys of one log, taken apart.
pub struct Verifier(VerifierList);

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

impl Verifier {
    /// The checkpoint, if a known key of its log has signed it and no known key's signature is
    /// wrong.
    pub fn verify(&self, note: &str) -> Result<Checkpoint, NotACheckpoint> {
        let checkpoint = Checkpoint::read(note)?;
        self.verify_text(note, &Origin::key_name(checkpoint.origin.log))?;
        Ok(checkpoint)
    }

    /// The text of a note that a key of this name has signed.
    fn verify_text(&self, note: &str, name: &str) -> Result<String, NotACheckpoint> {
        let signatures = note.rsplit_once("\n\n");
        let signatures = signatures.map_or(0, |(_, lines)| lines.lines().count());
        let note = Note::from_bytes(note.as_bytes()).map_err(|_| NotACheckpoint::Malformed)?;
        let (signed, unknown) = note.verify(&self.0).map_err(|error| match error {
            signed_note::NoteError::InvalidSignature { .. } => NotACheckpoint::WrongSignature,
            _ => NotACheckpoint::UnknownKey,
        })?;
        // The library skips what a known key signs a second time, right or wrong.
        if signed.len() + unknown.len() != signatures {
            return Err(NotACheckpoint::SignedTwice);
        }
        if !signed.iter().any(|signature| signature.name() == name) {
            return Err(NotACheckpoint::UnknownKey);
        }
        String::from_utf8(note.text().to_vec()).map_err(|_| NotACheckpoint::Malformed)
    }
}

/// Of a sound key.
fn name_and_id(key: &str) -> String {
    // A plus may stand in base64 as well.
    let parts = key.splitn(3, '+').take(2);
    parts.collect::<Vec<_>>().join("+")
}

fn is_sound(key: &str) -> bool {
    let sound = || {
        let mut parts = key.splitn(3, '+');
        let (name, _, point) = (parts.next()?, parts.next()?, parts.next()?);
        let point = data_encoding::BASE64.decode(point.as_bytes()).ok()?;
        let point = point.get(1..)?.try_into().ok()?;
        let point = VerifyingKey::from_bytes(&point).ok()?;
        let only = new_ed25519_verifier_key(name, &point);
        // Names are printed for people, and read by others' programs: no escapes, no strange spaces.
        let is_plain = name.bytes().all(|byte| byte.is_ascii_graphic());
        Some(is_plain && StandardVerifier::new(key).is_ok() && only == key && !point.is_weak())
    };
    sound().unwrap_or(false)
}
