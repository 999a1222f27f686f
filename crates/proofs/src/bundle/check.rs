//! The events of a bundle checked one by one, in memory no more than the tips of their streams.

use std::collections::HashMap;

use super::{About, BundleError, Cover, EventLine, StreamHead};
use crate::Hash;
use crate::checkpoint::{Checkpoint, Origin, VerifierKeys};
use crate::event::{GENESIS, is_stream_name};
use crate::tree::{Edge, verify_inclusion};

/// What a bundle was found to prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleReport {
    pub about: About,
    pub checkpoint: Checkpoint,
    pub events: u64,
    pub streams: u64,
    /// Personal fields that are shown, each the one that was hashed.
    pub revealed: u64,
    /// Personal fields that are not shown.
    pub concealed: u64,
    /// The keys that the checkpoint was checked against.
    pub keys: Vec<String>,
    /// Whether these were the verifier's own; else they are the bundle's word.
    pub own_keys: bool,
}

/// The first event that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{stream}, sequence {sequence}, position {position}: {what}")]
pub struct Fault {
    pub stream: String,
    pub sequence: u64,
    pub position: u64,
    pub what: String,
}

pub(super) struct Checking {
    cover: Cover,
    keys: VerifierKeys,
    own_keys: bool,
    checkpoint: Checkpoint,
    tips: HashMap<String, (u64, Hash)>,
    /// Of the events that the bundle holds, where it is about the whole log.
    edge: Edge,
    /// The least that the next event's position can be.
    next: u64,
    events: u64,
    revealed: u64,
    concealed: u64,
}

impl Checking {
    pub(super) fn begin(cover: Cover, own: Option<&VerifierKeys>) -> Result<Self, BundleError> {
        let keys = own.unwrap_or(&cover.keys).clone();
        let checkpoint = keys
            .verify(&cover.checkpoint)
            .map_err(BundleError::Checkpoint)?;
        Ok(Self {
            cover,
            keys,
            own_keys: own.is_some(),
            checkpoint,
            tips: HashMap::new(),
            edge: Edge::default(),
            next: 0,
            events: 0,
            revealed: 0,
            concealed: 0,
        })
    }

    /// How many events have been checked with this one.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<u64, BundleError> {
        let event: EventLine = serde_json::from_slice(line).map_err(|error| {
            BundleError::NotABundle(format!("event {}: {error}", self.events + 1))
        })?;
        self.event(&event, line).map_err(|what| Fault {
            stream: event.stream,
            sequence: event.sequence,
            position: event.position,
            what,
        })?;
        Ok(self.events)
    }

    fn event(&mut self, event: &EventLine, line: &[u8]) -> Result<(), String> {
        if !event.to_bytes().is_ok_and(|only| only == line) {
            return Err("its line is not in its one form".to_owned());
        }
        self.chain(event)?;
        self.place(event)?;
        let (revealed, concealed) = event.check_personal()?;
        self.next = event.position + 1;
        self.events += 1;
        self.revealed += revealed;
        self.concealed += concealed;
        Ok(())
    }

    /// Checks that the event continues its stream.
    fn chain(&mut self, event: &EventLine) -> Result<(), String> {
        if !is_stream_name(&event.stream) {
            return Err("this is no name of a stream".to_owned());
        }
        if matches!(&self.cover.about, About::Stream { stream } if *stream != event.stream) {
            return Err("it is of another stream".to_owned());
        }
        let tip = self.tips.get(&event.stream).copied();
        let (last, previous) = tip.unwrap_or((0, GENESIS));
        if event.sequence != last + 1 {
            return Err(format!("it follows sequence {last}"));
        }
        if event.hash_after(&previous) != Some(event.hash) {
            return Err("its hash does not fit".to_owned());
        }
        let tip = (event.sequence, event.hash);
        self.tips.insert(event.stream.clone(), tip);
        Ok(())
    }

    /// Checks that the event stands in the log where it says.
    fn place(&mut self, event: &EventLine) -> Result<(), String> {
        let Checkpoint { size, root, .. } = &self.checkpoint;
        let wrong = match (&self.cover.about, &event.proof) {
            (_, _) if event.position >= *size => "it lies beyond the checkpoint",
            (About::Log, Some(_)) => "it has a proof of its own",
            (About::Log, None) if event.position != self.next => {
                "it does not follow the position before it"
            }
            (About::Log, None) => {
                self.edge.append(&event.hash, |_| {});
                return Ok(());
            }
            (About::Stream { .. }, None) => "it has no proof",
            (About::Stream { .. }, Some(_)) if event.position < self.next => {
                "its position is not after that of the event before it"
            }
            (About::Stream { .. }, Some(proof)) => {
                let proved = verify_inclusion(proof, &event.hash, event.position, *size, root);
                return proved
                    .map_err(|_| "its proof does not lead to the checkpoint's root".to_owned());
            }
        };
        Err(wrong.to_owned())
    }

    pub(super) fn finish(self) -> Result<BundleReport, BundleError> {
        match &self.cover.about {
            About::Stream { stream } => self.check_head(stream).map_err(BundleError::Head)?,
            About::Log => self.check_root()?,
        }
        Ok(BundleReport {
            about: self.cover.about,
            checkpoint: self.checkpoint,
            events: self.events,
            streams: self.tips.len() as u64,
            revealed: self.revealed,
            concealed: self.concealed,
            keys: self.keys.iter().map(str::to_owned).collect(),
            own_keys: self.own_keys,
        })
    }

    fn check_head(&self, stream: &str) -> Result<(), String> {
        let note = self.cover.head.as_deref().unwrap_or_default();
        let name = Origin::key_name(self.checkpoint.origin.log);
        let text = self.keys.verify_text(note, &name);
        let text = text.map_err(|error| error.to_string())?;
        let Some(signed) = StreamHead::read(&text) else {
            return Err("it is no head of a stream".to_owned());
        };
        let Some((sequence, hash)) = self.tips.get(stream).copied() else {
            return Err("the bundle holds no event".to_owned());
        };
        if signed.checkpoint != self.checkpoint {
            Err("it was signed for another checkpoint".to_owned())
        } else if signed.stream != stream {
            Err(format!("it is that of {}", signed.stream))
        } else if signed.sequence != sequence {
            let last = signed.sequence;
            Err(format!(
                "{stream} ends with sequence {last}, the bundle with {sequence}"
            ))
        } else if signed.hash != hash {
            Err(format!("it names another event as sequence {sequence}"))
        } else {
            Ok(())
        }
    }

    fn check_root(&self) -> Result<(), BundleError> {
        let Checkpoint { size, root, .. } = self.checkpoint;
        if self.events != size {
            return Err(BundleError::Incomplete {
                found: self.events,
                expected: size,
            });
        }
        if self.edge.root() != root {
            return Err(BundleError::Root);
        }
        Ok(())
    }
}
