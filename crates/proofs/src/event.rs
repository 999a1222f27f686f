//! The bytes of an event that are hashed, and the chain of each stream. Permanent:
//!
//! ```text
//! hash = SHA-256( "countersign/event/v1\0" ‖ previous hash (32 bytes, zero for the first event)
//!                 ‖ L(stream) ‖ sequence (u64 BE) ‖ L(type) ‖ L(version) ‖ L(recorded_at)
//!                 ‖ L(payload) ‖ L(metadata) )            L(x) = length of x (u64 BE) ‖ x
//! stream = "account/<id>", "staff/<id>" or "log/<id>"; recorded_at = 2026-01-31T12:00:00.000000Z
//! ```

use sha2::{Digest, Sha256};

use crate::Hash;

const DOMAIN_TAG: &[u8] = b"countersign/event/v1\0";

/// What comes before a stream's first event.
pub const GENESIS: Hash = [0; 32];

/// The fields of an event that its hash covers, but for the previous hash.
#[derive(Clone, Copy, Debug)]
pub struct Preimage<'a> {
    /// The stream's name before the slash.
    pub aggregate_type: &'a str,
    /// The stream's name after the slash.
    pub aggregate_id: &'a str,
    pub sequence: u64,
    pub event_type: &'a str,
    pub event_version: &'a str,
    pub recorded_at: &'a str,
    /// The very text that is stored.
    pub payload: &'a str,
    /// The very text that is stored.
    pub metadata: &'a str,
}

impl Preimage<'_> {
    pub fn hash(&self, previous: &Hash) -> Hash {
        let stream = [
            self.aggregate_type.as_bytes(),
            b"/",
            self.aggregate_id.as_bytes(),
        ];
        let mut hasher = Sha256::new();
        hasher.update(DOMAIN_TAG);
        hasher.update(previous);
        hasher.update(length(stream.iter().map(|part| part.len()).sum()));
        for part in stream {
            hasher.update(part);
        }
        hasher.update(self.sequence.to_be_bytes());
        for part in [
            self.event_type,
            self.event_version,
            self.recorded_at,
            self.payload,
            self.metadata,
        ] {
            hasher.update(length(part.len()));
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

fn length(bytes: usize) -> [u8; 8] {
    (bytes as u64).to_be_bytes()
}

pub fn stream_name(aggregate_type: &str, aggregate_id: &str) -> String {
    format!("{aggregate_type}/{aggregate_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed once with Python's hashlib from the layout above: it may never change.
    #[test]
    fn the_preimage_is_permanent() {
        let hash = Preimage {
            aggregate_type: "account",
            aggregate_id: "01890000-0000-7000-8000-000000000001",
            sequence: 1,
            event_type: "SignedOut",
            event_version: "1",
            recorded_at: "2026-01-31T12:00:00.000000Z",
            payload: r#"{"SignedOut":{"session":"01890000-0000-7000-8000-000000000002"}}"#,
            metadata: r#"{"actor":{"kind":"system"}}"#,
        }
        .hash(&GENESIS);
        assert_eq!(
            data_encoding::HEXLOWER.encode(&hash),
            "0232937fc3a7229134dcf05f5a2df24f17ddbae5e732ad09b14e8906e235af6a"
        );
    }

    #[test]
    fn a_moved_boundary_between_fields_changes_the_hash() {
        let event = Preimage {
            aggregate_type: "account",
            aggregate_id: "a",
            sequence: 1,
            event_type: "AB",
            event_version: "C",
            recorded_at: "",
            payload: "",
            metadata: "",
        };
        let moved = Preimage {
            event_type: "A",
            event_version: "BC",
            ..event
        };
        assert_ne!(event.hash(&GENESIS), moved.hash(&GENESIS));
    }
}
