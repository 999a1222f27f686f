//! The data key of an account (or of a member of staff) and what is sealed under it. Destroying
//! the wrapped key erases the person from history; every commitment, hash and proof stays valid.
//!
//! A field in an event is sealed under the data key itself. Each credential's secret has a key of
//! its own, wrapped by the data key, so that a superseded hash or seed can be destroyed alone.

use std::fmt;

use account::{CredentialId, Personal};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::aead::{self, SealError, Unsealable};
use crate::keyring::{Keyring, Purpose, Sealed};
use crate::keys::{Key, KeyId};
use crate::random::{Random, RandomUnavailable};

const SALT: usize = 32;

/// The personal fields of events. The labels are permanent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Email,
    Ip,
    UserAgent,
    RequestId,
    UnlockReason,
    UnlockTicket,
    SearchedAddress,
}

impl Field {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Ip => "ip",
            Self::UserAgent => "user-agent",
            Self::RequestId => "request-id",
            Self::UnlockReason => "unlock-reason",
            Self::UnlockTicket => "unlock-ticket",
            Self::SearchedAddress => "searched-address",
        }
    }
}

/// The secrets behind credentials. The labels are permanent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    PasswordHash,
    TotpSecret,
}

impl SecretKind {
    pub const fn label(self) -> &'static str {
        match self {
            Self::PasswordHash => "password-hash",
            Self::TotpSecret => "totp-secret",
        }
    }
}

/// A data key at rest, with the master key that opens it.
#[derive(Clone, Debug)]
pub struct WrappedKey {
    pub key_id: KeyId,
    pub bytes: Vec<u8>,
}

/// A secret at rest. Destroying `wrapped_key` destroys the secret.
#[derive(Clone, Debug)]
pub struct SealedSecret {
    pub wrapped_key: Vec<u8>,
    pub sealed: Vec<u8>,
}

/// A key that belongs to one owner. Whatever is sealed under it names the owner, too: what was
/// sealed for one opens for no other.
pub struct DataKey(Key);

impl DataKey {
    pub fn generate(random: &dyn Random) -> Result<Self, RandomUnavailable> {
        Ok(Self(Zeroizing::new(random.bytes()?)))
    }

    /// Seals the key under the current master key.
    pub fn wrap(
        &self,
        keyring: &Keyring,
        owner: Uuid,
        random: &dyn Random,
    ) -> Result<WrappedKey, SealError> {
        let context: [&[u8]; 1] = [owner.as_bytes()];
        let Sealed { key_id, bytes } =
            keyring.seal(Purpose::Wrapping, &context, self.0.as_slice(), random)?;
        Ok(WrappedKey { key_id, bytes })
    }

    pub fn unwrap(
        keyring: &Keyring,
        owner: Uuid,
        wrapped: &WrappedKey,
    ) -> Result<Self, Unsealable> {
        let sealed = Sealed {
            key_id: wrapped.key_id,
            bytes: wrapped.bytes.clone(),
        };
        key_from(&keyring.open(Purpose::Wrapping, &[owner.as_bytes()], &sealed)?).map(Self)
    }

    /// Commits to a value with SHA-256 over a new salt and the value, and seals both.
    pub fn conceal(
        &self,
        owner: Uuid,
        field: Field,
        value: &str,
        random: &dyn Random,
    ) -> Result<Personal, SealError> {
        let mut opening = Zeroizing::new(Vec::with_capacity(SALT + value.len()));
        opening.extend_from_slice(&random.bytes::<SALT>()?);
        opening.extend_from_slice(value.as_bytes());
        let commitment = Sha256::digest(&*opening).into();
        let sealed = aead::seal(&self.0, &field_context(&owner, field), &opening, random)?;
        Ok(Personal::new(commitment, sealed))
    }

    /// Opens a value and checks that it is the one that was committed to.
    pub fn reveal(
        &self,
        owner: Uuid,
        field: Field,
        personal: &Personal,
    ) -> Result<String, Unsealable> {
        Ok(self.reveal_with_salt(owner, field, personal)?.1)
    }

    /// Salt and value: whoever is shown both can check the commitment without any key.
    pub fn reveal_with_salt(
        &self,
        owner: Uuid,
        field: Field,
        personal: &Personal,
    ) -> Result<([u8; 32], String), Unsealable> {
        let opening = aead::open(&self.0, &field_context(&owner, field), personal.sealed())?;
        let commitment = Sha256::digest(&*opening);
        if !bool::from(commitment.as_slice().ct_eq(personal.commitment())) {
            return Err(Unsealable::Damaged);
        }
        let (salt, value) = opening
            .split_first_chunk::<SALT>()
            .ok_or(Unsealable::Damaged)?;
        Ok((*salt, text_from(value)?))
    }

    /// Seals a secret under a new key of its own.
    pub fn seal_secret(
        &self,
        owner: Uuid,
        credential: CredentialId,
        kind: SecretKind,
        plaintext: &[u8],
        random: &dyn Random,
    ) -> Result<SealedSecret, SealError> {
        let credential = credential.as_uuid();
        let key: Key = Zeroizing::new(random.bytes()?);
        let sealed = aead::seal(
            &key,
            &secret_context(b"secret", &owner, &credential, kind),
            plaintext,
            random,
        )?;
        let wrapped_key = aead::seal(
            &self.0,
            &secret_context(b"secret-key", &owner, &credential, kind),
            key.as_slice(),
            random,
        )?;
        Ok(SealedSecret {
            wrapped_key,
            sealed,
        })
    }

    pub fn open_secret(
        &self,
        owner: Uuid,
        credential: CredentialId,
        kind: SecretKind,
        secret: &SealedSecret,
    ) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let credential = credential.as_uuid();
        let key = key_from(&aead::open(
            &self.0,
            &secret_context(b"secret-key", &owner, &credential, kind),
            &secret.wrapped_key,
        )?)?;
        aead::open(
            &key,
            &secret_context(b"secret", &owner, &credential, kind),
            &secret.sealed,
        )
    }

    /// Seals a text that is neither a field of an event nor a credential; `label` names the
    /// column and is permanent.
    pub fn seal_text(
        &self,
        owner: Uuid,
        label: &str,
        text: &str,
        random: &dyn Random,
    ) -> Result<Vec<u8>, SealError> {
        aead::seal(
            &self.0,
            &text_context(&owner, label),
            text.as_bytes(),
            random,
        )
    }

    pub fn open_text(&self, owner: Uuid, label: &str, sealed: &[u8]) -> Result<String, Unsealable> {
        text_from(&aead::open(&self.0, &text_context(&owner, label), sealed)?)
    }
}

fn field_context(owner: &Uuid, field: Field) -> [&[u8]; 3] {
    [b"field", owner.as_bytes(), field.label().as_bytes()]
}

fn text_context<'a>(owner: &'a Uuid, label: &'a str) -> [&'a [u8]; 3] {
    [b"text", owner.as_bytes(), label.as_bytes()]
}

fn secret_context<'a>(
    purpose: &'a [u8],
    owner: &'a Uuid,
    credential: &'a Uuid,
    kind: SecretKind,
) -> [&'a [u8]; 4] {
    [
        purpose,
        owner.as_bytes(),
        credential.as_bytes(),
        kind.label().as_bytes(),
    ]
}

fn key_from(bytes: &[u8]) -> Result<Key, Unsealable> {
    bytes
        .try_into()
        .map(Zeroizing::new)
        .map_err(|_| Unsealable::Damaged)
}

fn text_from(bytes: &[u8]) -> Result<String, Unsealable> {
    str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|_| Unsealable::Damaged)
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

#[cfg(test)]
mod tests;
