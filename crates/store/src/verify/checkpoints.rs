//! Checkpoints that were kept outside, against the log: does it continue each of them?

use std::collections::BTreeSet;

use account::log::{EpochOpened, LOG_STREAM, Log, LogEvent};
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use credentials::Keyring;
use data_encoding::HEXLOWER;
use proofs::checkpoint::{Checkpoint, Origin};
use proofs::event::GENESIS;
use sqlx::{PgConnection, PgExecutor};

use super::{Damage, Damaged, Roots, Verdict, named, part, readable};
use crate::log::LogHead;
use crate::{Error, Store, StoredEvent};

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
        kept: Vec<Kept>,
        snapshot: &mut PgConnection,
        verdict: &mut Verdict,
    ) -> Result<Vec<Known>, Error> {
        part(snapshot).await?;
        let stored = read_stored(snapshot).await;
        let place = Damaged::of_log(Damage::Unreadable, None, "the table of checkpoints");
        let stored = readable(stored, place, snapshot, verdict).await?;
        let kept = kept.into_iter().map(|kept| (kept, None));
        let keys = head.known_keys(&self.log_keyring)?;
        let mut known = Vec::new();
        for (Kept { source, note }, row) in kept.chain(stored.unwrap_or_default()) {
            let fault = match keys.verify(&note) {
                Ok(checkpoint) if row.is_none_or(|row| row == place_of(&checkpoint)) => {
                    known.push(Known { source, checkpoint });
                    continue;
                }
                Ok(checkpoint) => {
                    let (epoch, size) = place_of(&checkpoint);
                    format!("it is that of epoch {epoch}, size {size}")
                }
                Err(error) => error.to_string(),
            };
            let what = format!("{source}: {fault}");
            verdict.add(Damaged::of_log(Damage::Checkpoint, None, what));
        }
        Ok(known)
    }
}

/// As the database's own row of it has it.
type Place = (i64, i64);

fn place_of(checkpoint: &Checkpoint) -> Place {
    (
        checkpoint.origin.epoch.into(),
        checkpoint.size.cast_signed(),
    )
}

/// Those that the database itself remembers, with what their rows say they are of.
async fn read_stored(snapshot: &mut PgConnection) -> Result<Vec<(Kept, Option<Place>)>, Error> {
    let rows = sqlx::query_as::<_, (Option<i32>, Option<i64>, Option<String>)>(
        "SELECT epoch, size, note FROM checkpoints ORDER BY epoch, size",
    )
    .fetch_all(snapshot)
    .await?;
    let kept = rows.into_iter().map(|(epoch, size, note)| {
        let (epoch, size) = (epoch.unwrap_or_default(), size.unwrap_or_default());
        let kept = Kept {
            source: format!("the database's own of epoch {epoch}, size {size}"),
            note: note.unwrap_or_default(),
        };
        (kept, Some((epoch.into(), size)))
    });
    Ok(kept.collect())
}

