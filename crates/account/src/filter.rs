//! Which events of a history an auditor asks for. The record of the call holds the question.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::log::LogEvent;
use crate::staff::StaffEvent;
use crate::{AccountEvent, Actor};

/// An event passes that fits everything that is asked; nothing asked is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventFilter {
    /// Any of them, if there is one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<EventName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<ActorFilter>,
    /// Inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// Exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

impl EventFilter {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub fn admits(&self, event_type: &str, actor: &Actor, recorded_at: DateTime<Utc>) -> bool {
        let named = self.types.is_empty() || self.types.iter().any(|name| name.0 == event_type);
        named
            && self.actor.is_none_or(|asked| asked.fits(actor))
            && self.since.is_none_or(|since| since <= recorded_at)
            && self.until.is_none_or(|until| recorded_at < until)
    }
}

/// The name of an event that there is; in an old record, that there was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventName(String);

impl EventName {
    /// Every name that is taken.
    pub fn all() -> impl Iterator<Item = &'static str> {
        let of_accounts = AccountEvent::NAMES.into_iter();
        of_accounts.chain(StaffEvent::NAMES).chain(LogEvent::NAMES)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the name of an event")]
pub struct NoSuchEvent;

impl FromStr for EventName {
    type Err = NoSuchEvent;

    fn from_str(text: &str) -> Result<Self, NoSuchEvent> {
        let known = Self::all().find(|name| *name == text).ok_or(NoSuchEvent)?;
        Ok(Self(known.to_owned()))
    }
}

/// Whoever acted: everybody of a kind, or one owner or member of staff by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum ActorFilter {
    Kind(ActorKind),
    Id(Uuid),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    Visitor,
    Owner,
    Support,
    Auditor,
    System,
}

impl ActorKind {
    const ALL: [Self; 5] = [
        Self::Visitor,
        Self::Owner,
        Self::Support,
        Self::Auditor,
        Self::System,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Owner => "owner",
            Self::Support => "support",
            Self::Auditor => "auditor",
            Self::System => "system",
        }
    }
}

impl Actor {
    pub const fn kind(&self) -> ActorKind {
        match self {
            Self::Visitor => ActorKind::Visitor,
            Self::Owner { .. } => ActorKind::Owner,
            Self::Support { .. } => ActorKind::Support,
            Self::Auditor { .. } => ActorKind::Auditor,
            Self::System => ActorKind::System,
        }
    }

    /// Of an account or a member of staff.
    pub const fn id(&self) -> Option<Uuid> {
        match self {
            Self::Owner { id } => Some(id.as_uuid()),
            Self::Support { id, .. } | Self::Auditor { id, .. } => Some(id.as_uuid()),
            Self::Visitor | Self::System => None,
        }
    }
}

impl ActorFilter {
    fn fits(self, actor: &Actor) -> bool {
        match self {
            Self::Kind(kind) => actor.kind() == kind,
            Self::Id(id) => actor.id() == Some(id),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is neither visitor, owner, support, auditor or system nor an id")]
pub struct NoSuchActor;

impl FromStr for ActorFilter {
    type Err = NoSuchActor;

    fn from_str(text: &str) -> Result<Self, NoSuchActor> {
        let mut kinds = ActorKind::ALL.into_iter();
        if let Some(kind) = kinds.find(|kind| kind.name() == text) {
            return Ok(Self::Kind(kind));
        }
        let id = text.parse::<Uuid>().map_err(|_| NoSuchActor)?;
        // Ids have one spelling.
        (id.to_string() == text)
            .then_some(Self::Id(id))
            .ok_or(NoSuchActor)
    }
}

impl TryFrom<String> for ActorFilter {
    type Error = NoSuchActor;

    fn try_from(text: String) -> Result<Self, NoSuchActor> {
        text.parse()
    }
}

impl From<ActorFilter> for String {
    fn from(actor: ActorFilter) -> Self {
        actor.to_string()
    }
}

impl fmt::Display for ActorFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => f.write_str(kind.name()),
            Self::Id(id) => id.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
