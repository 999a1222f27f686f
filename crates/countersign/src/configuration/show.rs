//! What `countersign config` prints.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Configuration;

const TITLES: [&str; 3] = ["SETTING", "VALUE", "ORIGIN"];

/// Stands for a setting without a value.
const NOTHING: &str = "-";

impl Configuration {
    /// An aligned table of setting, value and origin, passwords hidden.
    pub fn table(&self) -> String {
        let mut rows = vec![TITLES.map(str::to_owned)];
        rows.extend(self.entries.iter().map(|entry| {
            let value = entry.value.as_deref().unwrap_or(NOTHING);
            [
                entry.key.to_owned(),
                value.to_owned(),
                entry.origin.to_string(),
            ]
        }));
        let width = |column: fn(&[String; 3]) -> &String| {
            let lengths = rows.iter().map(|row| column(row).chars().count());
            lengths.max().unwrap_or_default()
        };
        let (first, second) = (width(|[key, ..]| key), width(|[_, value, _]| value));
        let mut text = String::new();
        for [key, value, origin] in &rows {
            let _ = writeln!(text, "{key:first$}  {value:second$}  {origin}");
        }
        text
    }

    /// The same for machines; a setting that is not set has the value null.
    pub fn json(&self) -> Value {
        json!({ "settings": self.entries, "warnings": self.warnings })
    }
}
