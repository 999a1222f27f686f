//! Personal data in events: committed to and sealed, so that it can be shown, proved and erased.

use serde::{Deserialize, Serialize};

/// A value that stands in an event as a commitment and a ciphertext.
///
/// The commitment is SHA-256 over a random salt and the value; the ciphertext holds salt and value
/// under the data key of the stream. Whoever is shown salt and value can check that they are what
/// was hashed into the chain; destroying the data key erases both, while the chain stays whole.
/// This crate only carries it: `credentials` makes and opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Personal {
    #[serde(rename = "commit", with = "hex")]
    commitment: [u8; 32],
    #[serde(with = "base64url")]
    sealed: Vec<u8>,
}

impl Personal {
    pub const fn new(commitment: [u8; 32], sealed: Vec<u8>) -> Self {
        Self { commitment, sealed }
    }

    pub const fn commitment(&self) -> &[u8; 32] {
        &self.commitment
    }

    pub fn sealed(&self) -> &[u8] {
        &self.sealed
    }
}

mod base64url {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&data_encoding::BASE64URL_NOPAD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        data_encoding::BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(D::Error::custom)
    }
}

mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&data_encoding::HEXLOWER.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(from)?;
        let bytes = data_encoding::HEXLOWER
            .decode(text.as_bytes())
            .map_err(D::Error::custom)?;
        bytes
            .try_into()
            .map_err(|_| D::Error::custom("a commitment is 32 bytes"))
    }
}
