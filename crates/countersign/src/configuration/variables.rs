//! Notices `COUNTERSIGN_*` variables that nothing reads: usually a typing mistake.

use super::nearest::nearest;
use super::{Layer, SETTINGS};

const PREFIX: &str = "COUNTERSIGN_";

/// Where the configuration file is.
pub(super) const CONFIG: &str = "COUNTERSIGN_CONFIG";

/// The staff token of `countersign support` and `countersign audit`.
pub(crate) const TOKEN: &str = "COUNTERSIGN_TOKEN";

pub(super) fn concerns_us(name: &str) -> bool {
    name.starts_with(PREFIX) || SETTINGS.iter().any(|setting| setting.variable == name)
}

pub(super) fn warnings(environment: &Layer) -> Vec<String> {
    let known = || {
        SETTINGS
            .iter()
            .map(|setting| setting.variable)
            .chain([CONFIG, TOKEN])
    };
    environment
        .names()
        .filter(|name| name.starts_with(PREFIX) && !known().any(|known| known == *name))
        .map(|name| match nearest_variable(name, known()) {
            Some(close) => format!("{name} is no setting and was ignored; did you mean {close}?"),
            None => format!("{name} is no setting and was ignored"),
        })
        .collect()
}

/// The prefix is left out of the comparison, or every short name would be near.
fn nearest_variable(
    name: &str,
    known: impl Iterator<Item = &'static str> + Clone,
) -> Option<&'static str> {
    let close = nearest(bare(name), known.clone().map(bare))?;
    known.into_iter().find(|known| bare(known) == close)
}

fn bare(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}
