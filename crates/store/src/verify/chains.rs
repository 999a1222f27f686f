//! Every event from its stored bytes, stream by stream, beside what the log says of it.

use futures::TryStreamExt;
use proofs::Hash;
use proofs::event::{GENESIS, Preimage, stream_name};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::{Damage, Damaged, Verdict, part, readable};
use crate::error::key_id;
use crate::event_row::EventMacs;
use crate::{Error, Store};

/// How often progress is told.
const STEP: u64 = 1000;

/// Events in the order of their primary key, which the log's own index has as well. The last column:
/// whether somebody waits to give an event a position that has none.
const EVENTS: &str = "
    SELECT e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, e.event_version,
        e.recorded_at, e.payload::text, e.metadata::text, e.hash, e.mac, e.key_id,
        l.position, l.hash, l.event_id = e.id,
        CASE WHEN l.position IS NULL THEN EXISTS (
            SELECT FROM unsequenced u WHERE u.id = e.id AND u.aggregate_type = e.aggregate_type
                AND u.aggregate_id = e.aggregate_id AND u.sequence = e.sequence
        ) END
    FROM events e LEFT JOIN log l USING (aggregate_id, aggregate_type, sequence)
    ORDER BY e.aggregate_id, e.aggregate_type, e.sequence";

/// Events that were logged and are gone. The last column: whether that has left a gap whose first
/// event it is.
const GONE: &str = "
    SELECT aggregate_type, aggregate_id, sequence, position,
        (l.sequence = 1 OR EXISTS (
            SELECT FROM events e WHERE e.aggregate_id = l.aggregate_id
                AND e.aggregate_type = l.aggregate_type AND e.sequence = l.sequence - 1
        )) AND EXISTS (
            SELECT FROM events e WHERE e.aggregate_id = l.aggregate_id
                AND e.aggregate_type = l.aggregate_type AND e.sequence > l.sequence
        )
    FROM log l
    WHERE NOT EXISTS (
        SELECT FROM events e WHERE e.aggregate_id = l.aggregate_id
            AND e.aggregate_type = l.aggregate_type AND e.sequence = l.sequence
    )
    ORDER BY position";

/// Where a stream has come to.
pub(super) struct Stream {
    kind: String,
    id: String,
    expected: i64,
    /// The hash that the next event continues; none after one that is gone.
    previous: Option<Hash>,
    /// Of the last event that has one.
    position: Option<i64>,
}

impl Stream {
    pub(super) fn new(kind: &str, id: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            id: id.to_owned(),
            expected: 1,
            previous: Some(GENESIS),
            position: None,
        }
    }

    pub(super) fn damaged(
        &self,
        kind: Damage,
        sequence: i64,
        position: Option<i64>,
        what: impl Into<String>,
    ) -> Damaged {
        // Without a position, behind the event before it, if there is one.
        let after = self.position.map_or(u64::MAX, |position| {
            position.cast_unsigned().saturating_add(1)
        });
        let position = position.map(i64::cast_unsigned);
        Damaged {
            kind,
            stream: Some(stream_name(&self.kind, &self.id)),
            sequence: Some(sequence.cast_unsigned()),
            position,
            what: what.into(),
            order: position.unwrap_or(after),
        }
    }

    /// What is wrong with the place of the next event in the log, of whose positions so many were
    /// given.
    fn disorder(
        &self,
        position: Option<i64>,
        given: u64,
        waits: Option<bool>,
    ) -> Option<&'static str> {
        let Some(position) = position else {
            let waits = waits == Some(true);
            return (!waits).then_some("the log does not have it, and nobody waits to log it");
        };
        if position.cast_unsigned() >= given {
            Some("it stands at a position that was never given")
        } else if self.position.is_some_and(|before| before >= position) {
            Some("the log has it before an earlier event of its stream")
        } else {
            None
        }
    }
}

impl Store {
    pub(super) async fn verify_chains(
        &self,
        given: u64,
        snapshot: &mut PgConnection,
        verdict: &mut Verdict,
        each: &mut impl FnMut(u64),
    ) -> Result<(), Error> {
        let mut stream = Stream::new("", "");
        part(snapshot).await?;
        let read = self
            .read_events((&mut stream, given), snapshot, verdict, each)
            .await;
        let what = "what comes after the events before this one";
        let place = match stream.kind.as_str() {
            "" => Damaged::of_log(Damage::Unreadable, None, "the table of events"),
            _ => stream.damaged(Damage::Unreadable, stream.expected, None, what),
        };
        readable(read, place, snapshot, verdict).await?;
        part(snapshot).await?;
        let gone = find_gone(snapshot, verdict).await;
        let place = Damaged::of_log(Damage::Unreadable, None, "what the log says of events");
        readable(gone, place, snapshot, verdict).await?;
        Ok(())
    }

