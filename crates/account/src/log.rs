//! What happened to the log itself: it was restored from a backup, and goes on in a new epoch.

use chrono::{DateTime, Utc};
use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// The one stream of this kind: a database has one log.
pub const LOG_STREAM: Uuid = Uuid::nil();

/// The log's own history; nothing before the first recovery.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Log {
    /// The epoch in force, the first unless a recovery opened another.
    pub epoch: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogEvent {
    EpochOpened(EpochOpened),
}

/// A backup was restored: what the log once held beyond `size` is lost, and checkpoints of larger
/// trees tell of events that nobody has any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochOpened {
    pub at: DateTime<Utc>,
    pub epoch: u32,
    /// How many of the first events are known to be what they were: as many as the backup had.
    pub size: u64,
    /// The last checkpoint known outside, of each epoch that lost events.
    pub lost: Vec<LostCheckpoint>,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostCheckpoint {
    pub epoch: u32,
    pub size: u64,
    /// Hexadecimal.
    pub root: String,
}

#[derive(Clone, Debug)]
pub enum LogCommand {
    OpenEpoch(EpochOpened),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LogRefusal {
    #[error("the log has come to a later epoch")]
    EpochIsOver,
}

impl Log {
    /// Decides what a command does: the event to append, or why nothing happens.
    pub fn decide(&self, command: LogCommand) -> Result<LogEvent, LogRefusal> {
        let LogCommand::OpenEpoch(opened) = command;
        if opened.epoch <= self.epoch.unwrap_or(1) {
            return Err(LogRefusal::EpochIsOver);
        }
        Ok(LogEvent::EpochOpened(opened))
    }
}

impl Aggregate for Log {
    const TYPE: &'static str = "log";
    type Command = LogCommand;
    type Event = LogEvent;
    type Error = LogRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: LogCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), LogRefusal> {
        let event = self.decide(command)?;
        sink.write(event, self).await;
        Ok(())
    }

    fn apply(&mut self, event: LogEvent) {
        let LogEvent::EpochOpened(opened) = event;
        self.epoch = Some(opened.epoch);
    }
}

impl LogEvent {
    /// Of every type.
    pub const NAMES: [&str; 1] = ["EpochOpened"];

    pub const fn name(&self) -> &'static str {
        match self {
            Self::EpochOpened(_) => "EpochOpened",
        }
    }
}

impl DomainEvent for LogEvent {
    fn event_type(&self) -> String {
        self.name().to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(epoch: u32) -> EpochOpened {
        EpochOpened {
            at: DateTime::UNIX_EPOCH,
            epoch,
            size: 7,
            lost: Vec::new(),
            reason: "disk lost".to_owned(),
        }
    }

    #[test]
    fn a_recovery_opens_a_later_epoch_and_never_an_earlier_one() {
        let mut log = Log::default();
        let refused = log.decide(LogCommand::OpenEpoch(opening(1)));
        assert_eq!(refused, Err(LogRefusal::EpochIsOver));
        let event = log.decide(LogCommand::OpenEpoch(opening(3))).unwrap();
        log.apply(event);
        let refused = log.decide(LogCommand::OpenEpoch(opening(3)));
        assert_eq!(refused, Err(LogRefusal::EpochIsOver));
        assert!(log.decide(LogCommand::OpenEpoch(opening(4))).is_ok());
    }
}
