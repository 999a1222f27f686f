//! What one setting is called, where it may be set, and where its value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::Facts;

/// The texts of the settings that were declared, and so resolved, before this one.
pub(super) type Earlier = BTreeMap<&'static str, String>;

/// What holds when nobody sets anything.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fallback {
    Nothing,
    Text(&'static str),
    /// As described to people, and as computed.
    Derived(&'static str, fn(&Earlier, Facts) -> String),
}

/// The declaration of a setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name in `countersign.toml`, and with dashes its flag.
    pub key: &'static str,
    /// Its environment variable.
    pub variable: &'static str,
    pub(super) help: &'static str,
    pub(super) fallback: Fallback,
    pub(super) has_flag: bool,
    pub(super) is_secret: bool,
}

/// Begins a declaration; the table fills in the key and the help.
pub(super) const fn variable(name: &'static str) -> Setting {
    Setting {
        key: "",
        variable: name,
        help: "",
        fallback: Fallback::Nothing,
        has_flag: false,
        is_secret: false,
    }
}

impl Setting {
    pub(super) const fn flag(self) -> Self {
        Self {
            has_flag: true,
            ..self
        }
    }

    pub(super) const fn secret(self) -> Self {
        Self {
            is_secret: true,
            ..self
        }
    }

    pub(super) const fn or(self, text: &'static str) -> Self {
        Self {
            fallback: Fallback::Text(text),
            ..self
        }
    }

    pub(super) const fn derived(
        self,
        shown: &'static str,
        from: fn(&Earlier, Facts) -> String,
    ) -> Self {
        Self {
            fallback: Fallback::Derived(shown, from),
            ..self
        }
    }

    /// `--listen`, for the few settings that have a flag.
    pub fn flag_name(&self) -> Option<String> {
        self.has_flag
            .then(|| format!("--{}", self.key.replace('_', "-")))
    }

    /// The default as told to people.
    pub fn default_text(&self) -> &'static str {
        match self.fallback {
            Fallback::Nothing => "none",
            Fallback::Text(text) | Fallback::Derived(text, _) => text,
        }
    }

    /// What it does, as one sentence without its full stop.
    pub fn help(&self) -> &'static str {
        self.help.trim()
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// Typed on the command line.
    Flag {
        /// With its dashes.
        name: String,
    },
    /// An environment variable.
    Variable {
        /// In capitals.
        name: &'static str,
    },
    /// The configuration file.
    File {
        /// As it was named.
        path: PathBuf,
    },
    /// Set by nobody.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag { name } => write!(f, "flag {name}"),
            Self::Variable { name } => write!(f, "variable {name}"),
            Self::File { path } => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting in force, as it may be shown to anybody.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// The setting's name.
    pub key: &'static str,
    /// Its environment variable.
    pub variable: &'static str,
    /// Its text, with passwords hidden; `None` when it is not set.
    pub value: Option<String>,
    /// Where the value came from.
    pub origin: Origin,
}
