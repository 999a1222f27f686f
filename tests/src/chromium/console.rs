//! What the browser complains about.

use thirtyfour::BrowserLogEntry;

/// An entry of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `SEVERE` is an error.
    pub level: String,
    /// `network`, `security`, `console-api`, `javascript` …
    pub source: String,
    pub text: String,
}

impl Message {
    /// An error, or a breach of a content security policy, unless it only says that one of these
    /// documents came with an error status.
    pub(super) fn is_fault(&self, documents: &[&str]) -> bool {
        let error = self.level == "SEVERE" && !self.is_status_of(documents);
        error || self.text.contains("Content Security Policy")
    }

    fn is_status_of(&self, documents: &[&str]) -> bool {
        let status = " - Failed to load resource: the server responded with a status of ";
        let of = self.text.split_once(status).map(|(url, _)| url);
        of.is_some_and(|url| documents.contains(&url))
    }
}

impl From<BrowserLogEntry> for Message {
    fn from(entry: BrowserLogEntry) -> Self {
        Self {
            level: entry.level,
            source: entry.source.unwrap_or_default(),
            text: entry.message,
        }
    }
}
