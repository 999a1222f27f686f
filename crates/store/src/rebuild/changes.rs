//! What went on while the new tables were filled, and whether they are whole.

use sqlx::PgPool;
use uuid::Uuid;

use super::RebuildError;
use crate::walk::{Stream, columns};
use crate::{ACCOUNT, Error};

/// An event that is not in the log yet is on the work list; one that was on neither when the mark
/// was set has come since, and its position is beyond the mark.
const APPENDED: &str = "
    WITH appended AS (
        SELECT aggregate_type, aggregate_id FROM public.log WHERE position >= $1
        UNION
        SELECT aggregate_type, aggregate_id FROM public.unsequenced
    )
    SELECT a.aggregate_type, a.aggregate_id FROM appended a
    LEFT JOIN countersign_rebuild.states made USING (aggregate_type, aggregate_id)
    WHERE made.version IS DISTINCT FROM (
        SELECT max(e.sequence) FROM public.events e
        WHERE e.aggregate_id = a.aggregate_id AND e.aggregate_type = a.aggregate_type
    )";

/// What is in no event: a session was used, rows were swept, a link that makes a browser known was
/// mailed or spent. A session whose row is unlike the new one is compared with what it was.
const BESIDE: &str = "
    SELECT p.account_id
    FROM public.sessions p
    JOIN countersign_rebuild.sessions made USING (account_id, session_id)
    LEFT JOIN countersign_rebuild.unlike u USING (account_id, session_id)
    WHERE (p.last_seen_at, p.mac) IS DISTINCT FROM (made.last_seen_at, made.mac)
        AND (p.last_seen_at, p.mac) IS DISTINCT FROM (u.last_seen_at, u.mac)
    UNION
    SELECT account_id FROM countersign_rebuild.sessions made WHERE NOT EXISTS (
        SELECT FROM public.sessions p
        WHERE p.account_id = made.account_id AND p.session_id = made.session_id
    )
    UNION
    SELECT account_id
    FROM public.tokens p FULL JOIN countersign_rebuild.tokens made USING (account_id, token_id)
    WHERE p.kind IS NULL OR (made.kind IS NULL AND p.kind = 'unblock')";

/// The same of what was written since the mark, without a look at every session: while writers wait.
/// A session that was swept since then comes back, to be swept again.
const BESIDE_SINCE: &str = "
    SELECT account_id FROM public.sessions p WHERE age(p.xmin) <= age($1::text::xid)
    UNION
    SELECT account_id
    FROM public.tokens p FULL JOIN countersign_rebuild.tokens made USING (account_id, token_id)
    WHERE p.kind IS NULL OR (made.kind IS NULL AND p.kind = 'unblock')";

/// Every state made is that of its stream's last event, or of an earlier one where events came
/// since.
const UNFIT: &str = "
    SELECT count(*) FROM countersign_rebuild.states made
    LEFT JOIN LATERAL (
        SELECT sequence, hash FROM public.events e
        WHERE e.aggregate_id = made.aggregate_id AND e.aggregate_type = made.aggregate_type
        ORDER BY sequence DESC LIMIT 1
    ) AS last ON true
    WHERE (last.sequence IS NULL OR last.sequence < made.version
            OR (last.sequence = made.version AND last.hash <> made.tip))
        AND NOT EXISTS (
            SELECT FROM countersign_rebuild.carried c
            WHERE c.aggregate_type = made.aggregate_type AND c.aggregate_id = made.aggregate_id
        )";

/// Of these, none may be behind its stream.
const BEHIND: &str = "
    SELECT count(*) FROM unnest($1::text[], $2::text[]) AS of (aggregate_type, aggregate_id)
    JOIN countersign_rebuild.states made USING (aggregate_type, aggregate_id)
    LEFT JOIN public.events last ON last.aggregate_id = of.aggregate_id
        AND last.aggregate_type = of.aggregate_type AND last.sequence = made.version
    WHERE (last.hash IS DISTINCT FROM made.tip OR EXISTS (
            SELECT FROM public.events e
            WHERE e.aggregate_id = of.aggregate_id AND e.aggregate_type = of.aggregate_type
                AND e.sequence > made.version
        ))
        AND NOT EXISTS (
            SELECT FROM countersign_rebuild.carried c
            WHERE c.aggregate_type = of.aggregate_type AND c.aggregate_id = of.aggregate_id
        )";

