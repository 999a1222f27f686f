//! The master keys: what an operator keeps in one file outside the database.
//!
//! A file of one key is the usual case. A second line with a higher id makes that key the current
//! one, while what was made under the first can still be read.

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::random::{Random, RandomUnavailable};

const FILE_HEAD: &str = "\
# Countersign master keys: <id> <32 bytes, base64url>. The highest id is used for what is new.
# Without this file the database cannot be read; with both, everything in it can.
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

/// One value for each key id, never empty.
pub(crate) struct ByKey<T> {
    pub(crate) current: KeyId,
    pub(crate) newest: T,
    pub(crate) older: BTreeMap<KeyId, T>,
}

impl<T> ByKey<T> {
    pub(crate) fn get(&self, id: KeyId) -> Option<&T> {
        if id == self.current {
            Some(&self.newest)
        } else {
            self.older.get(&id)
        }
    }

    pub(crate) fn oldest(&self) -> &T {
        self.older.values().next().unwrap_or(&self.newest)
    }

    /// Oldest first.
    pub(crate) fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.older.keys().copied().chain([self.current])
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
    #[error("line {0} of the key file is not `<id> <key>`")]
    Shape(usize),
    #[error("line {0} of the key file: an id is a number between 1 and 2147483647")]
    Id(usize),
    #[error("line {0} of the key file: a key is 32 bytes in base64url without padding")]
    Key(usize),
    #[error("line {0} of the key file repeats an id")]
    Repeated(usize),
}

impl MasterKeys {
    /// One new key, with the id 1.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomUnavailable> {
        let newest = Zeroizing::new(random.bytes()?);
        Ok(Self(ByKey {
            current: KeyId(1),
            newest,
            older: BTreeMap::new(),
        }))
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
            if keys.insert(id, key).is_some() {
                return Err(KeyFileError::Repeated(number));
            }
        }
        let (current, newest) = keys.pop_last().ok_or(KeyFileError::Empty)?;
        Ok(Self(ByKey {
            current,
            newest,
            older: keys,
        }))
    }

    /// The text of a key file, to be written with mode 0600.
    pub fn to_file_text(&self) -> Zeroizing<String> {
        let lines = self.0.older.len() + 1;
        let mut text = Zeroizing::new(String::with_capacity(FILE_HEAD.len() + lines * 64));
        text.push_str(FILE_HEAD);
        for (id, key) in self
            .0
            .older
            .iter()
            .chain([(&self.0.current, &self.0.newest)])
        {
            text.push_str(&id.to_string());
            text.push(' ');
            text.push_str(&Zeroizing::new(BASE64URL_NOPAD.encode(key.as_slice())));
            text.push('\n');
        }
        text
    }
}

fn parse_line(line: &str, number: usize) -> Result<(KeyId, Key), KeyFileError> {
    let (id, key) = line
        .split_once(char::is_whitespace)
        .ok_or(KeyFileError::Shape(number))?;
    let id = id.parse::<i32>().map_err(|_| KeyFileError::Id(number))?;
    let id = KeyId::try_from(id).map_err(|_| KeyFileError::Id(number))?;
    let bytes = BASE64URL_NOPAD
        .decode(key.trim().as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| KeyFileError::Key(number))?;
    let key = bytes
        .as_slice()
        .try_into()
        .map_err(|_| KeyFileError::Key(number))?;
    Ok((id, Zeroizing::new(key)))
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKeys")
            .field("current", &self.0.current)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    fn line(id: &str, byte: u8) -> String {
        format!("{id} {}\n", BASE64URL_NOPAD.encode(&[byte; 32]))
    }

    #[test]
    fn what_is_written_is_read_again() {
        let written = MasterKeys::generate(&SystemRandom).unwrap();
        let read = MasterKeys::parse(&written.to_file_text()).unwrap();
        assert_eq!(read.0.current, KeyId(1));
        assert_eq!(*read.0.newest, *written.0.newest);
        let two = format!("{}{}", line("1", 7), line("2", 8));
        let again = MasterKeys::parse(&MasterKeys::parse(&two).unwrap().to_file_text()).unwrap();
        assert_eq!(*again.0.older[&KeyId(1)], [7; 32]);
    }

    #[test]
    fn the_highest_id_is_current_wherever_it_stands() {
        let keys = MasterKeys::parse(&format!("# a\n{}\n{}", line("7", 1), line("3", 2))).unwrap();
        assert_eq!(keys.0.current, KeyId(7));
        assert_eq!(keys.0.ids().collect::<Vec<_>>(), [KeyId(3), KeyId(7)]);
    }

    #[test]
    fn a_damaged_file_is_refused_with_the_number_of_its_line() {
        for (text, error) in [
            (String::new(), KeyFileError::Empty),
            ("# only\n".to_owned(), KeyFileError::Empty),
            ("# a\nonly\n".to_owned(), KeyFileError::Shape(2)),
            (line("0", 1), KeyFileError::Id(1)),
            (line("-1", 1), KeyFileError::Id(1)),
            (line("2147483648", 1), KeyFileError::Id(1)),
            ("1 c2hvcnQ\n".to_owned(), KeyFileError::Key(1)),
            (line("1", 1).replace("E\n", "F\n"), KeyFileError::Key(1)),
            (
                format!("{}{}", line("1", 1), line("1", 2)),
                KeyFileError::Repeated(2),
            ),
        ] {
            assert_eq!(MasterKeys::parse(&text).err(), Some(error), "{text:?}");
        }
    }

    #[test]
    fn a_key_id_goes_through_sql_and_back() {
        assert_eq!(
            KeyId::try_from(i32::try_from(KeyId(5)).unwrap()),
            Ok(KeyId(5))
        );
        assert!(KeyId::try_from(0).is_err());
        assert!(i32::try_from(KeyId(u32::MAX)).is_err());
    }

    #[test]
    fn debug_shows_no_key() {
        let keys = MasterKeys::parse(&line("1", 65)).unwrap();
        assert_eq!(format!("{keys:?}"), "MasterKeys { current: KeyId(1), .. }");
    }
}
