//! Personal fields: which an event has, and whether a value is the one that was hashed.

use std::collections::HashSet;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{EventLine, Revealed, json};
use crate::Hash;

/// A personal field of an event: `{commit, sealed}` in its payload or metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concealed {
    /// An RFC 6901 pointer.
    pub pointer: String,
    pub commitment: Hash,
}

/// The personal fields below a value; `root` is the pointer to the value itself.
pub fn concealed_in(value: &Value, root: &str) -> Vec<Concealed> {
    let mut found = Vec::new();
    collect(value, root.to_owned(), &mut found);
    found
}

fn collect(value: &Value, pointer: String, found: &mut Vec<Concealed>) {
    if let Some(commitment) = commitment(value) {
        found.push(Concealed {
            pointer,
            commitment,
        });
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(field, format!("{pointer}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn commitment(value: &Value) -> Option<Hash> {
    let fields = value.as_object().filter(|fields| fields.len() == 2)?;
    fields.get("sealed")?.as_str()?;
    let commit = fields.get("commit")?.as_str()?;
    let bytes = data_encoding::HEXLOWER.decode(commit.as_bytes()).ok()?;
    bytes.try_into().ok()
}

/// How many there are: without their pointers, which in a hostile bundle could be endless.
fn count(value: &Value) -> u64 {
    match value {
        _ if commitment(value).is_some() => 1,
        Value::Object(fields) => fields.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

impl Revealed {
    fn fits(&self, commitment: &Hash) -> bool {
        let digest = Sha256::new()
            .chain_update(self.salt)
            .chain_update(&self.value);
        digest.finalize().as_slice() == commitment
    }

    /// Whether a `~` stands only where RFC 6901 has a meaning for it: one field has one pointer.
    fn is_pointer(&self) -> bool {
        let mut escapes = self.pointer.split('~').skip(1);
        escapes.all(|escape| escape.starts_with(['0', '1']))
    }
}

impl EventLine {
    /// How many personal fields are shown, and how many are not; or what is wrong with one.
    pub(super) fn check_personal(&self) -> Result<(u64, u64), String> {
        let parse = |text, name| json::parse(text).map_err(|error| format!("its {name}: {error}"));
        let payload = parse(&self.payload, "payload")?;
        let metadata = parse(&self.metadata, "metadata")?;
        let mut shown = HashSet::new();
        for revealed in &self.revealed {
            let pointer = revealed.pointer.as_str();
            let field = match pointer.strip_prefix("/payload") {
                Some(rest) => payload.pointer(rest),
                None => pointer
                    .strip_prefix("/metadata")
                    .and_then(|rest| metadata.pointer(rest)),
            };
            let field = field.filter(|_| revealed.is_pointer());
            let Some(commitment) = field.and_then(commitment) else {
                return Err(format!("{pointer} is no personal field"));
            };
            if !shown.insert(pointer) {
                return Err(format!("{pointer} is shown twice"));
            }
            if !revealed.fits(&commitment) {
                return Err(format!("{pointer} is not what was hashed"));
            }
        }
        let (all, shown) = (count(&payload) + count(&metadata), shown.len() as u64);
        Ok((shown, all - shown))
    }
}
