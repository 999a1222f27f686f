//! Checkpoints that were kept outside, against the log: does it continue each of them?

use std::collections::BTreeSet;

use account::log::{EpochOpened, LogEvent};
use chrono::{DateTime, Utc};
use proofs::checkpoint::{Checkpoint, Origin};
use sqlx::PgConnection;

use super::{Damage, Damaged, Roots, Verdict, event_from, tree};
use crate::log::LogHead;
use crate::{Error, Store};

/// A checkpoint that somebody kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Where, such as the name of a file.
    pub source: String,
    pub note: String,
}

/// A kept checkpoint that a known key has signed.
pub(super) struct Known {
    source: String,
    pub(super) checkpoint: Checkpoint,
}

/// What the log lost when it was restored from a backup, as `countersign recover` told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The epoch that the recovery opened.
    pub epoch: u32,
    pub at: DateTime<Utc>,
    /// Events of the restored backup.
    pub size: u64,
    /// Of the last checkpoint that was known outside.
    pub lost_size: u64,
    pub reason: String,
}

impl Store {
    /// All kept checkpoints that a key of this log has signed; the others are damage.
    pub(super) async fn kept_checkpoints(
        &self,
        head: &LogHead,
        mut kept: Vec<Kept>,
        snapshot: &mut PgConnection,
        verdict: &mut Verdict,
    ) -> Result<Vec<Known>, Error> {
        let stored = sqlx::query_scalar::<_, String>("SELECT note FROM checkpoints")
            .fetch_all(snapshot)
            .await?;
        kept.extend(stored.into_iter().map(|note| Kept {
            source: "the database".to_owned(),
            note,
        }));
        let keys = tree::keys(&self.log_keyring, head)?;
        let mut known = Vec::with_capacity(kept.len());
        for Kept { source, note } in kept {
            match keys.verify(&note) {
                Ok(checkpoint) => known.push(Known { source, checkpoint }),
                Err(error) => verdict.add(damaged(
                    Damage::Checkpoint,
                    None,
                    format!("{source}: {error}"),
                )),
            }
        }
        Ok(known)
    }
}

fn damaged(kind: Damage, position: Option<u64>, what: String) -> Damaged {
    Damaged {
        kind,
        stream: None,
        sequence: None,
        position,
        what,
    }
}

/// Holds each kept checkpoint against the roots of its size. Those of an epoch that ended with a
/// restored backup count up to the backup's size; beyond it they have to be acknowledged.
pub(super) async fn compare(
    kept: &[Known],
    head: &LogHead,
    roots: &Roots,
    snapshot: &mut PgConnection,
    verdict: &mut Verdict,
) -> Result<(), Error> {
    let openings = openings(snapshot).await?;
    let (mut agreed, mut disagreed) = (BTreeSet::from([0]), Vec::new());
    for Known { source, checkpoint } in kept {
        let Checkpoint { origin, size, root } = checkpoint;
        let later = openings.iter().filter(|opened| opened.epoch > origin.epoch);
        let cut = later.clone().map(|opened| opened.size).min();
        if cut.is_some_and(|cut| *size > cut) {
            let mut lost = later.flat_map(|opened| &opened.lost);
            if !lost.any(|lost| lost.epoch == origin.epoch && lost.size >= *size) {
                disagreed.push((cut.unwrap_or_default(), format!(
                    "{source}: no recovery acknowledges that the events up to {size} of epoch {} are lost",
                    origin.epoch
                )));
            }
        } else if roots.get(size) == Some(root) && origin.epoch <= head.origin().epoch {
            verdict.checkpoints += 1;
            agreed.insert(*size);
        } else {
            disagreed.push((
                *size,
                format!("{source}: {}", disagreement(origin, *size, head)),
            ));
        }
    }
    verdict.gaps = openings.iter().map(gap).collect();
    if let Some((size, what)) = disagreed.into_iter().min() {
        // Between the last checkpoint that agrees and the first that does not.
        let from = agreed.range(..=size).next_back().copied().unwrap_or(0);
        let what = format!("{what}; positions before {from} are as they were");
        let mut found = damaged(Damage::Fork, Some(from), what);
        if let Some((stream, sequence)) = event_from(from, snapshot).await? {
            (found.stream, found.sequence) = (Some(stream), Some(sequence));
        }
        verdict.add(found);
    }
    Ok(())
}

fn disagreement(origin: &Origin, size: u64, head: &LogHead) -> String {
    if size > head.size() {
        format!("the log had {size} events and has {}", head.size())
    } else if origin.epoch > head.origin().epoch {
        format!("it is of the later epoch {}", origin.epoch)
    } else {
        format!("the first {size} events are not those that it was signed for")
    }
}

fn gap(opened: &EpochOpened) -> Gap {
    let lost = opened.lost.iter().map(|lost| lost.size).max();
    Gap {
        epoch: opened.epoch,
        at: opened.at,
        size: opened.size,
        lost_size: lost.unwrap_or(opened.size),
        reason: opened.reason.clone(),
    }
}

/// The recoveries that the log tells of; that their events are genuine is checked with all others.
async fn openings(snapshot: &mut PgConnection) -> Result<Vec<EpochOpened>, Error> {
    let payloads = sqlx::query_scalar::<_, String>(
        "SELECT payload::text FROM events WHERE aggregate_type = 'log' ORDER BY sequence",
    )
    .fetch_all(snapshot)
    .await?;
    let opened = payloads
        .iter()
        .filter_map(|payload| serde_json::from_str(payload).ok());
    Ok(opened.map(|LogEvent::EpochOpened(opened)| opened).collect())
}
