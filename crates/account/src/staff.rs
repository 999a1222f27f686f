//! Members of staff: who may act, and what they did that changed no account.

use chrono::{DateTime, Utc};
use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::filter::EventFilter;
use crate::{AccountId, Personal, StaffSessionId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Finds and unlocks accounts.
    Support,
    /// Reads history and proofs.
    Auditor,
}

/// A member of staff; nothing before its first event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Staff {
    pub issued: Option<Issued>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    pub at: DateTime<Utc>,
    pub name: String,
    pub role: Role,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// Sessions in browsers that have not been signed out, oldest first.
    pub sessions: Vec<StaffSession>,
}

/// A browser that was signed in with the staff token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffSession {
    pub id: StaffSessionId,
    pub expires_at: DateTime<Utc>,
}

/// The oldest makes room.
const SESSIONS_AT_ONCE: usize = 5;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum StaffEvent {
    StaffIssued {
        at: DateTime<Utc>,
        name: String,
        role: Role,
        expires_at: DateTime<Utc>,
    },
    StaffRevoked {
        at: DateTime<Utc>,
    },
    #[serde(untagged)]
    Act(StaffAct),
}

/// What a member of staff did that changed no account: one for each call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum StaffAct {
    /// An address that has no account stands here itself; one that has is told by the account.
    AccountSearched {
        account: Option<AccountId>,
        address: Option<Personal>,
    },
    AccountViewed {
        account: AccountId,
    },
    HistoryRead {
        account: AccountId,
        after: u64,
        limit: u32,
        /// Absent in a record of the time before there were filters.
        #[serde(default, skip_serializing_if = "EventFilter::is_empty")]
        filter: EventFilter,
    },
    StateRead {
        account: AccountId,
        sequence: u64,
    },
    FeedRead {
        after: Option<u64>,
        limit: Option<u32>,
        #[serde(default, skip_serializing_if = "EventFilter::is_empty")]
        filter: EventFilter,
    },
    /// Of the log when it had this many events.
    CheckpointRead {
        size: u64,
    },
    InclusionProved {
        position: u64,
        size: u64,
    },
    ConsistencyProved {
        from: u64,
        to: u64,
    },
    /// By what names the tile in C2SP's tlog-tiles, such as `0/x001/234`.
    TileRead {
        path: String,
    },
    /// A call that was refused, or that only repeated an earlier answer, by its problem code.
    CallRefused {
        operation: String,
        account: Option<AccountId>,
        code: String,
    },
    UnlockRepeated {
        account: AccountId,
    },
    StaffSignedIn {
        session: StaffSessionId,
        expires_at: DateTime<Utc>,
    },
    StaffSignedOut {
        session: StaffSessionId,
    },
}