/// Holds each kept checkpoint against the roots of its size. Beyond the size of a restored backup,
/// those of the epochs before it need not agree, but have to be acknowledged.
pub(super) async fn compare(
    kept: &[Known],
    head: &LogHead,
    roots: &Roots,
    openings: &[EpochOpened],
    snapshot: &mut PgConnection,
    verdict: &mut Verdict,
) -> Result<(), Error> {
    // One that a recovery was cut off at tells nothing yet.
    let in_force = |opened: &&EpochOpened| opened.epoch <= head.origin().epoch;
    let openings = openings.iter().filter(in_force).cloned();
    let openings = openings.collect::<Vec<_>>();
    let (mut agreed, mut disagreed) = (BTreeSet::from([0]), Vec::new());
    for Known { source, checkpoint } in kept {
        let Checkpoint { origin, size, root } = checkpoint;
        if roots.get(size) == Some(root) && origin.epoch <= head.origin().epoch {
            agreed.insert(*size);
        } else if !is_acknowledged(&openings, checkpoint) {
            let cut = cut_of(&openings, origin.epoch).filter(|cut| size > cut);
            let what = match cut {
                Some(_) => format!(
                    "no recovery acknowledges that the events up to {size} of epoch {} are lost",
                    origin.epoch
                ),
                None => disagreement(origin, *size, head),
            };
            disagreed.push((cut.unwrap_or(*size), format!("{source}: {what}")));
        }
    }
    verdict.checkpoints = agreed.len() as u64 - 1;
    verdict.gaps = openings.iter().map(gap).collect();
    if let Some((size, what)) = disagreed.into_iter().min() {
        // Between the last checkpoint that agrees and the first that does not.
        let from = agreed.range(..=size).next_back().copied().unwrap_or(0);
        let what = format!("{what}; positions before {from} are as they were");
        let mut found = Damaged::of_log(Damage::Fork, Some(from), what);
        // What was found in between is what happened.
        found.order = size.saturating_sub(1).max(from);
        verdict.add(named(found, snapshot).await?);
    }
    Ok(())
}

/// The size up to which events of an epoch survived every later recovery.
fn cut_of(openings: &[EpochOpened], epoch: u32) -> Option<u64> {
    let later = openings.iter().filter(|opened| opened.epoch > epoch);
    later.map(|opened| opened.size).min()
}

/// Whether a recovery told that the events of this checkpoint are lost.
pub(crate) fn is_acknowledged(openings: &[EpochOpened], checkpoint: &Checkpoint) -> bool {
    let Checkpoint { origin, size, root } = checkpoint;
    let covers = |opened: &EpochOpened| {
        let mut lost = opened.lost.iter();
        lost.any(|lost| {
            lost.epoch == origin.epoch
                && (lost.size > *size || lost.size == *size && lost.root == HEXLOWER.encode(root))
        })
    };
    cut_of(openings, origin.epoch).is_some_and(|cut| *size > cut)
        && openings
            .iter()
            .any(|opened| opened.epoch > origin.epoch && covers(opened))
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

/// Its events, of which one after the other has to be genuine. Whether they have their places in the
/// log is checked with all others.
const OPENINGS: &str = "
    SELECT aggregate_type, aggregate_id, sequence, event_type, event_version, recorded_at,
        payload::text AS payload, metadata::text AS metadata, hash, mac, key_id,
        NULL::bigint AS position
    FROM events WHERE aggregate_id = $1 AND aggregate_type = $2 ORDER BY sequence";

/// The recoveries that the log tells of, up to the first event that this service did not write.
pub(crate) async fn openings(
    keyring: &Keyring,
    executor: impl PgExecutor<'_>,
) -> Result<Vec<EpochOpened>, Error> {
    let events = sqlx::query_as::<_, StoredEvent>(OPENINGS)
        .bind(LOG_STREAM.to_string())
        .bind(Log::TYPE)
        .fetch_all(executor)
        .await?;
    let (mut tip, mut openings) = (GENESIS, Vec::new());
    for (expected, event) in (1..).zip(events) {
        let genuine = event.verify(keyring, &tip).ok();
        let Some(hash) = genuine.filter(|_| event.sequence == expected) else {
            break;
        };
        tip = hash;
        if let Ok(LogEvent::EpochOpened(opened)) = serde_json::from_str(&event.payload) {
            openings.push(opened);
        }
    }
    Ok(openings)
}

/// As [`openings`], where what cannot be read is damage.
pub(super) async fn openings_told(
    keyring: &Keyring,
    snapshot: &mut PgConnection,
    verdict: &mut Verdict,
) -> Result<Vec<EpochOpened>, Error> {
    part(snapshot).await?;
    let told = openings(keyring, &mut *snapshot).await;
    let place = Damaged::of_log(Damage::Unreadable, None, "what the log says of itself");
    Ok(readable(told, place, snapshot, verdict)
        .await?
        .unwrap_or_default())
}
