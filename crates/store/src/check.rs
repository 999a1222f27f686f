//! The read models held against a replay of the events, some hundred streams at a time, while the
//! service runs.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use proofs::event::stream_name;

use crate::live_rows::LiveRows;
use crate::replay::STAFF;
use crate::walk::{Replayed, Stream, Walk, columns};
use crate::{ACCOUNT, Error, Progress, Store};

/// Rows of accounts and staff to whom nothing ever happened: table, stream, and how they are found.
macro_rules! strays {
    ($table:literal, $id:literal) => {
        concat!(
            "SELECT DISTINCT ",
            $id,
            "::text FROM ",
            $table,
            " WHERE NOT EXISTS (SELECT FROM events e WHERE e.aggregate_id = ",
            $id,
            "::text AND e.aggregate_type = $1 AND e.sequence = 1)"
        )
    };
}

const STRAYS: [(&str, &str, &str); 5] = [
    ("logins", ACCOUNT, strays!("logins", "account_id")),
    ("settings", ACCOUNT, strays!("settings", "account_id")),
    ("sessions", ACCOUNT, strays!("sessions", "account_id")),
    ("tokens", ACCOUNT, strays!("tokens", "account_id")),
    ("staff", STAFF, strays!("staff", "staff_id")),
];

/// How many findings are told one by one: as many as somebody reads, and not a million.
const TOLD: usize = 1_000;

/// A difference between a read model and the replay, or a history that cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Such as `account/<id>`.
    pub stream: String,
    pub table: &'static str,
    pub what: String,
}

#[derive(Clone, Debug, Default)]
pub struct CheckReport {
    pub accounts: u64,
    pub staff: u64,
    /// Of all these streams.
    pub events: u64,
    /// The first of them.
    pub findings: Vec<Finding>,
    /// Of all.
    pub found: u64,
}

/// Told now and then.
pub type OnProgress<'a> = &'a mut (dyn FnMut(Progress) + Send);

impl Store {
    /// Compares what can be replayed with a replay. Rows whose time has passed may be gone.
    pub async fn check_projections(
        &self,
        now: DateTime<Utc>,
        told: OnProgress<'_>,
    ) -> Result<CheckReport, Error> {
        let mut report = CheckReport::default();
        let mut progress = self.progress().await?;
        let mut walk = Walk::all(self);
        loop {
            let batch = walk.batch().await?;
            if batch.is_empty() {
                break;
            }
            progress.advance(&batch, told);
            for replayed in &batch {
                report.count(replayed);
            }
            report.add(self.check_batch(batch, now).await?);
        }
        self.find_strays(&mut report).await?;
        Ok(report)
    }

    pub(crate) async fn progress(&self) -> Result<Progress, Error> {
        let of = sqlx::query_scalar::<_, i64>(
            "SELECT next + (SELECT count(*) FROM unsequenced) FROM log_head",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Progress {
            done: 0,
            of: of.cast_unsigned(),
        })
    }

    /// Rows are read after events: what seems wrong with a stream that went on meanwhile may be
    /// that, and is looked at once more.
    async fn check_batch(
        &self,
        mut batch: Vec<Replayed>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Finding>, Error> {
        let mut findings = Vec::new();
        while !batch.is_empty() {
            let rows = LiveRows::of(&self.pool, &batch).await?;
            let mut suspects = Vec::new();
            for replayed in batch {
                let mut found = self.compare(&replayed, &rows, now)?;
                found.extend(self.find_remains(&replayed).await?);
                if !found.is_empty() {
                    suspects.push((replayed, found));
                }
            }
            let newest = self
                .newest(suspects.iter().map(|(at, _)| &at.stream))
                .await?;
            let mut moved = Vec::new();
            for (replayed, found) in suspects {
                let last = newest.get(&replayed.stream).copied().unwrap_or_default();
                if replayed.told.is_ok() && last != replayed.events {
                    moved.push(replayed.stream);
                } else {
                    findings.extend(found);
                }
            }
            batch = if moved.is_empty() {
                Vec::new()
            } else {
                Walk::among(self, &moved).batch().await?
            };
        }
        Ok(findings)
    }

    /// The sequence of each stream's last event.
    pub(crate) async fn newest(
        &self,
        streams: impl Iterator<Item = &Stream> + Send,
    ) -> Result<HashMap<Stream, u64>, Error> {
        let (types, ids) = columns(streams);
        if types.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = sqlx::query_as::<_, (String, String, i64)>(
            "SELECT aggregate_type, aggregate_id, max(sequence) FROM events
            JOIN unnest($1::text[], $2::text[]) AS asked (aggregate_type, aggregate_id)
                USING (aggregate_type, aggregate_id)
            GROUP BY aggregate_type, aggregate_id",
        )
        .bind(types)
        .bind(ids)
        .fetch_all(&self.pool)
        .await?;
        let newest = rows
            .into_iter()
            .map(|(aggregate_type, aggregate_id, last)| {
                let stream = Stream {
                    aggregate_type,
                    aggregate_id,
                };
                (stream, last.cast_unsigned())
            });
        Ok(newest.collect())
    }

    async fn find_strays(&self, report: &mut CheckReport) -> Result<(), Error> {
        for (table, stream, find) in STRAYS {
            let mut rows = sqlx::query_scalar::<_, String>(find)
                .bind(stream)
                .fetch(&self.pool);
            while let Some(id) = rows.try_next().await? {
                report.add([Finding {
                    stream: stream_name(stream, &id),
                    table,
                    what: "there is no history".to_owned(),
                }]);
            }
        }
        Ok(())
    }
}

impl Progress {
    pub(crate) fn advance(&mut self, batch: &[Replayed], told: OnProgress<'_>) {
        self.done += batch.iter().map(|replayed| replayed.events).sum::<u64>();
        self.of = self.of.max(self.done);
        told(*self);
    }
}

impl CheckReport {
    /// Tells the first ones, and counts all.
    pub fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            self.found += 1;
            if self.findings.len() < TOLD {
                self.findings.push(finding);
            }
        }
    }

    fn count(&mut self, replayed: &Replayed) {
        match replayed.stream.aggregate_type.as_str() {
            ACCOUNT => self.accounts += 1,
            STAFF => self.staff += 1,
            _ => return,
        }
        self.events += replayed.events;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_findings_are_told_and_all_are_counted() {
        let finding = |number: usize| Finding {
            stream: format!("account/{number}"),
            table: "sessions",
            what: "flipped".to_owned(),
        };
        let mut report = CheckReport::default();
        report.add((0..TOLD - 1).map(finding));
        report.add((TOLD - 1..5_000).map(finding));
        assert_eq!((report.findings.len(), report.found), (TOLD, 5_000));
        assert_eq!(report.findings.last(), Some(&finding(TOLD - 1)));
    }
}
