//! Query parameters that choose among events.

use account::filter::{ActorFilter, EventName};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// Names of events, with commas between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct AskedTypes(pub(crate) Vec<EventName>);

impl AskedTypes {
    pub(crate) const MOST: usize = 100;
}

impl<'de> Deserialize<'de> for AskedTypes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let mut names = text
            .split(',')
            .map(|name| name.parse().map_err(D::Error::custom))
            .collect::<Result<Vec<EventName>, _>>()?;
        if names.len() > Self::MOST {
            return Err(D::Error::custom("must be at most 100 names"));
        }
        names.sort();
        names.dedup();
        Ok(Self(names))
    }
}

/// A kind of actor, or an id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AskedActor(pub(crate) ActorFilter);

impl<'de> Deserialize<'de> for AskedActor {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

/// An RFC 3339 instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AskedInstant(pub(crate) DateTime<Utc>);

/// No instant is written longer.
const MAX_INSTANT: usize = 64;

impl<'de> Deserialize<'de> for AskedInstant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let short = Some(text.as_str()).filter(|text| text.len() <= MAX_INSTANT);
        short
            .and_then(|text| DateTime::parse_from_rfc3339(text).ok())
            .map(|instant| Self(instant.to_utc()))
            .ok_or_else(|| D::Error::custom("must be an RFC 3339 instant"))
    }
}
