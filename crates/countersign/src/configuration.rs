//! Every setting of the program, parsed once and remembered with its origin.
//!
//! The layers are our own because `countersign config` has to tell where a value came
//! from, and because all mistakes are reported in one go. A setting is declared once, in
//! `settings`; resolving is a pure function of what the process was given, so that
//! tests touch no environment. Reading the process is `load`'s work alone.

mod durations;
mod file;
mod help;
mod layer;
mod load;
mod nearest;
mod network;
mod numbers;
mod people;
mod resolver;
mod rules;
mod secret_url;
mod setting;
mod settings;
mod show;
mod variables;
mod web_origin;

#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

pub(crate) use durations::{DAY, at_most};
pub use help::{flag_help, settings_help};
pub use layer::Layer;
pub use load::{environment, load};
pub use numbers::LogFormat;
pub use people::SupportContact;
pub use setting::{Entry, Origin, Setting};
pub use settings::{Configuration, SETTINGS};
pub(crate) use variables::TOKEN;
pub use web_origin::WebOrigin;
pub(crate) use web_origin::protected;

/// What was given, from the strongest layer to the weakest.
#[derive(Debug, Default)]
pub struct Sources {
    /// A setting's key and the text after its flag.
    pub flags: Layer,
    /// Variables. An empty one counts as not set.
    pub environment: Layer,
    /// The configuration file, if there is one.
    pub file: Option<SourceFile>,
}

/// A configuration file that has been read.
pub struct SourceFile {
    /// As the person wrote it, for messages.
    pub path: PathBuf,
    /// TOML.
    pub text: String,
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// What defaults depend on besides other settings.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Whether the effective user is root, whose folders PostgreSQL's user cannot enter.
    pub is_root: bool,
    /// Processors that this process may use.
    pub cores: NonZeroUsize,
}

/// Everything that is wrong with a configuration, each with what to do about it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration cannot be used:\n  - {}", .problems.join("\n  - "))]
pub struct ConfigurationError {
    problems: Vec<String>,
}

impl ConfigurationError {
    /// One sentence a problem; never the text of a secret.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

/// Works out the settings in force.
pub fn resolve(sources: &Sources, facts: Facts) -> Result<Configuration, ConfigurationError> {
    let mut resolver = resolver::Resolver::new(sources, facts);
    let draft = settings::Draft::take(&mut resolver);
    let (entries, mut problems) = resolver.finish();
    problems.extend(rules::broken(&draft));
    if !problems.is_empty() {
        return Err(ConfigurationError { problems });
    }
    let warnings = variables::warnings(&sources.environment);
    draft
        .complete(entries, warnings)
        .ok_or(ConfigurationError { problems })
}
