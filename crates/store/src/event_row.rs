//! The event as a row: the bytes that are hashed, authenticated and kept.
//!
//! Typed event and typed metadata are serialised once; the text is what is hashed and what is
//! stored, so that verification reads it back and never serialises again. Permanent:
//!
//! ```text
//! hash = SHA-256( "countersign/event/v1\0" ‖ previous hash (32 bytes, zero for the first event)
//!                 ‖ L(stream) ‖ sequence (u64 BE) ‖ L(type) ‖ L(version) ‖ L(recorded_at)
//!                 ‖ L(payload) ‖ L(metadata) )            L(x) = length of x (u64 BE) ‖ x
//! mac  = HMAC-SHA-256( event key, key id (u32 BE), hash )
//! stream = "account/<id>" or "staff/<id>"; recorded_at = 2026-01-31T12:00:00.000000Z
//! ```

use chrono::{DateTime, SecondsFormat, Utc};
use cqrs_es::{Aggregate, DomainEvent};
use credentials::{KeyId, Keyring, Purpose, UnknownKey};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Error;

const DOMAIN_TAG: &[u8] = b"countersign/event/v1\0";

/// What comes before a stream's first event.
pub(crate) const GENESIS: [u8; 32] = [0; 32];

/// The fields of an event that its hash covers, but for the previous hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Preimage<'a> {
    pub(crate) aggregate_type: &'a str,
    pub(crate) aggregate_id: &'a str,
    pub(crate) sequence: u64,
    pub(crate) event_type: &'a str,
    pub(crate) event_version: &'a str,
    pub(crate) recorded_at: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) metadata: &'a str,
}

impl Preimage<'_> {
    pub(crate) fn hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        let stream = stream_name(self.aggregate_type, self.aggregate_id);
        let mut hasher = Sha256::new();
        hasher.update(DOMAIN_TAG);
        hasher.update(previous);
        with_length(&mut hasher, stream.as_bytes());
        hasher.update(self.sequence.to_be_bytes());
        for part in [
            self.event_type,
            self.event_version,
            self.recorded_at,
            self.payload,
            self.metadata,
        ] {
            with_length(&mut hasher, part.as_bytes());
        }
        hasher.finalize().into()
    }
}

fn with_length(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update((bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}

pub(crate) fn stream_name(aggregate_type: &str, aggregate_id: &str) -> String {
    format!("{aggregate_type}/{aggregate_id}")
}

pub(crate) fn mac(keyring: &Keyring, key: KeyId, hash: &[u8; 32]) -> Result<[u8; 32], UnknownKey> {
    keyring.mac(Purpose::EventMac, key, &[&key.0.to_be_bytes(), hash])
}

pub(crate) fn mac_fits(keyring: &Keyring, key: KeyId, hash: &[u8], mac: &[u8]) -> bool {
    keyring.verify_mac(Purpose::EventMac, key, &[&key.0.to_be_bytes(), hash], mac)
}

/// UTC with microseconds: its order as text is its order in time.
pub(crate) fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Events ready to be appended, column by column.
#[derive(Debug, Default)]
pub(crate) struct NewEvents {
    pub(crate) types: Vec<String>,
    pub(crate) versions: Vec<String>,
    pub(crate) payloads: Vec<String>,
    pub(crate) metadata: Vec<String>,
    pub(crate) recorded_at: Vec<String>,
    pub(crate) hashes: Vec<Vec<u8>>,
    pub(crate) macs: Vec<Vec<u8>>,
}

/// Continues a stream's chain with `events`.
pub(crate) fn chain<A: Aggregate>(
    (keyring, key): (&Keyring, KeyId),
    id: Uuid,
    (version, tip): (u64, [u8; 32]),
    events: &[A::Event],
    metadata: &str,
    at: DateTime<Utc>,
) -> Result<(NewEvents, [u8; 32]), Error> {
    let (aggregate_id, recorded_at) = (id.to_string(), timestamp(at));
    let mut rows = NewEvents::default();
    let mut tip = tip;
    for (sequence, event) in (version + 1..).zip(events) {
        let payload = serde_json::to_string(event).map_err(Error::Serialize)?;
        let (event_type, event_version) = (event.event_type(), event.event_version());
        tip = Preimage {
            aggregate_type: A::TYPE,
            aggregate_id: &aggregate_id,
            sequence,
            event_type: &event_type,
            event_version: &event_version,
            recorded_at: &recorded_at,
            payload: &payload,
            metadata,
        }
        .hash(&tip);
        rows.types.push(event_type);
        rows.versions.push(event_version);
        rows.payloads.push(payload);
        rows.metadata.push(metadata.to_owned());
        rows.recorded_at.push(recorded_at.clone());
        rows.hashes.push(tip.to_vec());
        rows.macs.push(mac(keyring, key, &tip)?.to_vec());
    }
    Ok((rows, tip))
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
