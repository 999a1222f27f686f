//! A bundle checked, in memory an event and the tips of its streams at a time.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};

use super::{About, Cover, EventLine, FORMAT, Manifest, StreamHead};
use crate::Hash;
use crate::checkpoint::{Checkpoint, NotACheckpoint, NotAVerifierKey, VerifierKeys};
use crate::event::GENESIS;
use crate::tree::{Edge, verify_inclusion};

/// No file beside the events is larger.
const SMALL: u64 = 1 << 20;
/// No event is larger.
const LINE_MAX: u64 = 1 << 20;

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

/// Why a bundle proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("the file is no bundle: {0}")]
    NotABundle(String),
    #[error("the file cannot be read")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Key(#[from] NotAVerifierKey),
    #[error("the checkpoint is not to be trusted")]
    Checkpoint(#[source] NotACheckpoint),
    #[error("the stream's head is not to be trusted: {0}")]
    Head(String),
    #[error(transparent)]
    Event(#[from] Fault),
    #[error(
        "the events do not lead to the checkpoint's root: some were left out, added or changed"
    )]
    Root,
    #[error("the bundle ends after {found} events of {expected}")]
    Incomplete { found: u64, expected: u64 },
}

/// Checks a whole bundle against `own` keys or, without any, those that it brings. `progress` is
/// told after each event how many have been checked.
pub fn verify(
    bundle: impl Read,
    own: Option<&VerifierKeys>,
    mut progress: impl FnMut(u64),
) -> Result<BundleReport, BundleError> {
    let mut archive = tar::Archive::new(bundle);
    let mut small = HashMap::new();
    let mut checking = None;
    let mut chunks = 0;
    for entry in archive.entries()? {
        let entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if path == format!("events/{chunks:06}.ndjson") {
            let checking = match &mut checking {
                Some(checking) => checking,
                unset => unset.insert(Checking::begin(&cover(&mut small)?, own)?),
            };
            checking.chunk(entry, &mut progress)?;
            chunks += 1;
        } else if checking.is_none() && small.len() < 8 {
            small.insert(path, small_file(entry)?);
        } else {
            return Err(BundleError::NotABundle(format!(
                "{path} does not belong here"
            )));
        }
    }
    match checking {
        Some(checking) => checking.finish(),
        None => Checking::begin(&cover(&mut small)?, own)?.finish(),
    }
}

fn small_file(file: impl Read) -> Result<String, BundleError> {
    let mut text = String::new();
    file.take(SMALL).read_to_string(&mut text)?;
    Ok(text)
}

fn cover(small: &mut HashMap<String, String>) -> Result<Cover, BundleError> {
    let missing = |name: &str| BundleError::NotABundle(format!("it has no {name}"));
    let mut take = |name: &str| small.remove(name).ok_or_else(|| missing(name));
    let manifest: Manifest = serde_json::from_str(&take("bundle.json")?)
        .map_err(|error| BundleError::NotABundle(format!("bundle.json: {error}")))?;
    if manifest.format != FORMAT {
        let format = manifest.format;
        return Err(BundleError::NotABundle(format!(
            "its format {format} is not {FORMAT}"
        )));
    }
    let (keys, checkpoint) = (take("keys")?, take("checkpoint")?);
    let head = match manifest.about {
        About::Stream { .. } => Some(take("head")?),
        About::Log => None,
    };
    Ok(Cover {
        about: manifest.about,
        checkpoint,
        keys: VerifierKeys::parse(keys.lines())?,
        head,
    })
}

struct Checking {
    cover: Cover,
    keys: VerifierKeys,
    own_keys: bool,
    checkpoint: Checkpoint,
    tips: HashMap<String, (u64, Hash)>,
    /// Of the events that the bundle holds, where it is about the whole log.
    edge: Edge,
    events: u64,
    revealed: u64,
    concealed: u64,
}

impl Checking {
    fn begin(cover: &Cover, own: Option<&VerifierKeys>) -> Result<Self, BundleError> {
        let keys = own.unwrap_or(&cover.keys).clone();
        let checkpoint = keys
            .verify(&cover.checkpoint)
            .map_err(BundleError::Checkpoint)?;
        Ok(Self {
            cover: cover.clone(),
            keys,
            own_keys: own.is_some(),
            checkpoint,
            tips: HashMap::new(),
            edge: Edge::default(),
            events: 0,
            revealed: 0,
            concealed: 0,
        })
    }

    fn chunk(
        &mut self,
        file: impl Read,
        progress: &mut impl FnMut(u64),
    ) -> Result<(), BundleError> {
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut file).take(LINE_MAX).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(());
            }
            let event: EventLine = serde_json::from_slice(&line).map_err(|error| {
                BundleError::NotABundle(format!("event {}: {error}", self.events + 1))
            })?;
            self.event(&event)?;
            progress(self.events);
        }
    }

    fn event(&mut self, event: &EventLine) -> Result<(), BundleError> {
        let fault = |what: &str| Fault {
            stream: event.stream.clone(),
            sequence: event.sequence,
            position: event.position,
            what: what.to_owned(),
        };
        let (last, previous) = self
            .tips
            .get(&event.stream)
            .copied()
            .unwrap_or((0, GENESIS));
        if event.sequence != last + 1 {
            return Err(fault(&format!("it follows sequence {last}")).into());
        }
        if event.hash_after(&previous) != Some(event.hash) {
            return Err(fault("its hash does not fit").into());
        }
        self.place(event).map_err(fault)?;
        let (revealed, concealed) = event
            .check_personal()
            .map_err(|pointer| fault(&format!("{pointer} is not what was hashed")))?;
        self.tips
            .insert(event.stream.clone(), (event.sequence, event.hash));
        self.events += 1;
        self.revealed += revealed;
        self.concealed += concealed;
        Ok(())
    }

    /// Checks that the event stands in the log where it says.
    fn place(&mut self, event: &EventLine) -> Result<(), &'static str> {
        match (&self.cover.about, &event.proof) {
            (About::Stream { stream }, Some(proof)) => {
                if event.stream != *stream {
                    return Err("it is of another stream");
                }
                let Checkpoint { size, root, .. } = &self.checkpoint;
                verify_inclusion(proof, &event.hash, event.position, *size, root)
                    .map_err(|_| "its proof does not lead to the checkpoint's root")
            }
            (About::Stream { .. }, None) => Err("it has no proof"),
            (About::Log, _) if event.position != self.edge.size() => {
                Err("it does not follow the position before it")
            }
            (About::Log, _) => {
                self.edge.append(&event.hash, |_| {});
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<BundleReport, BundleError> {
        match &self.cover.about {
            About::Stream { stream } => self.check_head(stream)?,
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

    fn check_head(&self, stream: &str) -> Result<(), BundleError> {
        let tip = self.tips.get(stream).copied().unwrap_or((0, GENESIS));
        let head = StreamHead::of(&self.checkpoint, stream, tip);
        let note = self.cover.head.as_deref().unwrap_or_default();
        match head.verify(note, &self.keys) {
            Ok(true) => Ok(()),
            Ok(false) => Err(BundleError::Head(format!(
                "it does not name the last event of the bundle, sequence {}",
                tip.0
            ))),
            Err(error) => Err(BundleError::Head(error.to_string())),
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
