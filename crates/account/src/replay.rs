//! An account as it was: its state after the events up to a point, and none after it.

use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::{Account, AccountEvent};

/// As of when a state is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Now,
    Sequence(u64),
    /// Inclusive.
    Instant(DateTime<Utc>),
}

/// Where an event stands in its account's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub sequence: u64,
    pub recorded_at: DateTime<Utc>,
}

/// The state at a point of a history that is told from its beginning, and the place of the last
/// event in it. `None` where the history does not reach the point, or begins after it.
pub fn as_of(
    history: impl IntoIterator<Item = (Place, AccountEvent)>,
    at: At,
) -> Option<(Account, Place)> {
    let (mut account, mut reached) = (Account::default(), None);
    for (place, event) in history {
        if !at.includes(place) {
            break;
        }
        account.apply_event(event);
        reached = Some(place);
    }
    let reached = reached?;
    let missed = matches!(at, At::Sequence(asked) if asked != reached.sequence);
    (!missed).then_some((account, reached))
}

impl At {
    fn includes(self, place: Place) -> bool {
        match self {
            Self::Now => true,
            Self::Sequence(sequence) => place.sequence <= sequence,
            Self::Instant(instant) => place.recorded_at <= instant,
        }
    }
}

/// A text that is neither a sequence number nor an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is neither a sequence number nor an RFC 3339 instant")]
pub struct NoSuchPoint;

/// No instant is written longer.
const MAX_INSTANT: usize = 64;

/// Digits are a sequence number; everything else is an RFC 3339 instant.
impl FromStr for At {
    type Err = NoSuchPoint;

    fn from_str(text: &str) -> Result<Self, NoSuchPoint> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = text.parse::<i64>().map_err(|_| NoSuchPoint)?;
            return Ok(Self::Sequence(number.unsigned_abs()));
        }
        if text.len() > MAX_INSTANT {
            return Err(NoSuchPoint);
        }
        let instant = DateTime::parse_from_rfc3339(text).map_err(|_| NoSuchPoint)?;
        Ok(Self::Instant(instant.to_utc()))
    }
}
