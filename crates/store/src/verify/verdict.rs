//! What a verification tells.

use std::fmt;

use super::Gap;

/// How many damages are told one by one.
const TOLD: usize = 100;

/// What kind of damage was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Damage {
    /// The stored event is not the one whose hash stands beside it, or which was logged.
    Changed,
    /// An event that this service did not write.
    Forged,
    /// An event that was there.
    Missing,
    /// An event that the log does not know and nobody waits to give it a position.
    Unlogged,
    /// The order of the log, or the head of it.
    Log,
    /// A node of the tree over the log.
    Tree,
    /// Rows that the database cannot give, or not as what they should be.
    Unreadable,
    /// A checkpoint that is not signed by this log's keys.
    Checkpoint,
    /// The log is not the one of which a checkpoint was kept.
    Fork,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "changed",
            Self::Forged => "forged",
            Self::Missing => "missing",
            Self::Unlogged => "not in the log",
            Self::Log => "log damaged",
            Self::Tree => "tree damaged",
            Self::Unreadable => "unreadable",
            Self::Checkpoint => "checkpoint not to be trusted",
            Self::Fork => "not the log of a kept checkpoint",
        })
    }
}

/// One place where history is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    pub kind: Damage,
    pub stream: Option<String>,
    pub sequence: Option<u64>,
    pub position: Option<u64>,
    pub what: String,
    /// Where it stands among the others: its position or, where nobody knows that, the next best.
    pub(super) order: u64,
}

impl Damaged {
    /// Of the log, at a position if that is known.
    pub(super) fn of_log(kind: Damage, position: Option<u64>, what: impl Into<String>) -> Self {
        Self {
            kind,
            stream: None,
            sequence: None,
            position,
            what: what.into(),
            order: position.unwrap_or(u64::MAX),
        }
    }
}

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    pub events: u64,
    pub streams: u64,
    /// Of the tree.
    pub size: u64,
    /// Kept checkpoints that this log continues.
    pub checkpoints: u64,
    /// The first of them by their positions.
    pub damaged: Vec<Damaged>,
    /// Of all.
    pub damages: u64,
    /// What recoveries from backups lost, as they told.
    pub gaps: Vec<Gap>,
}

impl Verdict {
    pub(super) fn add(&mut self, mut damaged: Damaged) {
        match self.take_known(&damaged) {
            // The same place from two sides.
            Some(known) => {
                damaged.position = known.position.or(damaged.position);
                damaged.order = known.order.min(damaged.order);
                damaged.what = known.what;
            }
            None => self.damages += 1,
        }
        let place = |damaged: &Damaged| (damaged.order, damaged.kind);
        let at = self
            .damaged
            .partition_point(|known| place(known) <= place(&damaged));
        self.damaged.insert(at, damaged);
        self.damaged.truncate(TOLD);
    }

    /// Tells the position of a damage that was counted without it.
    pub(super) fn locate(&mut self, damaged: Damaged) {
        self.damages = self.damages.saturating_sub(1);
        let what = self.take_known(&damaged).map(|known| known.what);
        let what = what.unwrap_or_else(|| damaged.what.clone());
        self.add(Damaged { what, ..damaged });
    }

    fn take_known(&mut self, damaged: &Damaged) -> Option<Damaged> {
        let known = self.damaged.iter().position(|known| {
            known.stream.is_some()
                && known.stream == damaged.stream
                && known.sequence == damaged.sequence
                && known.kind == damaged.kind
        })?;
        Some(self.damaged.remove(known))
    }
}
