//! A log of two streams, and its bundles, file by file, to be damaged.

use ed25519_dalek::SigningKey;
use proofs::Hash;
use proofs::bundle::{About, Cover, EventLine, Revealed, StreamHead, Writer};
use proofs::checkpoint::{Checkpoint, Origin, VerifierKeys};
use proofs::event::{GENESIS, Preimage};
use proofs::tree::{Edge, Proof};
use sha2::{Digest, Sha256};
use signed_note::{Note, StandardSigner, new_ed25519_verifier_key};
use std::collections::HashMap;
use uuid::Uuid;

pub(crate) const ACCOUNT: &str = "account/01890000-0000-7000-8000-000000000001";
pub(crate) const STAFF: &str = "staff/01890000-0000-7000-8000-000000000002";
pub(crate) const LOG: Uuid = Uuid::from_u128(0x0189_0000_0000_7000_8000_0000_0000_00aa);

pub(crate) fn origin(epoch: u32) -> Origin {
    Origin { log: LOG, epoch }
}

/// A key of the log.
#[derive(Clone, Copy)]
pub(crate) struct Key(pub(crate) u8);

impl Key {
    fn signing(self) -> SigningKey {
        SigningKey::from_bytes(&[self.0; 32])
    }

    pub(crate) fn public_as(self, name: &str) -> String {
        new_ed25519_verifier_key(name, &self.signing().verifying_key())
    }

    pub(crate) fn public(self) -> String {
        self.public_as(&Origin::key_name(LOG))
    }

    pub(crate) fn sign_as(self, name: &str, text: &str) -> String {
        let id = self.public_as(name);
        let id = id.split('+').nth(1).unwrap();
        let secret = [&[1][..], &[self.0; 32]].concat();
        let secret = data_encoding::BASE64.encode(&secret);
        let signer = StandardSigner::new(&format!("PRIVATE+KEY+{name}+{id}+{secret}")).unwrap();
        let mut note = Note::new(text.as_bytes(), &[]).unwrap();
        note.add_sigs(&[&signer]).unwrap();
        String::from_utf8(note.to_bytes()).unwrap()
    }

    pub(crate) fn sign(self, text: &str) -> String {
        self.sign_as(&Origin::key_name(LOG), text)
    }
}

pub(crate) fn keys(keys: &[String]) -> VerifierKeys {
    VerifierKeys::parse(keys.iter().map(String::as_str)).unwrap()
}

pub(crate) fn commit(salt: [u8; 32], value: &str) -> String {
    let digest = Sha256::new().chain_update(salt).chain_update(value);
    data_encoding::HEXLOWER.encode(&digest.finalize())
}

/// Events in the order of the log, with hashes and positions and without proofs.
#[derive(Clone, Default)]
pub(crate) struct History {
    pub(crate) events: Vec<EventLine>,
}