const MADE: &str = "
    SELECT count(*), count(*) FILTER (WHERE s.aggregate_type = 'account')
    FROM countersign_rebuild.states s WHERE NOT EXISTS (
        SELECT FROM countersign_rebuild.carried c
        WHERE c.aggregate_type = s.aggregate_type AND c.aggregate_id = s.aggregate_id
    )";

const DAMAGED: &str = "
    SELECT count(*), (array_agg(what ORDER BY aggregate_type, aggregate_id))[1]
    FROM countersign_rebuild.carried";

/// A moment before which everything is in the new tables.
#[derive(sqlx::FromRow)]
pub(super) struct Mark {
    /// Up to where the log had been filled.
    position: i64,
    /// The oldest transaction that had not ended.
    horizon: String,
}

impl Mark {
    pub(super) async fn now(pool: &PgPool) -> Result<Self, Error> {
        let mark = sqlx::query_as(
            "SELECT next AS position, pg_snapshot_xmin(pg_current_snapshot())::xid::text AS horizon
            FROM public.log_head",
        );
        Ok(mark.fetch_one(pool).await?)
    }

    /// The streams of which the new tables may not tell the newest, each once.
    pub(super) async fn changed_since(&self, pool: &PgPool) -> Result<Vec<Stream>, Error> {
        let beside = sqlx::query_scalar(BESIDE).fetch_all(pool);
        self.changed(pool, beside.await?).await
    }

    /// As [`Self::changed_since`], while writers wait.
    pub(super) async fn changed_at_last(&self, pool: &PgPool) -> Result<Vec<Stream>, Error> {
        let beside = sqlx::query_scalar(BESIDE_SINCE).bind(&self.horizon);
        self.changed(pool, beside.fetch_all(pool).await?).await
    }

    async fn changed(&self, pool: &PgPool, beside: Vec<Uuid>) -> Result<Vec<Stream>, Error> {
        let appended = sqlx::query_as::<_, (String, String)>(APPENDED)
            .bind(self.position)
            .fetch_all(pool)
            .await?;
        Ok(each_once(appended, beside))
    }
}

fn each_once(appended: Vec<(String, String)>, beside: Vec<Uuid>) -> Vec<Stream> {
    let beside = beside
        .into_iter()
        .map(|id| (ACCOUNT.to_owned(), id.to_string()));
    let mut changed = appended.into_iter().chain(beside).collect::<Vec<_>>();
    changed.sort_unstable();
    changed.dedup();
    let streams = changed
        .into_iter()
        .map(|(aggregate_type, aggregate_id)| Stream {
            aggregate_type,
            aggregate_id,
        });
    streams.collect()
}

/// Each of the streams that were told has its row. Returns how many accounts are among them.
pub(super) async fn count(pool: &PgPool, streams: u64) -> Result<u64, RebuildError> {
    let (made, accounts): (i64, i64) = sqlx::query_as(MADE).fetch_one(pool).await?;
    none((made - streams.cast_signed()).abs())?;
    Ok(accounts.cast_unsigned())
}

/// How many streams keep the rows that they have, and what is wrong with one of them.
pub(super) async fn damaged(pool: &PgPool) -> Result<(u64, Option<String>), Error> {
    let carried = sqlx::query_as(DAMAGED).fetch_one(pool);
    let (damaged, first): (i64, Option<String>) = carried.await?;
    Ok((damaged.cast_unsigned(), first))
}

pub(super) async fn check_all(pool: &PgPool) -> Result<(), RebuildError> {
    none(sqlx::query_scalar(UNFIT).fetch_one(pool).await?)
}

pub(super) async fn check_these(pool: &PgPool, streams: &[Stream]) -> Result<(), RebuildError> {
    let (types, ids) = columns(streams);
    let behind = sqlx::query_scalar(BEHIND).bind(types).bind(ids);
    none(behind.fetch_one(pool).await?)
}

fn none(unfit: i64) -> Result<(), RebuildError> {
    match unfit {
        0 => Ok(()),
        unfit => Err(RebuildError::Unfit(unfit)),
    }
}
