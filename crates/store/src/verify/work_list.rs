//! The work list: events that wait for their positions, each for its first.

use futures::TryStreamExt;
use sqlx::PgConnection;

use super::chains::Stream;
use super::{Damage, Damaged, Verdict, part, readable};
use crate::Error;

/// What waits wrongly: whether the log has it already, and whether the event is there.
const WRONG: &str = "
    SELECT u.aggregate_type, u.aggregate_id, u.sequence, l.position, e.sequence IS NOT NULL
    FROM unsequenced u
        LEFT JOIN events e USING (aggregate_id, aggregate_type, sequence)
        LEFT JOIN log l USING (aggregate_id, aggregate_type, sequence)
    WHERE l.position IS NOT NULL OR e.id IS DISTINCT FROM u.id
    ORDER BY u.id";

type Wrong = (
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    bool,
);

pub(super) async fn verify(
    snapshot: &mut PgConnection,
    verdict: &mut Verdict,
) -> Result<(), Error> {
    part(snapshot).await?;
    let read = find_wrong(snapshot, verdict).await;
    let place = Damaged::of_log(
        Damage::Unreadable,
        None,
        "the list of what waits to be logged",
    );
    readable(read, place, snapshot, verdict).await?;
    Ok(())
}

async fn find_wrong(snapshot: &mut PgConnection, verdict: &mut Verdict) -> Result<(), Error> {
    let mut wrong = sqlx::query_as::<_, Wrong>(WRONG).fetch(snapshot);
    while let Some((kind, id, sequence, position, stands)) = wrong.try_next().await? {
        let (kind, id) = (kind.unwrap_or_default(), id.unwrap_or_default());
        let (damage, what) = match (position, stands) {
            (Some(_), _) => (Damage::Log, "it waits to be logged and has been"),
            (None, false) => (Damage::Missing, "it waited to be logged and is gone"),
            (None, true) => (
                Damage::Changed,
                "its number of insertion is not the one under which it waits",
            ),
        };
        let stream = Stream::new(&kind, &id);
        verdict.add(stream.damaged(damage, sequence.unwrap_or_default(), position, what));
    }
    Ok(())
}