#[derive(Clone, Debug)]
pub enum StaffCommand {
    Issue {
        at: DateTime<Utc>,
        name: String,
        role: Role,
        expires_at: DateTime<Utc>,
    },
    Revoke {
        at: DateTime<Utc>,
    },
    /// Records a call; only somebody who may still act can have made one.
    Record {
        at: DateTime<Utc>,
        act: StaffAct,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StaffRefusal {
    #[error("the member of staff exists already")]
    AlreadyIssued,
    #[error("there is no such member of staff")]
    NotIssued,
    #[error("the token was revoked")]
    Revoked,
    #[error("the token has expired")]
    Expired,
}

impl Issued {
    /// Whether the token is in force.
    pub fn is_active(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// Whether a session is still in force.
    pub fn has_session(&self, id: StaffSessionId, now: DateTime<Utc>) -> bool {
        self.sessions
            .iter()
            .any(|session| session.id == id && now < session.expires_at)
    }

    fn begin(&mut self, begun: StaffSession) {
        self.sessions.push(begun);
        let surplus = self.sessions.len().saturating_sub(SESSIONS_AT_ONCE);
        self.sessions.drain(..surplus);
    }
}

impl Staff {
    /// Decides what a command does: the event to append, or why nothing happens.
    pub fn decide(&self, command: StaffCommand) -> Result<StaffEvent, StaffRefusal> {
        match (command, &self.issued) {
            (
                StaffCommand::Issue {
                    at,
                    name,
                    role,
                    expires_at,
                },
                None,
            ) => Ok(StaffEvent::StaffIssued {
                at,
                name,
                role,
                expires_at,
            }),
            (StaffCommand::Issue { .. }, Some(_)) => Err(StaffRefusal::AlreadyIssued),
            (_, None) => Err(StaffRefusal::NotIssued),
            (_, Some(issued)) if issued.revoked_at.is_some() => Err(StaffRefusal::Revoked),
            (StaffCommand::Revoke { at }, Some(_)) => Ok(StaffEvent::StaffRevoked { at }),
            (StaffCommand::Record { at, .. }, Some(issued)) if issued.expires_at <= at => {
                Err(StaffRefusal::Expired)
            }
            (StaffCommand::Record { act, .. }, Some(_)) => Ok(StaffEvent::Act(act)),
        }
    }
}

impl Aggregate for Staff {
    const TYPE: &'static str = "staff";
    type Command = StaffCommand;
    type Event = StaffEvent;
    type Error = StaffRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: StaffCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), StaffRefusal> {
        let event = self.decide(command)?;
        sink.write(event, self).await;
        Ok(())
    }

    fn apply(&mut self, event: StaffEvent) {
        match (event, &mut self.issued) {
            (
                StaffEvent::StaffIssued {
                    at,
                    name,
                    role,
                    expires_at,
                },
                issued,
            ) => {
                *issued = Some(Issued {
                    at,
                    name,
                    role,
                    expires_at,
                    revoked_at: None,
                    sessions: Vec::new(),
                });
            }
            (StaffEvent::StaffRevoked { at }, Some(issued)) => issued.revoked_at = Some(at),
            (
                StaffEvent::Act(StaffAct::StaffSignedIn {
                    session,
                    expires_at,
                }),
                Some(issued),
            ) => issued.begin(StaffSession {
                id: session,
                expires_at,
            }),
            (StaffEvent::Act(StaffAct::StaffSignedOut { session }), Some(issued)) => {
                issued.sessions.retain(|begun| begun.id != session);
            }
            _ => {}
        }
    }
}

impl StaffEvent {
    /// Of all events, as they stand in history.
    pub const NAMES: [&str; 15] = [
        "StaffIssued",
        "StaffRevoked",
        "AccountSearched",
        "AccountViewed",
        "HistoryRead",
        "StateRead",
        "FeedRead",
        "CheckpointRead",
        "InclusionProved",
        "ConsistencyProved",
        "TileRead",
        "CallRefused",
        "UnlockRepeated",
        "StaffSignedIn",
        "StaffSignedOut",
    ];

    pub const fn name(&self) -> &'static str {
        match self {
            Self::StaffIssued { .. } => "StaffIssued",
            Self::StaffRevoked { .. } => "StaffRevoked",
            Self::Act(act) => act.name(),
        }
    }
}

impl StaffAct {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AccountSearched { .. } => "AccountSearched",
            Self::AccountViewed { .. } => "AccountViewed",
            Self::HistoryRead { .. } => "HistoryRead",
            Self::StateRead { .. } => "StateRead",
            Self::FeedRead { .. } => "FeedRead",
            Self::CheckpointRead { .. } => "CheckpointRead",
            Self::InclusionProved { .. } => "InclusionProved",
            Self::ConsistencyProved { .. } => "ConsistencyProved",
            Self::TileRead { .. } => "TileRead",
            Self::CallRefused { .. } => "CallRefused",
            Self::UnlockRepeated { .. } => "UnlockRepeated",
            Self::StaffSignedIn { .. } => "StaffSignedIn",
            Self::StaffSignedOut { .. } => "StaffSignedOut",
        }
    }
}

impl DomainEvent for StaffEvent {
    fn event_type(&self) -> String {
        self.name().to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

#[cfg(test)]
mod tests;
