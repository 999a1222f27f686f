//! A bundle read and checked, in memory a file at a time.

use std::io::Read;

use super::archive::{self, chunk_name, misplaced};
use super::check::Checking;
use super::{About, BundleReport, Cover, Fault, Manifest};
use crate::checkpoint::{NotACheckpoint, NotVerifierKeys, VerifierKeys};

/// Why a bundle proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("the file is no bundle: {0}")]
    NotABundle(String),
    #[error("the file cannot be read")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Key(#[from] NotVerifierKeys),
    #[error("the checkpoint is not to be trusted: {0}")]
    Checkpoint(NotACheckpoint),
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

impl BundleError {
    /// Without characters by which a hostile bundle could write on the reader's terminal.
    fn printable(mut self) -> Self {
        let plain = |text: &mut String| *text = text.replace(char::is_control, "\u{fffd}");
        match &mut self {
            Self::NotABundle(what) | Self::Head(what) => plain(what),
            Self::Event(Fault { stream, what, .. }) => {
                plain(stream);
                plain(what);
            }
            _ => {}
        }
        self
    }
}

/// Checks a whole bundle against `own` keys or, without any, those that it brings. `progress` is
/// told after each event how many have been checked.
pub fn verify(
    bundle: impl Read,
    own: Option<&VerifierKeys>,
    progress: impl FnMut(u64),
) -> Result<BundleReport, BundleError> {
    check(bundle, own, progress).map_err(BundleError::printable)
}

fn check(
    bundle: impl Read,
    own: Option<&VerifierKeys>,
    mut progress: impl FnMut(u64),
) -> Result<BundleReport, BundleError> {
    let mut archive = archive::Reader::new(bundle);
    let mut checking = Checking::begin(cover(&mut archive)?, own)?;
    let mut chunks = 0;
    while let Some(file) = archive.next()? {
        let expected = chunk_name(chunks);
        if file.name != expected {
            return Err(misplaced(&file.name, &expected));
        }
        let Some(lines) = file.content.strip_suffix(b"\n") else {
            let what = format!("{expected} does not end with a line");
            return Err(BundleError::NotABundle(what));
        };
        for line in lines.split(|byte| *byte == b'\n') {
            progress(checking.line(line)?);
        }
        chunks += 1;
    }
    checking.finish()
}

fn cover(archive: &mut archive::Reader<impl Read>) -> Result<Cover, BundleError> {
    archive.expect("README.md")?;
    let manifest = Manifest::parse(&archive.expect("bundle.json")?)
        .map_err(|what| BundleError::NotABundle(format!("bundle.json: {what}")))?;
    let text = archive.expect_text("keys")?;
    let keys = VerifierKeys::parse(text.lines())?;
    if keys.to_text() != text {
        let what = "its keys are not in order, or one stands twice";
        return Err(BundleError::NotABundle(what.to_owned()));
    }
    Ok(Cover {
        checkpoint: archive.expect_text("checkpoint")?,
        keys,
        head: match manifest.about {
            About::Stream { .. } => Some(archive.expect_text("head")?),
            About::Log => None,
        },
        about: manifest.about,
    })
}
