//! What signs the log: an Ed25519 key for each master key and log, never stored anywhere.

use std::fmt;

use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use signed_note::{Note, Signer, StandardSigner, new_ed25519_verifier_key};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::keyring::Keyring;
use crate::keys::KeyId;

/// Ed25519 in C2SP's signed-note.
const ALGORITHM: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the text cannot be signed as a note")]
pub struct Unsignable;

/// Signs with the current key and, so that whoever knows only that one can follow a rotation, with
/// the key before it.
pub struct LogSigner {
    keys: Vec<KeyId>,
    signers: Vec<StandardSigner>,
}

impl LogSigner {
    /// Of the log whose keys have this name: no spaces, no plus.
    pub fn of(keyring: &Keyring, name: &str) -> Result<Self, Unsignable> {
        let mut keys = keyring.key_ids();
        keys.reverse();
        keys.truncate(2);
        let signers = keys
            .iter()
            .map(|key| signer(&signing_key(keyring, *key)?, name));
        Ok(Self {
            signers: signers.collect::<Result<_, _>>()?,
            keys,
        })
    }

    /// The keys that sign, the current one first.
    pub fn keys(&self) -> &[KeyId] {
        &self.keys
    }

    /// The text, which ends with a new line, with its signatures.
    pub fn sign(&self, text: &str) -> Result<String, Unsignable> {
        let mut note = Note::new(text.as_bytes(), &[]).map_err(|_| Unsignable)?;
        let signers = self.signers.iter().map(|signer| signer as &dyn Signer);
        note.add_sigs(&signers.collect::<Vec<_>>())
            .map_err(|_| Unsignable)?;
        String::from_utf8(note.to_bytes()).map_err(|_| Unsignable)
    }
}

impl Keyring {
    /// The public keys of the log whose keys have this name, oldest first, in C2SP's form.
    pub fn log_verifier_keys(&self, name: &str) -> Result<Vec<String>, Unsignable> {
        let keys = self.key_ids().into_iter();
        keys.map(|key| {
            let key = signing_key(self, key)?.verifying_key();
            Ok(new_ed25519_verifier_key(name, &key))
        })
        .collect()
    }
}

fn signing_key(keyring: &Keyring, key: KeyId) -> Result<SigningKey, Unsignable> {
    let seed = keyring.signing_seed(key).map_err(|_| Unsignable)?;
    Ok(SigningKey::from_bytes(&seed))
}

fn signer(key: &SigningKey, name: &str) -> Result<StandardSigner, Unsignable> {
    let public = new_ed25519_verifier_key(name, &key.verifying_key());
    let id = public.split('+').nth(1).ok_or(Unsignable)?;
    let mut secret = Zeroizing::new(vec![ALGORITHM]);
    secret.extend_from_slice(key.as_bytes());
    let encoded = Zeroizing::new(BASE64.encode(&secret));
    let text = Zeroizing::new(format!("PRIVATE+KEY+{name}+{id}+{}", *encoded));
    StandardSigner::new(&text).map_err(|_| Unsignable)
}

impl fmt::Debug for LogSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogSigner")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::MasterKeys;
    use signed_note::{StandardVerifier, VerifierList};

    const NAME: &str = "countersign/01890000-0000-7000-8000-000000000001";

    fn ring(lines: &[u8]) -> Keyring {
        let text = lines.iter().map(|id| {
            let key = data_encoding::BASE64URL_NOPAD.encode(&[*id; 32]);
            format!("{id} {key}\n")
        });
        Keyring::derive(&MasterKeys::parse(&text.collect::<String>()).unwrap())
    }

    fn known_by(ring: &Keyring) -> VerifierList {
        let keys = ring.log_verifier_keys(NAME).unwrap();
        let verifier = |key: &String| Box::new(StandardVerifier::new(key).unwrap()) as _;
        VerifierList::new(keys.iter().map(verifier).collect())
    }

    #[test]
    fn a_note_is_verified_by_the_keys_of_its_ring_and_no_others() {
        let note = LogSigner::of(&ring(&[1]), NAME)
            .unwrap()
            .sign("text\n")
            .unwrap();
        let note = Note::from_bytes(note.as_bytes()).unwrap();
        assert_eq!(note.text(), b"text\n");
        assert!(note.verify(&known_by(&ring(&[1]))).is_ok());
        assert!(note.verify(&known_by(&ring(&[2]))).is_err());
    }

    #[test]
    fn whoever_knows_only_the_last_key_can_follow_its_rotation() {
        let note = LogSigner::of(&ring(&[1, 2, 3]), NAME)
            .unwrap()
            .sign("text\n")
            .unwrap();
        let note = Note::from_bytes(note.as_bytes()).unwrap();
        assert!(note.verify(&known_by(&ring(&[3]))).is_ok());
        assert!(note.verify(&known_by(&ring(&[2]))).is_ok());
        assert!(note.verify(&known_by(&ring(&[1]))).is_err());
    }

    #[test]
    fn logs_of_the_same_master_key_have_keys_of_their_own_names() {
        let note = LogSigner::of(&ring(&[1]), "countersign/another").unwrap();
        let note = Note::from_bytes(note.sign("text\n").unwrap().as_bytes()).unwrap();
        assert!(note.verify(&known_by(&ring(&[1]))).is_err());
    }

    #[test]
    fn what_is_no_text_of_a_note_is_not_signed() {
        let signer = LogSigner::of(&ring(&[1]), NAME).unwrap();
        assert_eq!(signer.sign("no new line"), Err(Unsignable));
        assert!(LogSigner::of(&ring(&[1]), "a name").is_err());
    }
}
