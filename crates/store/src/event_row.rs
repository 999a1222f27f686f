//! The event as a row: the text that is hashed, authenticated and kept.
//!
//! Typed event and typed metadata are serialised once; the text is what is hashed
//! ([`proofs::event`]) and what is stored, so that verification reads it back and never serialises
//! again. Beside the hash stands `mac = HMAC-SHA-256( event key, key id (u32 BE), hash )`.

use chrono::{DateTime, SecondsFormat, Utc};
use cqrs_es::{Aggregate, DomainEvent};
use credentials::{KeyId, Keyring, MacKey, Purpose, UnknownKey};
use proofs::event::Preimage;
use uuid::Uuid;

use crate::Error;

pub(crate) fn mac(keyring: &Keyring, key: KeyId, hash: &[u8; 32]) -> Result<[u8; 32], UnknownKey> {
    keyring.mac(Purpose::EventMac, key, &[&key.0.to_be_bytes(), hash])
}

pub(crate) fn mac_fits(keyring: &Keyring, key: KeyId, hash: &[u8], mac: &[u8]) -> bool {
    keyring.verify_mac(Purpose::EventMac, key, &[&key.0.to_be_bytes(), hash], mac)
}

/// Checks the MACs of many events: the key of the last is kept ready, and is that of the next as a
/// rule.
pub(crate) struct EventMacs<'k> {
    keyring: &'k Keyring,
    ready: Option<(KeyId, MacKey)>,
}

impl<'k> EventMacs<'k> {
    pub(crate) const fn new(keyring: &'k Keyring) -> Self {
        Self {
            keyring,
            ready: None,
        }
    }

    /// Under an unknown key nothing fits.
    pub(crate) fn fits(&mut self, key: KeyId, hash: &[u8], mac: &[u8]) -> bool {
        if self.ready.as_ref().is_none_or(|(ready, _)| *ready != key) {
            let made = self.keyring.mac_key(Purpose::EventMac, key);
            self.ready = made.ok().map(|made| (key, made));
        }
        let (id, ready) = (key.0.to_be_bytes(), self.ready.as_ref());
        ready.is_some_and(|(_, ready)| ready.fits(&[&id, hash], mac))
    }
}

/// UTC with microseconds: its order as text is its order in time.
pub(crate) fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// An event ready to be appended.
#[derive(Debug)]
pub(crate) struct NewEvent {
    pub(crate) event_type: String,
    pub(crate) event_version: String,
    pub(crate) payload: String,
    pub(crate) hash: [u8; 32],
    pub(crate) mac: [u8; 32],
}

/// Continues a stream's chain with `events`.
pub(crate) fn chain<A: Aggregate>(
    (keyring, key): (&Keyring, KeyId),
    id: Uuid,
    (version, tip): (u64, [u8; 32]),
    events: &[A::Event],
    metadata: &str,
    recorded_at: &str,
) -> Result<(Vec<NewEvent>, [u8; 32]), Error> {
    let aggregate_id = id.to_string();
    let (mut rows, mut tip) = (Vec::with_capacity(events.len()), tip);
    for (sequence, event) in (version + 1..).zip(events) {
        let payload = serde_json::to_string(event).map_err(Error::Serialize)?;
        let (event_type, event_version) = (event.event_type(), event.event_version());
        tip = Preimage {
            aggregate_type: A::TYPE,
            aggregate_id: &aggregate_id,
            sequence,
            event_type: &event_type,
            event_version: &event_version,
            recorded_at,
            payload: &payload,
            metadata,
        }
        .hash(&tip);
        rows.push(NewEvent {
            event_type,
            event_version,
            payload,
            hash: tip,
            mac: mac(keyring, key, &tip)?,
        });
    }
    Ok((rows, tip))
}
