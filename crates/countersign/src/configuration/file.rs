//! `countersign.toml`: a flat list of keys, each a setting.
//!
//! Values become text again, so that a file, a variable and a flag are parsed by the same
//! code. Messages name lines, never show them: a line may hold a password.

use std::collections::BTreeMap;

use super::nearest::nearest;
use super::{SETTINGS, SourceFile};

pub(super) type FileValues = BTreeMap<String, String>;

pub(super) fn read(given: &SourceFile) -> (FileValues, Vec<String>) {
    let path = given.path.display();
    let table: toml::Table = match toml::from_str(&given.text) {
        Ok(table) => table,
        Err(error) => {
            let line = error
                .span()
                .map_or(1, |span| line_of(&given.text, span.start));
            let problem = format!("{path}: line {line} is not TOML: {}", error.message());
            return (FileValues::new(), vec![problem]);
        }
    };
    let mut values = FileValues::new();
    let mut problems = Vec::new();
    for (key, value) in table {
        if !SETTINGS.iter().any(|setting| setting.key == key) {
            problems.push(format!("{path}: {}", unknown(&key)));
        } else if let Some(text) = as_text(&value) {
            values.insert(key, text);
        } else {
            problems.push(format!(
                "{path}: {key} must be a text, a whole number, true, false, or a list of texts"
            ));
        }
    }
    (values, problems)
}

fn unknown(key: &str) -> String {
    let keys = SETTINGS.iter().map(|setting| setting.key);
    match nearest(key, keys) {
        Some(known) => format!("unknown key {key}; did you mean {known}?"),
        None => format!("unknown key {key}; `countersign config` lists the known ones"),
    }
}

fn as_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(true) => Some("on".to_owned()),
        toml::Value::Boolean(false) => Some("off".to_owned()),
        toml::Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            texts.map(|texts| texts.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}
