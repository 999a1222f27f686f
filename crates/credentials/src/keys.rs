//! The master keys: what an operator keeps in one file outside the database.
//!
//! A file of one key is the usual case. A second line with a higher id makes that key the current
//! one, while what was made under the first can still be read. A line that is marked `standby` is
//! read with and not yet written with, so that its key can reach every machine before it is used.

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::random::{Random, RandomUnavailable};

const FILE_HEAD: &str = "\
# Countersign master keys: <id> <32 bytes, base64url>. The highest id is used for what is new, once
# it is no `standby`. Without this file the database cannot be read; with both, everything in it can.
";

/// Which master key something was made under; stored beside it. Between 1 and 2^31 - 1, so that
/// it fits an SQL integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} is no key id: it is between 1 and 2147483647")]
pub struct NotAKeyId(i64);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<i32> for KeyId {
    type Error = NotAKeyId;

    fn try_from(id: i32) -> Result<Self, Self::Error> {
        u32::try_from(id)
            .ok()
            .filter(|id| *id > 0)
            .map(Self)
            .ok_or(NotAKeyId(id.into()))
    }
}

impl TryFrom<KeyId> for i32 {
    type Error = NotAKeyId;

    fn try_from(id: KeyId) -> Result<Self, Self::Error> {
        Self::try_from(id.0)
            .ok()
            .filter(|id| *id > 0)
            .ok_or(NotAKeyId(id.0.into()))
    }
}

pub(crate) type Key = Zeroizing<[u8; 32]>;

/// The word that marks a key which is not written with yet.
const STANDBY: &str = "standby";

/// One value for each key id, never empty.
pub(crate) struct ByKey<T> {
    pub(crate) current: KeyId,
    pub(crate) newest: T,
    pub(crate) older: BTreeMap<KeyId, T>,
    /// Its id is higher than the current one's.
    pub(crate) standby: Option<(KeyId, T)>,
}

impl<T> ByKey<T> {
    pub(crate) fn get(&self, id: KeyId) -> Option<&T> {
        if id == self.current {
            return Some(&self.newest);
        }
        let standby = self.standby.as_ref();
        let standby = standby.and_then(|(key, value)| (*key == id).then_some(value));
        self.older.get(&id).or(standby)
    }

    pub(crate) fn oldest(&self) -> &T {
        self.older.values().next().unwrap_or(&self.newest)
    }

    pub(crate) fn oldest_id(&self) -> KeyId {
        self.older.keys().next().copied().unwrap_or(self.current)
    }

    /// Oldest first, without the one on standby.
    pub(crate) fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.older.keys().copied().chain([self.current])
    }

    /// Oldest first, the one on standby last.
    pub(crate) fn all(&self) -> impl Iterator<Item = (KeyId, &T)> {
        let standby = self.standby.as_ref().map(|(id, value)| (*id, value));
        let older = self.older.iter().map(|(id, value)| (*id, value));
        older.chain([(self.current, &self.newest)]).chain(standby)
    }

    pub(crate) fn map<U>(&self, change: impl Fn(&T) -> U) -> ByKey<U> {
        ByKey {
            current: self.current,
            newest: change(&self.newest),
            older: self
                .older
                .iter()
                .map(|(id, value)| (*id, change(value)))
                .collect(),
            standby: self
                .standby
                .as_ref()
                .map(|(id, value)| (*id, change(value))),
        }
    }
}

/// All master keys. They are used for nothing but deriving a [`Keyring`](crate::Keyring).
pub struct MasterKeys(pub(crate) ByKey<Key>);

/// Why a key file cannot be used. Never names what the file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyFileError {
    #[error("the key file holds no key")]
    Empty,
    #[error("line {0} of the key file is not `<id> <key>` or `<id> standby <key>`")]
    Shape(usize),
    #[error("line {0} of the key file: an id is a number between 1 and 2147483647")]
    Id(usize),
    #[error("line {0} of the key file: a key is 32 bytes in base64url without padding")]
    Key(usize),
    #[error("line {0} of the key file repeats an id")]
    Repeated(usize),
    #[error("line {0} of the key file: only the highest of several ids can be on standby")]
    Standby(usize),
}

/// Why there is no further key to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoFurtherKey {
    #[error("key {0} is on standby already")]
    Waiting(KeyId),
    #[error("all key ids are used up")]
    UsedUp,
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
}

