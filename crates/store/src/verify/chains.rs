//! Every event from its stored bytes, stream by stream, beside what the log says of it.

use futures::TryStreamExt;
use proofs::Hash;
use proofs::event::{GENESIS, Preimage, stream_name};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::{Damage, Damaged, Verdict};
use crate::error::key_id;
use crate::event_row::mac_fits;
use crate::{Error, Store};

/// How often progress is told.
const STEP: u64 = 1000;

/// Events in the order of their primary key, which the log's own index has as well.
const EVENTS: &str = "
    SELECT e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, e.event_version,
        e.recorded_at, e.payload::text, e.metadata::text, e.hash, e.mac, e.key_id,
        l.position, l.hash, l.event_id = e.id
    FROM events e LEFT JOIN log l USING (aggregate_id, aggregate_type, sequence)
    ORDER BY e.aggregate_id, e.aggregate_type, e.sequence";

/// Events that were logged and are gone.
const GONE: &str = "
    SELECT aggregate_type, aggregate_id, sequence, position FROM log l
    WHERE NOT EXISTS (
        SELECT FROM events e WHERE e.aggregate_id = l.aggregate_id
            AND e.aggregate_type = l.aggregate_type AND e.sequence = l.sequence
    )
    ORDER BY position";

/// Whether somebody waits to give this event a position, or has by now.
const WAITS: &str = "
    SELECT EXISTS (SELECT FROM unsequenced u
        WHERE u.aggregate_type = $1 AND u.aggregate_id = $2 AND u.sequence = $3)";

/// Where a stream has come to.
struct Stream {
    kind: String,
    id: String,
    expected: i64,
    /// The hash that the next event continues; none after one that is gone.
    previous: Option<Hash>,
}

impl Stream {
    fn new(kind: &str, id: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            id: id.to_owned(),
            expected: 1,
            previous: Some(GENESIS),
        }
    }

    fn damaged(&self, kind: Damage, sequence: i64, position: Option<i64>, what: &str) -> Damaged {
        Damaged {
            kind,
            stream: Some(stream_name(&self.kind, &self.id)),
            sequence: Some(sequence.cast_unsigned()),
            position: position.map(i64::cast_unsigned),
            what: what.to_owned(),
        }
    }
}

impl Store {
    pub(super) async fn verify_chains(
        &self,
        snapshot: &mut PgConnection,
        verdict: &mut Verdict,
        each: &mut impl FnMut(u64),
    ) -> Result<(), Error> {
        let mut unlogged = Vec::new();
        let mut stream = Stream::new("", "");
        let mut rows = sqlx::query(EVENTS).fetch(&mut *snapshot);
        while let Some(row) = rows.try_next().await? {
            let (kind, id): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
            if stream.kind != kind || stream.id != id {
                stream = Stream::new(kind, id);
                verdict.streams += 1;
            }
            if !self.verify_event(&row, &mut stream, verdict)? {
                unlogged.push((stream.kind.clone(), stream.id.clone(), stream.expected - 1));
            }
            verdict.events += 1;
            if verdict.events.is_multiple_of(STEP) {
                each(STEP);
            }
        }
        drop(rows);
        each(verdict.events % STEP);
        find_gone(snapshot, verdict).await?;
        for (kind, id, sequence) in unlogged {
            let waits = sqlx::query_scalar::<_, bool>(WAITS)
                .bind(&kind)
                .bind(&id)
                .bind(sequence)
                .fetch_one(&mut *snapshot)
                .await?;
            if !waits {
                let what = "the log does not have it, and nobody waits to log it";
                let stream = Stream::new(&kind, &id);
                verdict.add(stream.damaged(Damage::Unlogged, sequence, None, what));
            }
        }
        Ok(())
    }

    /// Whether the log has the event. One damaged event is told once, and the next is judged as
    /// if it had been whole.
    fn verify_event(
        &self,
        row: &PgRow,
        stream: &mut Stream,
        verdict: &mut Verdict,
    ) -> Result<bool, Error> {
        let (sequence, position): (i64, Option<i64>) = (row.try_get(2)?, row.try_get(11)?);
        if sequence != stream.expected {
            let what = format!("the history goes on with event {sequence}");
            verdict.add(stream.damaged(Damage::Missing, stream.expected, None, &what));
            stream.previous = None;
        }
        let (hash, logged): (&[u8], Option<&[u8]>) = (row.try_get(8)?, row.try_get(12)?);
        if let Some((kind, what)) = self.fault_of(row, stream, hash, logged)? {
            verdict.add(stream.damaged(kind, sequence, position, what));
        }
        stream.previous = logged.unwrap_or(hash).try_into().ok();
        stream.expected = sequence + 1;
        Ok(position.is_some())
    }

    fn fault_of(
        &self,
        row: &PgRow,
        stream: &Stream,
        hash: &[u8],
        logged: Option<&[u8]>,
    ) -> Result<Option<(Damage, &'static str)>, Error> {
        let computed = |previous: &Hash| -> Result<Hash, Error> {
            Ok(Preimage {
                aggregate_type: &stream.kind,
                aggregate_id: &stream.id,
                sequence: row.try_get::<i64, _>(2)?.cast_unsigned(),
                event_type: row.try_get(3)?,
                event_version: row.try_get(4)?,
                recorded_at: row.try_get(5)?,
                payload: row.try_get(6)?,
                metadata: row.try_get(7)?,
            }
            .hash(previous))
        };
        let fits = match &stream.previous {
            Some(previous) => computed(previous)? == hash,
            None => true,
        };
        let key = key_id(row.try_get(10)?);
        let ours = key.is_ok_and(|key| {
            row.try_get(9)
                .is_ok_and(|mac: &[u8]| mac_fits(&self.keyring, key, hash, mac))
        });
        Ok(match (fits, ours, logged) {
            (_, _, Some(logged)) if logged != hash => {
                Some((Damage::Changed, "it is not the event that was logged"))
            }
            (false, true, _) => Some((Damage::Changed, "its content is not what was hashed")),
            (false, false, _) => Some((Damage::Forged, "neither its hash nor its MAC fits")),
            (true, false, _) => Some((
                Damage::Forged,
                "its MAC does not fit: this service did not write it",
            )),
            (true, true, Some(_)) if row.try_get(13).ok() != Some(true) => Some((
                Damage::Changed,
                "its number of insertion is not the one that was logged",
            )),
            (true, true, _) => None,
        })
    }
}

async fn find_gone(snapshot: &mut PgConnection, verdict: &mut Verdict) -> Result<(), Error> {
    let mut gone = sqlx::query_as::<_, (String, String, i64, i64)>(GONE).fetch(snapshot);
    while let Some((kind, id, sequence, position)) = gone.try_next().await? {
        let stream = Stream::new(&kind, &id);
        let what = "it was logged and is gone";
        verdict.add(stream.damaged(Damage::Missing, sequence, Some(position), what));
    }
    Ok(())
}
