//! The head of a stream, which the operator vouches for.

use crate::Hash;
use crate::checkpoint::{Checkpoint, Origin};

const FIRST_LINE: &str = "countersign-stream-head/1\n";

/// What the operator vouches for: in the log of this checkpoint, this is the last event of a stream.
/// Signed as a note of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamHead {
    pub checkpoint: Checkpoint,
    pub stream: String,
    pub sequence: u64,
    pub hash: Hash,
}

impl StreamHead {
    /// The head of `stream` as of `checkpoint`.
    pub fn of(checkpoint: &Checkpoint, stream: &str, (sequence, hash): (u64, Hash)) -> Self {
        Self {
            checkpoint: *checkpoint,
            stream: stream.to_owned(),
            sequence,
            hash,
        }
    }

    /// What is signed: no checkpoint can be read as this, nor this as one.
    pub fn text(&self) -> String {
        let Self {
            checkpoint,
            stream,
            sequence,
            hash,
        } = self;
        let (checkpoint, hash) = (checkpoint.text(), data_encoding::BASE64.encode(hash));
        format!("{FIRST_LINE}{checkpoint}{stream}\n{sequence}\n{hash}\n")
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let mut lines = text.strip_prefix(FIRST_LINE)?.lines();
        let head = Self {
            checkpoint: Checkpoint {
                origin: origin(lines.next()?)?,
                size: lines.next()?.parse().ok()?,
                root: hash(lines.next()?)?,
            },
            stream: lines.next()?.to_owned(),
            sequence: lines.next()?.parse().ok()?,
            hash: hash(lines.next()?)?,
        };
        (head.text() == text).then_some(head)
    }
}

fn origin(line: &str) -> Option<Origin> {
    line.parse().ok()
}

fn hash(line: &str) -> Option<Hash> {
    let bytes = data_encoding::BASE64.decode(line.as_bytes()).ok()?;
    bytes.try_into().ok()
}
