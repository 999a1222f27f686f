//! Bundles: history in one file, with all that it takes to check it offline.
//!
//! A bundle is a tar archive. Of an account, it holds every event with its proof of inclusion in
//! the tree of one checkpoint, and the signed head of the stream, by which the operator vouches
//! that nothing follows. Of the whole log, the events themselves lead to the root, which proves
//! that none is left out.

mod line;
mod personal;
mod read;
mod write;

use serde::{Deserialize, Serialize};

use crate::Hash;
use crate::checkpoint::{Checkpoint, NotACheckpoint, Origin, VerifierKeys};

pub use line::{EventLine, Revealed};
pub use personal::{Concealed, concealed_in};
pub use read::{BundleError, BundleReport, Fault, verify};
pub use write::Writer;

/// What stands first in `bundle.json`.
const FORMAT: &str = "countersign-bundle/1";

/// What a bundle is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum About {
    /// One stream from its first event on.
    Stream { stream: String },
    /// Every event up to the checkpoint's size.
    Log,
}

/// `bundle.json`.
#[derive(Serialize, Deserialize)]
struct Manifest {
    format: String,
    #[serde(flatten)]
    about: About,
}

/// What a bundle holds beside its events.
#[derive(Clone, Debug)]
pub struct Cover {
    pub about: About,
    /// A signed note.
    pub checkpoint: String,
    pub keys: VerifierKeys,
    /// The signed head of the stream, where the bundle is about one.
    pub head: Option<String>,
}

/// What the operator vouches for: in the log of this checkpoint, this is the last event of a stream.
/// Signed as a note of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamHead {
    pub origin: Origin,
    pub size: u64,
    pub stream: String,
    pub sequence: u64,
    pub hash: Hash,
}

impl StreamHead {
    /// What is signed.
    pub fn text(&self) -> String {
        let hash = data_encoding::BASE64.encode(&self.hash);
        let Self {
            origin,
            size,
            stream,
            sequence,
            ..
        } = self;
        format!("countersign-stream-head/1\n{origin}\n{size}\n{stream}\n{sequence}\n{hash}\n")
    }

    /// Whether `note` says this, signed by a key of the log.
    fn verify(&self, note: &str, keys: &VerifierKeys) -> Result<bool, NotACheckpoint> {
        let text = keys.verify_text(note, &Origin::key_name(self.origin.log))?;
        Ok(text == self.text())
    }
}

impl StreamHead {
    /// The head of `stream` as of `checkpoint`.
    pub fn of(checkpoint: &Checkpoint, stream: &str, (sequence, hash): (u64, Hash)) -> Self {
        Self {
            origin: checkpoint.origin,
            size: checkpoint.size,
            stream: stream.to_owned(),
            sequence,
            hash,
        }
    }
}
