//! Checkpoints that are handed out: that each continues the one before, and which were kept.

use chrono::{DateTime, Utc};
use proofs::checkpoint::{Checkpoint, Origin, VerifierKeys};
use proofs::tree::{Proof, verify_consistency};
use sqlx::PgPool;

use super::LogHead;
use crate::{Corruption, Error, Store};

fn damaged(what: impl std::fmt::Display) -> Error {
    Corruption::Log(format!("{what}")).into()
}

impl LogHead {
    fn signed(&self) -> Result<Option<Checkpoint>, Error> {
        let read = self.checkpoint.as_deref().map(Checkpoint::read);
        read.transpose().map_err(damaged)
    }
}

impl Store {
    /// The checkpoint in this note, if a key of the log that it names has signed it, whether that is
    /// this log or another under the same keys.
    pub fn verify_checkpoint(&self, note: &str) -> Result<Checkpoint, Error> {
        let origin = Checkpoint::read(note).map_err(damaged)?.origin;
        let keys = self
            .log_keyring
            .log_verifier_keys(&Origin::key_name(origin.log))?;
        let keys = VerifierKeys::parse(keys.iter().map(String::as_str)).map_err(damaged)?;
        keys.verify(note).map_err(damaged)
    }

    /// Whether the log as it is stored leads from one checkpoint to the other.
    pub async fn check_continues(&self, last: &LogHead, head: &LogHead) -> Result<(), Error> {
        let (Some(old), Some(new)) = (last.signed()?, head.signed()?) else {
            return Ok(());
        };
        if old.size == 0 || new.origin != old.origin {
            return Ok(());
        }
        let between = Proof::Consistency {
            from: old.size,
            to: new.size,
        };
        let proof = self.prove(&[between]).await?.unwrap_or_default();
        let proof = proof.first().map(Vec::as_slice).unwrap_or_default();
        verify_consistency(proof, (old.size, &old.root), (new.size, &new.root)).map_err(|_| {
            damaged(format!(
                "its checkpoint of {} events does not continue the one of {}",
                new.size, old.size
            ))
        })
    }
}

/// Notes that the checkpoint of `head` was kept outside. `pool` is connected as the sequencer.
pub async fn record_publication(
    pool: &PgPool,
    head: &LogHead,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let Some(signed) = head.signed()? else {
        return Ok(());
    };
    sqlx::query(
        "INSERT INTO checkpoints (epoch, size, note, published_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (epoch, size) DO NOTHING",
    )
    .bind(signed.origin.epoch.cast_signed())
    .bind(signed.size.cast_signed())
    .bind(&head.checkpoint)
    .bind(at)
    .execute(pool)
    .await?;
    Ok(())
}
