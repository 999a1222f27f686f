//! One event of a bundle, as a line of JSON.

use serde::{Deserialize, Serialize};

use crate::Hash;
use crate::event::Preimage;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventLine {
    pub position: u64,
    pub stream: String,
    pub sequence: u64,
    #[serde(rename = "type")]
    pub event_type: String,
    pub version: String,
    pub recorded_at: String,
    /// The very text that was hashed.
    pub payload: String,
    /// The very text that was hashed.
    pub metadata: String,
    #[serde(with = "hex")]
    pub hash: Hash,
    /// Of inclusion, where the bundle is about one stream.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "hexes")]
    pub proof: Option<Vec<Hash>>,
    /// The personal fields that can still be read, each with what proves it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revealed: Vec<Revealed>,
}

/// A personal value: `SHA-256(salt ‖ value)` stands in the event at `pointer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revealed {
    /// An RFC 6901 pointer that begins with `/payload` or `/metadata`.
    pub pointer: String,
    #[serde(with = "hex")]
    pub salt: [u8; 32],
    pub value: String,
}

impl EventLine {
    /// The hash that the event must have after `previous`; none if the stream has no name.
    pub(super) fn hash_after(&self, previous: &Hash) -> Option<Hash> {
        let (aggregate_type, aggregate_id) = self.stream.split_once('/')?;
        let preimage = Preimage {
            aggregate_type,
            aggregate_id,
            sequence: self.sequence,
            event_type: &self.event_type,
            event_version: &self.version,
            recorded_at: &self.recorded_at,
            payload: &self.payload,
            metadata: &self.metadata,
        };
        Some(preimage.hash(previous))
    }
}

mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::Hash;

    pub(super) fn serialize<S: Serializer>(hash: &Hash, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&data_encoding::HEXLOWER.encode(hash))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        parse(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("not 32 bytes in hex"))
    }

    pub(super) fn parse(text: &str) -> Option<Hash> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok()
    }
}

mod hexes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::Hash;

    pub(super) fn serialize<S: Serializer>(
        proof: &Option<Vec<Hash>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let encode = |hashes: &Vec<Hash>| {
            let encoded = hashes
                .iter()
                .map(|hash| data_encoding::HEXLOWER.encode(hash));
            encoded.collect::<Vec<_>>()
        };
        proof.as_ref().map(encode).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Vec<Hash>>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let hashes = texts
            .iter()
            .map(|text| super::hex::parse(text))
            .collect::<Option<_>>();
        hashes
            .map(Some)
            .ok_or_else(|| D::Error::custom("a proof is a list of hashes in hex"))
    }
}
