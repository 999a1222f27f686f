//! The head of the log: what it says of itself, and what was signed.

use account::log::EpochOpened;
use proofs::Hash;
use sqlx::PgConnection;

use super::{Damage, Damaged, Verdict, part, readable};
use crate::log::LogHead;
use crate::{Error, Store};

/// None, and told, if it cannot be read.
pub(super) async fn read(
    snapshot: &mut PgConnection,
    verdict: &mut Verdict,
) -> Result<Option<LogHead>, Error> {
    part(snapshot).await?;
    let head = read_one(snapshot, verdict).await;
    let place = Damaged::of_log(Damage::Log, None, "its head");
    readable(head, place, snapshot, verdict).await
}

async fn read_one(snapshot: &mut PgConnection, verdict: &mut Verdict) -> Result<LogHead, Error> {
    let heads = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM log_head")
        .fetch_one(&mut *snapshot)
        .await?;
    if heads > 1 {
        let what = format!("it has {heads} heads");
        verdict.add(Damaged::of_log(Damage::Log, None, what));
    }
    LogHead::read(snapshot).await
}

impl Store {
    /// The checkpoint that the database itself holds, against the root at its size.
    pub(super) fn verify_head(
        &self,
        head: &LogHead,
        root: Option<Hash>,
        openings: &[EpochOpened],
        verdict: &mut Verdict,
    ) -> Result<(), Error> {
        let mut told = |kind, what: String| verdict.add(Damaged::of_log(kind, None, what));
        let opened = openings.iter().max_by_key(|opened| opened.epoch);
        let (epoch, of) = (head.origin().epoch, opened.map_or(1, |opened| opened.epoch));
        if epoch != of {
            told(
                Damage::Log,
                format!("its head is of epoch {epoch}, its history of epoch {of}"),
            );
        }
        let Some(note) = &head.checkpoint else {
            if head.size() > 0 {
                told(Damage::Checkpoint, "the log's own is missing".to_owned());
            }
            return Ok(());
        };
        match head.known_keys(&self.log_keyring)?.verify(note) {
            Err(error) => told(Damage::Checkpoint, format!("the log's own: {error}")),
            Ok(signed) if signed.size != head.size() => told(
                Damage::Log,
                format!("its head says {}, {} were signed", head.size(), signed.size),
            ),
            Ok(signed) if root != Some(signed.root) => told(
                Damage::Log,
                format!("its {} events are not those that were signed", signed.size),
            ),
            Ok(signed) if signed.origin != head.origin() => told(
                Damage::Log,
                format!("its head was signed as of {}", signed.origin),
            ),
            Ok(_) => {}
        }
        Ok(())
    }
}
