//! How two states of an account differ.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::state::{label, member_words, place, words};

/// One field that differs.
#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Change {
    /// Null where the state has no such field.
    Value {
        field: String,
        from: Value,
        to: Value,
    },
    /// Of a list, whose members are known by their ids.
    Members {
        field: String,
        added: Vec<Value>,
        removed: Vec<Value>,
        changed: Vec<Altered>,
    },
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Altered {
    from: Value,
    to: Value,
}

/// What changed from one state to another, in the order in which a state is read.
pub(crate) fn changes(from: &Value, to: &Value) -> Vec<Change> {
    let states = [from, to].into_iter().filter_map(Value::as_object);
    let fields = states.flat_map(Map::keys).collect::<BTreeSet<_>>();
    let mut fields = fields.into_iter().collect::<Vec<_>>();
    fields.sort_by_key(|field| place(field));
    let differing = fields
        .into_iter()
        .filter(|field| from[*field] != to[*field]);
    differing
        .map(|field| change(field, &from[field], &to[field]))
        .collect()
}

fn change(field: &str, from: &Value, to: &Value) -> Change {
    let field = field.to_owned();
    if let (Value::Array(before), Value::Array(after)) = (from, to) {
        return Change::Members {
            field,
            added: without(after, before),
            removed: without(before, after),
            changed: altered(before, after),
        };
    }
    Change::Value {
        field,
        from: from.clone(),
        to: to.clone(),
    }
}

/// Those of the first list whose ids are not in the second.
fn without(list: &[Value], other: &[Value]) -> Vec<Value> {
    let is_there = |member: &&Value| other.iter().any(|one| one["id"] == member["id"]);
    let rest = list.iter().filter(|member| !is_there(member));
    rest.cloned().collect()
}

fn altered(before: &[Value], after: &[Value]) -> Vec<Altered> {
    let pairs = before.iter().filter_map(|from| {
        let to = after.iter().find(|to| to["id"] == from["id"])?;
        (from != to).then(|| Altered {
            from: from.clone(),
            to: to.clone(),
        })
    });
    pairs.collect()
}

/// A change in a line, and one for each member that came, went or is another.
pub(crate) fn lines(change: &Change) -> Vec<String> {
    match change {
        Change::Value { field, from, to } => {
            let (from, to) = (words(field, from), words(field, to));
            vec![format!("{}: {from} -> {to}", label(field))]
        }
        Change::Members {
            field,
            added,
            removed,
            changed,
        } => {
            let came = added.iter().map(|one| format!("  + {}", member_words(one)));
            let went = removed
                .iter()
                .map(|one| format!("  - {}", member_words(one)));
            let others = changed.iter().map(|Altered { from, to }| {
                format!("  ~ {} -> {}", member_words(from), member_words(to))
            });
            let counts = [
                ("+", added.len()),
                ("-", removed.len()),
                ("~", changed.len()),
            ];
            let counts = counts.iter().filter(|(_, count)| *count > 0);
            let counts = counts.map(|(sign, count)| format!("{sign}{count}"));
            let counts = counts.collect::<Vec<_>>().join(", ");
            let first = std::iter::once(format!("{}: {counts}", label(field)));
            first.chain(came).chain(went).chain(others).collect()
        }
    }
}
