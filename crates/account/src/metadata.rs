//! Who caused an event, from where, and in which request.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{AccountId, Personal, StaffId};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// The command that appended the event: a commit whose answer was lost is recognised by it.
    pub command: Uuid,
    pub actor: Actor,
    /// Absent for what the system does by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Origin>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    Visitor,
    Owner { id: AccountId },
    Support { id: StaffId, name: String },
    Auditor { id: StaffId, name: String },
    System,
}

/// Where a request came from. All of it is personal: an id that a client chose may say anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub id: Personal,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<Personal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Personal>,
}
