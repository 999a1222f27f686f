//! Bundles: history in one file, with all that it takes to check it offline.
//!
//! A bundle is a tar archive. Of an account, it holds every event with its proof of inclusion in
//! the tree of one checkpoint, and the signed head of the stream, by which the operator vouches
//! that nothing follows. Of the whole log, the events themselves lead to the root, which proves
//! that none is left out.

mod archive;
mod check;
mod head;
mod json;
mod line;
mod personal;
mod read;
mod write;

use serde::{Deserialize, Serialize};

use crate::checkpoint::VerifierKeys;
use crate::event::is_stream_name;

pub use check::{BundleReport, Fault};
pub use head::StreamHead;
pub use line::{EventLine, Revealed};
pub use personal::{Concealed, concealed_in};
pub use read::{BundleError, verify};
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

impl Manifest {
    fn of(about: &About) -> Self {
        Self {
            format: FORMAT.to_owned(),
            about: about.clone(),
        }
    }

    /// The one form of the file.
    fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if manifest.format != FORMAT {
            return Err(format!("its format {} is not {FORMAT}", manifest.format));
        }
        match &manifest.about {
            About::Stream { stream } if !is_stream_name(stream) => {
                Err(format!("{stream:?} is no stream"))
            }
            _ if manifest.to_bytes().is_ok_and(|only| only == text) => Ok(manifest),
            _ => Err("it is not in its one form".to_owned()),
        }
    }
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
