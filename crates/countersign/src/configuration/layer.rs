//! Names and texts of one layer of the configuration.

use std::collections::BTreeMap;
use std::fmt;

/// What the flags or the environment set. Shown as names alone, since any text may be secret.
#[derive(Default)]
pub struct Layer(BTreeMap<String, String>);

impl Layer {
    /// The text of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Sets a name's text.
    pub fn insert(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.0.insert(name.into(), text.into());
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl<N: Into<String>, T: Into<String>> FromIterator<(N, T)> for Layer {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(pairs: I) -> Self {
        let own = |(name, text): (N, T)| (name.into(), text.into());
        Self(pairs.into_iter().map(own).collect())
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
