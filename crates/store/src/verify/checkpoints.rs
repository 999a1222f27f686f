//! Checkpoints that were kept outside, against the log: does it continue each of them?

use account::log::{EpochOpened, LOG_STREAM, Log, LogEvent};
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use credentials::Keyring;
use data_encoding::HEXLOWER;
use proofs::Hash;
use proofs::event::GENESIS;
use sqlx::{PgConnection, PgExecutor};

use super::kept::{KeptCheckpoints, Mark};
use super::{Damage, Damaged, Verdict, named, part, readable};
use crate::log::LogHead;
use crate::{Error, StoredEvent};

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

/// What the log is not of which a checkpoint was kept: in order of the sizes up to which it had to be.
type Disagreement = (u64, String);

/// Tells where the log is not the one of a kept checkpoint. Beyond the size of a restored backup, those
/// of the epochs before it need not agree, but have to be acknowledged. `marks` are in the order of
/// their sizes.
pub(super) async fn compare(
    (kept, marks): (&KeptCheckpoints, &[Mark]),
    head: &LogHead,
    openings: &[EpochOpened],
    snapshot: &mut PgConnection,
    verdict: &mut Verdict,
) -> Result<(), Error> {
    // One that a recovery was cut off at tells nothing yet.
    let in_force = |opened: &&EpochOpened| opened.epoch <= head.origin().epoch;
    let openings = openings.iter().filter(in_force).cloned();
    let openings = openings.collect::<Vec<_>>();
    let agrees = |mark: &&Mark| mark.agrees && mark.epoch <= head.origin().epoch;
    let mut sizes = marks.iter().filter(agrees).map(|mark| mark.size).peekable();
    let mut first: Option<Disagreement> = None;
    for mark in marks.iter().filter(|mark| !agrees(mark)) {
        if is_acknowledged(&openings, mark.epoch, mark.size, &mark.root) {
            continue;
        }
        let cut = cut_of(&openings, mark.epoch).filter(|cut| mark.size > *cut);
        let size = cut.unwrap_or(mark.size);
        if first.as_ref().is_none_or(|(known, _)| size < *known) {
            let what = disagreement(mark, cut.is_some(), head);
            first = Some((size, format!("{}: {what}", kept.source(mark))));
        }
    }
    let mut from = 0;
    while let Some(agreed) = sizes.next() {
        if agreed > 0 && sizes.peek() != Some(&agreed) {
            verdict.checkpoints += 1;
        }
        if first.as_ref().is_some_and(|(size, _)| agreed <= *size) {
            from = agreed;
        }
    }
    verdict.gaps = openings.iter().map(gap).collect();
    if let Some((size, what)) = first {
        // Between the last checkpoint that agrees and the first that does not.
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
pub(crate) fn is_acknowledged(
    openings: &[EpochOpened],
    epoch: u32,
    size: u64,
    root: &Hash,
) -> bool {
    let covers = |opened: &EpochOpened| {
        let mut lost = opened.lost.iter();
        lost.any(|lost| {
            lost.epoch == epoch
                && (lost.size > size || lost.size == size && lost.root == HEXLOWER.encode(root))
        })
    };
    cut_of(openings, epoch).is_some_and(|cut| size > cut)
        && openings
            .iter()
            .any(|opened| opened.epoch > epoch && covers(opened))
}

fn disagreement(mark: &Mark, is_cut: bool, head: &LogHead) -> String {
    let Mark { size, epoch, .. } = mark;
    if is_cut {
        format!("no recovery acknowledges that the events up to {size} of epoch {epoch} are lost")
    } else if *size > head.size() {
        format!("the log had {size} events and has {}", head.size())
    } else if *epoch > head.origin().epoch {
        format!("it is of the later epoch {epoch}")
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
