//! Going on from a restored backup: what stood beside the accounts when it was made is dropped, and
//! the log goes on in a new epoch, which tells what of it is lost.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use account::log::{EpochOpened, LOG_STREAM, Log, LogCommand, LostCheckpoint};
use account::{Actor, Metadata};
use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use proofs::Hash;
use uuid::Uuid;

use crate::commit::Commit;
use crate::log::LogHead;
use crate::sequencer::Lead;
use crate::verify::{KeptCheckpoints, Mark, is_acknowledged, openings};
use crate::{Beside, Corruption, Entry, Error, Issued, Store};

/// Some streams at a time: also one whose first event, or whose state, somebody has deleted.
const STREAMS: &str = "
    (SELECT DISTINCT aggregate_id FROM events
        WHERE aggregate_type = $1 AND aggregate_id > $2 ORDER BY aggregate_id LIMIT 500)
    UNION
    (SELECT aggregate_id FROM states
        WHERE aggregate_type = $1 AND aggregate_id > $2 ORDER BY aggregate_id LIMIT 500)
    ORDER BY aggregate_id LIMIT 500";

/// What kept checkpoints tell that the log no longer has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LostHistory {
    /// How many of the log's first events are known to be what they were.
    pub size: u64,
    /// The last checkpoint of each epoch that lost events.
    pub lost: Vec<LostCheckpoint>,
    /// The last epoch that there was.
    epoch: u32,
    /// Where checkpoints were found that no key of this log has signed.
    pub foreign: Vec<String>,
}

/// Links that are no part of an account, and requests for such; nothing of it is history.
const LINKS: [&str; 3] = [
    "DELETE FROM registrations WHERE ctid = ANY (ARRAY(SELECT ctid FROM registrations LIMIT 1000))",
    "DELETE FROM tokens WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM tokens WHERE kind = 'unblock' LIMIT 1000))",
    "DELETE FROM jobs WHERE ctid = ANY (ARRAY(SELECT ctid FROM jobs LIMIT 1000))",
];

impl Store {
    /// Drops every link that is no part of an account, and every request for one; returns how many.
    pub async fn drop_links(&self) -> Result<u64, Error> {
        let mut dropped = 0;
        for statement in LINKS {
            loop {
                let step = sqlx::query(statement).execute(&self.pool).await?;
                dropped += step.rows_affected();
                if step.rows_affected() == 0 {
                    break;
                }
            }
        }
        Ok(dropped)
    }

    /// Holds kept checkpoints against the log. What an earlier recovery told is not told again.
    pub async fn lost_history(
        &self,
        head: &LogHead,
        mut kept: KeptCheckpoints,
    ) -> Result<LostHistory, Error> {
        let openings = self.openings_in_force(head).await?;
        let mut marks = kept.take(head.log_id);
        marks.sort_by_key(|mark| (mark.epoch, Reverse(mark.size)));
        let last_known = marks.last().map_or(0, |mark| mark.epoch);
        let (mut agreed, mut forked, mut lost) = (BTreeSet::from([0]), None, Vec::new());
        for of_epoch in marks.chunk_by(|one, other| one.epoch == other.epoch) {
            let mut last_lost = None;
            for Mark {
                size, root, epoch, ..
            } in of_epoch
            {
                if is_acknowledged(&openings, *epoch, *size, root) {
                    continue;
                }
                if self.continues(head, (*epoch, *size), root).await? {
                    // It continues the smaller ones of the same epoch.
                    agreed.insert(*size);
                    break;
                }
                forked = forked.or(Some(*size)).min(Some(*size));
                last_lost.get_or_insert(LostCheckpoint {
                    epoch: *epoch,
                    size: *size,
                    root: HEXLOWER.encode(root),
                });
            }
            lost.extend(last_lost);
        }
        let common = forked.filter(|forked| *forked <= head.size());
        let common = common.and_then(|forked| agreed.range(..forked).next_back().copied());
        Ok(LostHistory {
            size: common.unwrap_or_else(|| head.size()),
            lost,
            epoch: head.origin().epoch.max(last_known),
            foreign: kept.foreign().collect(),
        })
    }

