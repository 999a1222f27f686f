//! What may be signed of one account: that nothing follows its last event. This is shown by no proof of
//! inclusion, but by the whole log alone: each of its leaves is an event that is there, of the stream
//! that it says, so that none of the account's is missing.

use account::AccountId;
use credentials::Purpose;
use proofs::Hash;
use proofs::checkpoint::Checkpoint;
use proofs::event::stream_name;
use sqlx::{FromRow, PgConnection};

use super::begin;
use crate::error::key_id;
use crate::log::{LogHead, signed_head, to_hash};
use crate::stream::mac_parts;
use crate::{ACCOUNT, Corruption, Error, Store};

/// Where the history of an account ends in a log that is whole.
#[derive(Debug)]
pub struct Attested {
    pub head: LogHead,
    pub checkpoint: Checkpoint,
    /// Sequence and hash of its last event in the tree.
    pub tip: (u64, Hash),
}

/// The state row, and the last event that there is.
#[derive(FromRow)]
struct LastKnown {
    version: i64,
    tip: Vec<u8>,
    recorded_at: String,
    shape: i32,
    state: String,
    mac: Vec<u8>,
    key_id: i32,
    sequence: i64,
    hash: Vec<u8>,
}

const LAST_KNOWN: &str = "
    SELECT i.version, i.tip, i.recorded_at, i.shape, i.state, i.mac, i.key_id, e.sequence, e.hash
    FROM states i, (
        SELECT sequence, hash FROM events WHERE aggregate_id = $1 AND aggregate_type = $2
        ORDER BY sequence DESC LIMIT 1
    ) e
    WHERE i.aggregate_id = $1 AND i.aggregate_type = $2";

const TIP: &str = "
    SELECT sequence, hash FROM log
    WHERE aggregate_id = $1 AND aggregate_type = $2 AND position < $3
    ORDER BY sequence DESC LIMIT 1";

impl Store {
    /// Verifies all of the log, and tells where the history of an account ends in it. None: it has no
    /// event of it. An error, if anything is not what it was.
    pub async fn attest(&self, account: AccountId) -> Result<Option<Attested>, Error> {
        let mut connection = self.pool.acquire().await?;
        let mut snapshot = begin(&mut connection).await?;
        let attested = self.attest_in(&mut snapshot, account).await?;
        snapshot.rollback().await?;
        Ok(attested)
    }

    async fn attest_in(
        &self,
        snapshot: &mut PgConnection,
        account: AccountId,
    ) -> Result<Option<Attested>, Error> {
        let verdict = self
            .verify(snapshot, self.no_checkpoints(), &mut |_| {})
            .await?;
        if let Some(first) = verdict.damaged.first() {
            let stream = first.stream.as_deref().unwrap_or("the log");
            let what = format!("it is not whole: {stream}: {}: {}", first.kind, first.what);
            return Err(Corruption::Log(what).into());
        }
        let (head, signed) = signed_head(&self.log_keyring, snapshot).await?;
        let Some(checkpoint) = signed else {
            return Ok(None);
        };
        let tip: Option<(i64, Vec<u8>)> = sqlx::query_as(TIP)
            .bind(account.to_string())
            .bind(ACCOUNT)
            .bind(checkpoint.size.cast_signed())
            .fetch_optional(&mut *snapshot)
            .await?;
        let Some((sequence, hash)) = tip else {
            return Ok(None);
        };
        self.check_state(snapshot, account).await?;
        Ok(Some(Attested {
            head,
            checkpoint,
            tip: (sequence.cast_unsigned(), to_hash(&hash)?),
        }))
    }

    /// Of an event that was committed and never logged, nothing else tells that it was there.
    async fn check_state(
        &self,
        snapshot: &mut PgConnection,
        account: AccountId,
    ) -> Result<(), Error> {
        let (id, stream) = (
            account.to_string(),
            stream_name(ACCOUNT, &account.to_string()),
        );
        let known: Option<LastKnown> = sqlx::query_as(LAST_KNOWN)
            .bind(&id)
            .bind(ACCOUNT)
            .fetch_optional(snapshot)
            .await?;
        let Some(known) = known.filter(|known| self.is_ours(&id, known)) else {
            let (table, row) = ("states", stream);
            return Err(Corruption::Row { table, row }.into());
        };
        if (known.version, &known.tip) != (known.sequence, &known.hash) {
            let what = format!(
                "it is the last, and its state is of event {}",
                known.version
            );
            return Err(Corruption::Event {
                stream,
                sequence: known.sequence.cast_unsigned(),
                what,
            }
            .into());
        }
        Ok(())
    }

    /// Of whatever shape: one of an older version stands until the next commit.
    fn is_ours(&self, id: &str, known: &LastKnown) -> bool {
        let (version, shape) = (known.version.to_be_bytes(), known.shape.to_be_bytes());
        let parts = mac_parts(
            (ACCOUNT, id),
            &version,
            &known.tip,
            &known.recorded_at,
            (&shape, &known.state),
        );
        key_id(known.key_id).is_ok_and(|key| {
            self.keyring
                .verify_mac(Purpose::StateMac, key, &parts, &known.mac)
        })
    }
}
