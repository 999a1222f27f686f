//! Arguments that are more than a text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::configuration::{DAY, at_most};

const TOKEN_LIFETIME_MAX: Duration = DAY.saturating_mul(366);

/// A point in an account's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// After the event with this number.
    Sequence(u64),
    /// After everything that was recorded up to then.
    Instant(DateTime<Utc>),
}

/// Neither a number nor a time.
#[derive(Debug, thiserror::Error)]
#[error("write a sequence number such as 12, or an instant such as 2026-11-24T09:30:00Z")]
pub struct NotAMoment;

impl FromStr for Moment {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(sequence) = text.parse() {
            return Ok(Self::Sequence(sequence));
        }
        let instant = DateTime::parse_from_rfc3339(text).map_err(|_| NotAMoment)?;
        Ok(Self::Instant(instant.to_utc()))
    }
}

/// As `GET /audit/accounts/{id}/state?at=` takes it.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sequence(sequence) => sequence.fmt(f),
            Self::Instant(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        }
    }
}

pub(super) fn token_lifetime(text: &str) -> Result<Duration, String> {
    at_most(text, TOKEN_LIFETIME_MAX)
}

/// Stands in histories and on terminals for ever, so nothing that a terminal would obey.
pub(super) fn person_name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("a name is not empty".to_owned());
    }
    if text.contains(char::is_control) {
        return Err("a name has no control characters".to_owned());
    }
    Ok(text.to_owned())
}

pub(super) fn id<T: FromStr>(text: &str) -> Result<T, String> {
    let example = "ids look like 0193a3c4-5d6e-7f80-9a1b-2c3d4e5f6071";
    text.parse().map_err(|_| format!("not an id; {example}"))
}