impl History {
    /// Of nine events in two streams; some have personal fields, of which one is not shown.
    pub(crate) fn sample() -> Self {
        let mut history = Self::default();
        let address = format!(
            r#"{{"address":{{"commit":"{}","sealed":"AA"}},"n":1.5e3}}"#,
            commit([2; 32], "a@b.example")
        );
        let metadata = format!(
            r#"{{"ip":{{"commit":"{}","sealed":"AA"}},"a/b":[{{"commit":"{}","sealed":"AA"}}]}}"#,
            commit([3; 32], "192.0.2.1"),
            commit([4; 32], "\u{1}\"caf\u{e9}\"")
        );
        for n in 0..9 {
            let stream = if n % 3 == 1 { STAFF } else { ACCOUNT };
            history.append(
                stream,
                if n == 0 { &address } else { r#"{"Done":[]}"# },
                if n == 2 { &metadata } else { "{}" },
            );
        }
        let reveal = |pointer: &str, salt, value: &str| Revealed {
            pointer: pointer.to_owned(),
            salt,
            value: value.to_owned(),
        };
        history.events[0].revealed = vec![reveal("/payload/address", [2; 32], "a@b.example")];
        history.events[2].revealed =
            vec![reveal("/metadata/a~1b/0", [4; 32], "\u{1}\"caf\u{e9}\"")];
        history
    }

    pub(crate) fn append(&mut self, stream: &str, payload: &str, metadata: &str) {
        self.events.push(EventLine {
            position: self.events.len() as u64,
            stream: stream.to_owned(),
            sequence: 0,
            event_type: "Done".to_owned(),
            version: "1".to_owned(),
            recorded_at: format!("2026-01-31T12:00:{:02}.000000Z", self.events.len() % 60),
            payload: payload.to_owned(),
            metadata: metadata.to_owned(),
            hash: GENESIS,
            proof: None,
            revealed: Vec::new(),
        });
        self.chain();
    }

    /// Gives all events the positions, sequences and hashes that follow from their order.
    pub(crate) fn chain(&mut self) {
        let mut tips: HashMap<String, (u64, Hash)> = HashMap::new();
        for (position, event) in (0..).zip(&mut self.events) {
            let tip = tips.entry(event.stream.clone()).or_insert((0, GENESIS));
            event.position = position;
            event.sequence = tip.0 + 1;
            event.hash = hash(event, &tip.1);
            *tip = (event.sequence, event.hash);
        }
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let mut edge = Edge::default();
        for event in &self.events {
            edge.append(&event.hash, |_| {});
        }
        Checkpoint {
            origin: origin(1),
            size: edge.size(),
            root: edge.root(),
        }
    }

    pub(crate) fn log_bundle(&self) -> Bundle {
        Bundle {
            about: About::Log,
            checkpoint: Key(1).sign(&self.checkpoint().text()),
            keys: vec![Key(1).public()],
            head: None,
            events: self.events.clone(),
        }
    }

    pub(crate) fn stream_bundle(&self, stream: &str) -> Bundle {
        let checkpoint = self.checkpoint();
        let of_stream = self.events.iter().filter(|event| event.stream == stream);
        let events: Vec<_> = of_stream.map(|event| self.proved(event)).collect();
        let last = events.last().unwrap();
        let head = StreamHead::of(&checkpoint, stream, (last.sequence, last.hash));
        Bundle {
            about: About::Stream {
                stream: stream.to_owned(),
            },
            head: Some(Key(1).sign(&head.text())),
            events,
            ..self.log_bundle()
        }
    }

    fn proved(&self, event: &EventLine) -> EventLine {
        let mut nodes = HashMap::new();
        let mut edge = Edge::default();
        for event in &self.events {
            edge.append(&event.hash, |node| {
                nodes.insert(nodes.len() as u64, node);
            });
        }
        let (position, size) = (event.position, edge.size());
        let proof = Proof::Inclusion { position, size }.from_nodes(&nodes);
        EventLine {
            proof: Some(proof.unwrap()),
            ..event.clone()
        }
    }
}

pub(crate) fn hash(event: &EventLine, previous: &Hash) -> Hash {
    let (aggregate_type, aggregate_id) = event.stream.split_once('/').unwrap();
    Preimage {
        aggregate_type,
        aggregate_id,
        sequence: event.sequence,
        event_type: &event.event_type,
        event_version: &event.version,
        recorded_at: &event.recorded_at,
        payload: &event.payload,
        metadata: &event.metadata,
    }
    .hash(previous)
}

/// What a bundle is made of.
#[derive(Clone)]
pub(crate) struct Bundle {
    pub(crate) about: About,
    pub(crate) checkpoint: String,
    pub(crate) keys: Vec<String>,
    pub(crate) head: Option<String>,
    pub(crate) events: Vec<EventLine>,
}

impl Bundle {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let cover = Cover {
            about: self.about.clone(),
            checkpoint: self.checkpoint.clone(),
            keys: keys(&self.keys),
            head: self.head.clone(),
        };
        let mut writer = Writer::begin(Vec::new(), &cover).unwrap();
        for event in &self.events {
            writer.event(event).unwrap();
        }
        writer.finish().unwrap()
    }

    pub(crate) fn files(&self) -> Files {
        Files::of(&self.bytes())
    }
}

/// The files of a bundle, by name.
#[derive(Clone)]
pub(crate) struct Files(pub(crate) Vec<(String, Vec<u8>)>);

impl Files {
    pub(crate) fn of(bundle: &[u8]) -> Self {
        let mut archive = tar::Archive::new(bundle);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
            (entry.path().unwrap().display().to_string(), content)
        });
        Self(entries.collect())
    }

    pub(crate) fn position(&self, name: &str) -> usize {
        self.0.iter().position(|(file, _)| file == name).unwrap()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.0[self.position(name)].1.clone()).unwrap()
    }

    pub(crate) fn with(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        let at = self.position(name);
        self.0[at].1 = content.into();
        self
    }

    pub(crate) fn replacing(self, name: &str, from: &str, to: &str) -> Self {
        let text = self.text(name);
        assert!(text.contains(from), "{from:?} is not in {name}");
        self.with(name, text.replacen(from, to, 1))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in &self.0 {
            let header = header(name, content.len());
            archive.append(&header, content.as_slice()).unwrap();
        }
        archive.into_inner().unwrap()
    }
}

/// As `docs/log-format.md` fixes it.
pub(crate) fn header(name: &str, size: usize) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    let field = &mut header.as_ustar_mut().unwrap().name;
    field[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size as u64);
    header.set_cksum();
    header
}