impl MasterKeys {
    /// One new key, with the id 1.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomUnavailable> {
        let newest = Zeroizing::new(random.bytes()?);
        Ok(Self(ByKey {
            current: KeyId(1),
            newest,
            older: BTreeMap::new(),
            standby: None,
        }))
    }

    /// The key for what is made now.
    pub fn current(&self) -> KeyId {
        self.0.current
    }

    pub fn standby(&self) -> Option<KeyId> {
        self.0.standby.as_ref().map(|(id, _)| *id)
    }

    /// These keys and a new one, on standby.
    pub fn with_standby(self, random: &dyn Random) -> Result<Self, NoFurtherKey> {
        if let Some(waiting) = self.standby() {
            return Err(NoFurtherKey::Waiting(waiting));
        }
        let next = i32::try_from(self.0.current.0.saturating_add(1));
        let next = next.ok().and_then(|next| KeyId::try_from(next).ok());
        let next = next.ok_or(NoFurtherKey::UsedUp)?;
        let standby = Some((next, Zeroizing::new(random.bytes()?)));
        Ok(Self(ByKey { standby, ..self.0 }))
    }

    /// These keys, with the one on standby as the current one.
    #[must_use]
    pub fn promoted(mut self) -> Self {
        let Some((current, newest)) = self.0.standby.take() else {
            return self;
        };
        let (before, key) = (self.0.current, self.0.newest);
        self.0.older.insert(before, key);
        Self(ByKey {
            current,
            newest,
            ..self.0
        })
    }

    /// Reads the text of a key file.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let mut keys = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let (line, number) = (line.trim(), index + 1);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (id, key) = parse_line(line, number)?;
            if keys.insert(id, (number, key)).is_some() {
                return Err(KeyFileError::Repeated(number));
            }
        }
        let (mut current, mut newest) = keys.pop_last().ok_or(KeyFileError::Empty)?;
        let mut standby = None;
        if newest.1.standby {
            let before = keys.pop_last().ok_or(KeyFileError::Standby(newest.0))?;
            standby = Some((current, newest.1.key));
            (current, newest) = before;
        }
        let used = keys.into_iter().chain([(current, newest)]);
        let mut older = used
            .map(|(id, (number, line))| {
                let used = (!line.standby).then_some((id, line.key));
                used.ok_or(KeyFileError::Standby(number))
            })
            .collect::<Result<BTreeMap<_, _>, _>>()?;
        let (current, newest) = older.pop_last().ok_or(KeyFileError::Empty)?;
        Ok(Self(ByKey {
            current,
            newest,
            older,
            standby,
        }))
    }

    /// The text of a key file, to be written with mode 0600.
    pub fn to_file_text(&self) -> Zeroizing<String> {
        let lines = self.0.older.len() + 2;
        let mut text = Zeroizing::new(String::with_capacity(FILE_HEAD.len() + lines * 72));
        text.push_str(FILE_HEAD);
        for (id, key) in self.0.all() {
            text.push_str(&id.to_string());
            text.push(' ');
            if self.standby() == Some(id) {
                text.push_str(STANDBY);
                text.push(' ');
            }
            text.push_str(&Zeroizing::new(BASE64URL_NOPAD.encode(key.as_slice())));
            text.push('\n');
        }
        text
    }
}

struct Line {
    key: Key,
    standby: bool,
}

fn parse_line(line: &str, number: usize) -> Result<(KeyId, Line), KeyFileError> {
    let (id, rest) = line
        .split_once(char::is_whitespace)
        .ok_or(KeyFileError::Shape(number))?;
    let id = id.parse::<i32>().map_err(|_| KeyFileError::Id(number))?;
    let id = KeyId::try_from(id).map_err(|_| KeyFileError::Id(number))?;
    let marked = rest.trim().split_once(char::is_whitespace);
    let marked = marked.filter(|(word, _)| *word == STANDBY);
    let key = marked.map_or(rest, |(_, key)| key);
    let bytes = BASE64URL_NOPAD
        .decode(key.trim().as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| KeyFileError::Key(number))?;
    let key = bytes
        .as_slice()
        .try_into()
        .map(Zeroizing::new)
        .map_err(|_| KeyFileError::Key(number))?;
    let standby = marked.is_some();
    Ok((id, Line { key, standby }))
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKeys")
            .field("current", &self.0.current)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
