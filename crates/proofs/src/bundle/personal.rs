//! Personal fields: which an event has, and whether a value is the one that was hashed.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{EventLine, Revealed};
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

impl Revealed {
    fn fits(&self, commitment: &Hash) -> bool {
        let digest = Sha256::new()
            .chain_update(self.salt)
            .chain_update(&self.value);
        digest.finalize().as_slice() == commitment
    }
}

impl EventLine {
    /// How many personal fields are shown, and how many are not; the pointer of the first that is
    /// not what was hashed.
    pub(super) fn check_personal(&self) -> Result<(u64, u64), String> {
        let parse = |text: &str, what: &str| {
            serde_json::from_str::<Value>(text).map_err(|_| format!("/{what} is no JSON"))
        };
        let mut fields = concealed_in(&parse(&self.payload, "payload")?, "/payload");
        fields.extend(concealed_in(
            &parse(&self.metadata, "metadata")?,
            "/metadata",
        ));
        for shown in &self.revealed {
            let at = fields
                .iter()
                .position(|field| field.pointer == shown.pointer);
            let field = at.map(|at| fields.swap_remove(at));
            if !field.is_some_and(|field| shown.fits(&field.commitment)) {
                return Err(shown.pointer.clone());
            }
        }
        Ok((self.revealed.len() as u64, fields.len() as u64))
    }
}
