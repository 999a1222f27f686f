//! The texts, in every language that has a folder in `texts`. English is complete; what another
//! language lacks is said in English.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use axum::http::HeaderValue;
use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader};

fluent_templates::static_loader! {
    static TEXTS = {
        locales: "./texts",
        fallback_language: "en",
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

/// Of one browser; nobody reads more languages.
const MAX_RANGES: usize = 20;

/// What a text may name: numbers choose a plural.
pub(crate) type Arguments<'a> = &'a [(&'static str, FluentValue<'a>)];

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Language(LanguageIdentifier);

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Language {
    /// The first that a browser asks for (RFC 9110, section 12.5.4) and that we speak, whatever
    /// its region.
    pub(crate) fn negotiated(accept: Option<&HeaderValue>) -> Self {
        let asked = accept.and_then(|value| value.to_str().ok()).unwrap_or("");
        let mut ranges: Vec<_> = asked
            .split(',')
            .take(MAX_RANGES)
            .filter_map(range)
            .collect();
        ranges.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let spoken = |asked: &LanguageIdentifier| {
            TEXTS
                .locales()
                .find(|known| known.language == asked.language)
                .cloned()
        };
        let chosen = ranges.iter().find_map(|(_, asked)| spoken(asked));
        Self(chosen.unwrap_or_else(|| TEXTS.fallback().clone()))
    }

    /// For the `lang` attribute.
    pub(crate) fn tag(&self) -> String {
        self.0.to_string()
    }

    pub(crate) fn say(&self, text: &str) -> String {
        TEXTS.lookup(&self.0, text)
    }

    pub(crate) fn say_with(&self, text: &str, arguments: Arguments<'_>) -> String {
        let arguments: HashMap<Cow<'static, str>, FluentValue<'_>> = arguments
            .iter()
            .map(|(name, value)| (Cow::Borrowed(*name), value.clone()))
            .collect();
        TEXTS.lookup_with_args(&self.0, text, &arguments)
    }
}

/// One language range with its quality; nothing for `*`, for what is no tag, and for "not this".
fn range(text: &str) -> Option<(f32, LanguageIdentifier)> {
    let mut parts = text.split(';').map(str::trim);
    let tag = parts.next()?.parse().ok()?;
    let quality = parts.find_map(|part| part.strip_prefix("q="));
    let quality = quality.map_or(Some(1.0), |text| text.parse().ok())?;
    (quality > 0.0).then_some((quality, tag))
}

#[cfg(test)]
mod tests;