    /// Whether the log as it is stored grew from one that had this root in this epoch, at this size.
    pub async fn continues(
        &self,
        head: &LogHead,
        (epoch, size): (u32, u64),
        root: &Hash,
    ) -> Result<bool, Error> {
        if epoch > head.origin().epoch || size > head.size() {
            return Ok(false);
        }
        Ok(size == 0 || self.root_at(size).await?.as_ref() == Some(root))
    }

    async fn openings_in_force(&self, head: &LogHead) -> Result<Vec<EpochOpened>, Error> {
        let mut openings = openings(&self.keyring, &self.pool).await?;
        openings.retain(|opened| opened.epoch <= head.origin().epoch);
        Ok(openings)
    }

    /// Tells in the log what is lost, and lets it go on in a new epoch. Where a recovery was cut off
    /// in between, what it told is not told again, as long as it is still all that is lost.
    pub async fn open_epoch(
        &self,
        lead: &mut Lead<'_>,
        lost: LostHistory,
        reason: &str,
        (command, now): (Uuid, DateTime<Utc>),
    ) -> Result<EpochOpened, Error> {
        let head = lead.head().await?;
        let told = openings(&self.keyring, &self.pool).await?.pop();
        let unfinished = told.filter(|told| {
            let same = told.size == lost.size && told.lost == lost.lost;
            same && told.epoch > head.origin().epoch.max(lost.epoch)
        });
        let opened = match unfinished {
            Some(told) => told,
            None => self.tell_epoch(lost, reason, (command, now)).await?,
        };
        lead.open_epoch(opened.epoch).await?;
        Ok(opened)
    }

    async fn tell_epoch(
        &self,
        lost: LostHistory,
        reason: &str,
        (command, now): (Uuid, DateTime<Utc>),
    ) -> Result<EpochOpened, Error> {
        let log = self.fold::<Log>(LOG_STREAM).await?;
        let at = log.moment(now);
        let newest = lost.epoch.max(log.state().epoch.unwrap_or(1));
        let no_more = || Corruption::Log("there is no epoch after the last one".to_owned());
        let opened = EpochOpened {
            at,
            epoch: newest.checked_add(1).ok_or_else(no_more)?,
            size: lost.size,
            lost: lost.lost,
            reason: reason.to_owned(),
        };
        let decided = log.decide(LogCommand::OpenEpoch(opened.clone()), &(), at);
        let decided = decided.await.map_err(|_| Error::Conflict)?;
        let metadata = Metadata {
            command,
            actor: Actor::System,
            request: None,
        };
        let entry = Entry::new(decided, Issued::default(), metadata);
        self.commit_log(&entry).await?;
        Ok(opened)
    }

    async fn commit_log(&self, entry: &Entry<Log>) -> Result<(), Error> {
        let stream = self.stream_part(entry)?;
        let commit = Commit::of(Some(stream), Beside::default(), entry.decided.at);
        self.execute(commit).await
    }
}

impl Store {
    /// Whether anything has happened that could live again.
    pub async fn has_events(&self) -> Result<bool, Error> {
        let any = sqlx::query_scalar("SELECT EXISTS (SELECT FROM events)");
        Ok(any.fetch_one(&self.pool).await?)
    }

    /// A page of streams in the order of their ids, and the last of them; none at the end.
    pub async fn streams_after(
        &self,
        aggregate_type: &str,
        after: &str,
    ) -> Result<Option<(Vec<Uuid>, String)>, Error> {
        let page = sqlx::query_scalar::<_, String>(STREAMS)
            .bind(aggregate_type)
            .bind(after)
            .fetch_all(&self.pool)
            .await?;
        let ids = page.iter().filter_map(|id| id.parse().ok()).collect();
        Ok(page.last().map(|last| (ids, last.clone())))
    }
}
