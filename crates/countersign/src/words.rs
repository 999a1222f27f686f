//! What an auditor reads on a terminal: events, states, and how two states differ, in English.

pub(crate) mod diff;
pub(crate) mod event;
pub(crate) mod state;

#[cfg(test)]
mod tests;

use serde_json::Value;

/// A text of somebody else's, without what a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// A value that stands there as text; what was erased says so.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "(erased)".to_owned(),
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

/// With its number, such as "2 codes".
fn counted(count: u64, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    }
}

fn factors(value: &Value) -> String {
    let names = texts(value);
    let words = names.iter().map(|name| match name.as_str() {
        "totp" => "code",
        other => other,
    });
    words.collect::<Vec<_>>().join(" and ")
}
