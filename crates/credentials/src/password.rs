//! Passwords as text: one normalisation for every path, and the rules for choosing a new one.
//!
//! A password is what was typed, in Unicode NFC (NIST SP 800-63B-4, section 3.1.1.2), so that the
//! same text from two keyboards is the same password. Nothing else changes it: nothing is
//! trimmed, folded or cut. Code points that this Unicode version does not assign are refused,
//! since a later version could normalise them otherwise (UAX #15, section 12.1). Every assigned
//! one may be used, control characters and NUL included: they are hashed as bytes with a length.

use std::fmt;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use zeroize::Zeroizing;

use crate::blocklist;
use crate::context::PasswordContext;

/// The Unicode version that decides what is assigned and how it is normalised.
pub const UNICODE_VERSION: (u8, u8, u8) = unicode_normalization::UNICODE_VERSION;

const MAX_CODE_POINTS: usize = 256;
const MAX_BYTES: usize = 1024;
/// NFC makes no text shorter than a third in bytes: what is longer than this before it is too
/// long after it, and is not worth normalising.
const MAX_RAW_BYTES: usize = 4 * MAX_BYTES;
/// NIST allows 8 only beside a second factor; no setting goes below it.
const FLOOR: usize = 8;

#[derive(Debug)]
enum NotAPassword {
    TooLong,
    Unassigned,
}

fn normalise(text: &str) -> Result<Zeroizing<String>, NotAPassword> {
    if text.len() > MAX_RAW_BYTES {
        return Err(NotAPassword::TooLong);
    }
    if text
        .chars()
        .any(|c| c.general_category() == GeneralCategory::Unassigned)
    {
        return Err(NotAPassword::Unassigned);
    }
    let mut normal = Zeroizing::new(String::with_capacity(text.len() * 3));
    normal.extend(text.nfc());
    if normal.len() > MAX_BYTES || normal.chars().count() > MAX_CODE_POINTS {
        return Err(NotAPassword::TooLong);
    }
    Ok(normal)
}

/// What somebody typed to prove who they are. A text that can be nobody's password is kept as
/// such: checking it costs the same hash and never succeeds.
pub struct PresentedPassword(Option<Zeroizing<String>>);

impl PresentedPassword {
    pub fn new(text: &str) -> Self {
        Self(normalise(text).ok())
    }

    pub(crate) fn text(&self) -> Option<&str> {
        self.0.as_ref().map(|text| text.as_str())
    }
}

/// What an operator may set about passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordRules {
    /// In code points after NFC; less than 8 counts as 8.
    pub min_length: usize,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self { min_length: 15 }
    }
}

/// A password that may be set.
pub struct NewPassword(Zeroizing<String>);

/// Why a password cannot be chosen, in words for the person who chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PasswordRejection {
    #[error(
        "The password is too short: it needs at least {min} characters. \
         A few words that have nothing to do with each other are easy to remember."
    )]
    TooShort { min: usize },
    #[error("The password is too long: it can have at most 256 characters (1024 bytes).")]
    TooLong,
    #[error(
        "The password contains a character that Unicode does not define, \
         which might not be typed the same way everywhere. Please leave it out."
    )]
    UnassignedCharacter,
    #[error(
        "The password is one of the most common ones, which are the first that others try. \
         Please choose another."
    )]
    Common,
    #[error(
        "The password is made of your address or of the name of this service, \
         which are easy to guess. Please choose another, or add words of your own."
    )]
    AboutYouOrThisService,
}

impl PasswordRejection {
    /// A stable name for programs.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::TooLong => "too_long",
            Self::UnassignedCharacter => "unassigned_character",
            Self::Common => "common",
            Self::AboutYouOrThisService => "about_you_or_this_service",
        }
    }
}

impl NewPassword {
    /// The one check for every way to set a password. It knows nothing of accounts: its answer
    /// tells a stranger nothing about whether one exists.
    pub fn choose(
        text: &str,
        rules: &PasswordRules,
        context: &PasswordContext<'_>,
    ) -> Result<Self, PasswordRejection> {
        let text = normalise(text).map_err(|reason| match reason {
            NotAPassword::TooLong => PasswordRejection::TooLong,
            NotAPassword::Unassigned => PasswordRejection::UnassignedCharacter,
        })?;
        let min = rules.min_length.max(FLOOR);
        if text.chars().count() < min {
            return Err(PasswordRejection::TooShort { min });
        }
        if blocklist::is_common(&text) {
            return Err(PasswordRejection::Common);
        }
        if context.derives(&text) {
            return Err(PasswordRejection::AboutYouOrThisService);
        }
        Ok(Self(text))
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PresentedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedPassword(…)")
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword(…)")
    }
}

#[cfg(test)]
mod tests;