    async fn read_events(
        &self,
        (stream, given): (&mut Stream, u64),
        snapshot: &mut PgConnection,
        verdict: &mut Verdict,
        each: &mut impl FnMut(u64),
    ) -> Result<(), Error> {
        let mut macs = EventMacs::new(&self.keyring);
        let mut rows = sqlx::query(EVENTS).fetch(snapshot);
        while let Some(row) = rows.try_next().await? {
            let kind = row.try_get::<Option<&str>, _>(0)?.unwrap_or_default();
            let id = row.try_get::<Option<&str>, _>(1)?.unwrap_or_default();
            if stream.kind != kind || stream.id != id {
                *stream = Stream::new(kind, id);
                verdict.streams += 1;
            }
            verify_event(&row, stream, (given, &mut macs), verdict)?;
            verdict.events += 1;
            if verdict.events.is_multiple_of(STEP) {
                each(STEP);
            }
        }
        each(verdict.events % STEP);
        Ok(())
    }
}

/// One damaged event is told once, and the next is judged as if it had been whole.
fn verify_event(
    row: &PgRow,
    stream: &mut Stream,
    (given, macs): (u64, &mut EventMacs<'_>),
    verdict: &mut Verdict,
) -> Result<(), Error> {
    let sequence = row.try_get::<Option<i64>, _>(2)?.unwrap_or_default();
    let position = row.try_get::<Option<i64>, _>(11)?;
    if sequence < stream.expected {
        let what = "an event of this number stands twice, or has two positions";
        verdict.add(stream.damaged(Damage::Forged, sequence, position, what));
        return Ok(());
    }
    if sequence > stream.expected {
        let what = format!("the history goes on with event {sequence}");
        let mut gap = stream.damaged(Damage::Missing, stream.expected, None, what);
        if stream.position.is_none() && position.is_some() {
            // Before one that was logged.
            gap.order = 0;
        }
        verdict.add(gap);
        stream.previous = None;
    }
    match fault_of(row, stream, macs) {
        Ok(None) => {}
        Ok(Some((kind, what))) => {
            verdict.add(stream.damaged(kind, sequence, position, what));
        }
        // A column that is empty, or not of its type.
        Err(Error::Database(cause)) => {
            let what = format!("it cannot be read: {cause}");
            verdict.add(stream.damaged(Damage::Changed, sequence, position, what));
        }
        Err(other) => return Err(other),
    }
    if let Some(what) = stream.disorder(position, given, row.try_get(14).ok()) {
        let kind = position.map_or(Damage::Unlogged, |_| Damage::Log);
        verdict.add(stream.damaged(kind, sequence, position, what));
    }
    stream.position = position.or(stream.position);
    let known = [12, 8].map(|column| row.try_get::<&[u8], _>(column).ok());
    stream.previous = known
        .into_iter()
        .flatten()
        .next()
        .and_then(|hash| hash.try_into().ok());
    stream.expected = sequence.saturating_add(1);
    Ok(())
}

fn fault_of(
    row: &PgRow,
    stream: &Stream,
    macs: &mut EventMacs<'_>,
) -> Result<Option<(Damage, &'static str)>, Error> {
    let (hash, logged): (&[u8], Option<&[u8]>) = (row.try_get(8)?, row.try_get(12)?);
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
            .is_ok_and(|mac: &[u8]| macs.fits(key, hash, mac))
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
        (true, true, Some(_)) if row.try_get::<Option<bool>, _>(13)? == Some(false) => Some((
            Damage::Changed,
            "its number of insertion is not the one that was logged",
        )),
        (true, true, _) => None,
    })
}

/// Columns of the log, none of which a damaged one has for sure.
type Gone = (
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<bool>,
);

async fn find_gone(snapshot: &mut PgConnection, verdict: &mut Verdict) -> Result<(), Error> {
    let mut gone = sqlx::query_as::<_, Gone>(GONE).fetch(snapshot);
    while let Some((kind, id, sequence, position, first)) = gone.try_next().await? {
        let stream = Stream::new(&kind.unwrap_or_default(), &id.unwrap_or_default());
        let what = "it was logged and is gone";
        let sequence = sequence.unwrap_or_default();
        let gone = stream.damaged(Damage::Missing, sequence, position, what);
        if first == Some(true) {
            verdict.locate(gone);
        } else {
            verdict.add(gone);
        }
    }
    Ok(())
}
