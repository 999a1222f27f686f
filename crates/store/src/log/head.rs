//! How far the log has come.

use credentials::{Keyring, LogSigner};
use proofs::checkpoint::{Origin, VerifierKeys};
use sqlx::{FromRow, PgExecutor};
use uuid::Uuid;

use crate::{Corruption, Error, Store};

/// The log as of its last checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct LogHead {
    pub log_id: Uuid,
    #[sqlx(try_from = "i32")]
    epoch: Epoch,
    #[sqlx(try_from = "i64")]
    next: Count,
    #[sqlx(try_from = "i64")]
    size: Count,
    /// The signed checkpoint; none of an empty log.
    pub checkpoint: Option<String>,
}

/// Columns are signed where numbers are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count(u64);

impl From<i64> for Count {
    fn from(stored: i64) -> Self {
        Self(stored.cast_unsigned())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Epoch(u32);

impl From<i32> for Epoch {
    fn from(stored: i32) -> Self {
        Self(stored.cast_unsigned())
    }
}

impl LogHead {
    /// The position that the next event gets.
    pub const fn next(&self) -> u64 {
        self.next.0
    }

    /// How many events are in the tree.
    pub const fn size(&self) -> u64 {
        self.size.0
    }

    pub const fn origin(&self) -> Origin {
        Origin {
            log: self.log_id,
            epoch: self.epoch.0,
        }
    }

    /// The public keys that sign for this log.
    pub(crate) fn known_keys(&self, keyring: &Keyring) -> Result<VerifierKeys, Error> {
        let keys = keyring.log_verifier_keys(&Origin::key_name(self.log_id))?;
        VerifierKeys::parse(keys.iter().map(String::as_str))
            .map_err(|error| Corruption::Log(error.to_string()).into())
    }

    pub(crate) async fn read(executor: impl PgExecutor<'_>) -> Result<Self, Error> {
        let head = sqlx::query_as("SELECT log_id, epoch, next, size, checkpoint FROM log_head")
            .fetch_one(executor)
            .await?;
        Ok(head)
    }
}

impl Store {
    pub async fn log_head(&self) -> Result<LogHead, Error> {
        LogHead::read(&self.pool).await
    }

    /// The public keys of this database's log, oldest first, in C2SP's form.
    pub async fn log_verifier_keys(&self) -> Result<Vec<String>, Error> {
        let name = Origin::key_name(self.log_head().await?.log_id);
        Ok(self.log_keyring.log_verifier_keys(&name)?)
    }

    /// The same, to check signatures with.
    pub async fn log_keys(&self) -> Result<VerifierKeys, Error> {
        self.log_head().await?.known_keys(&self.log_keyring)
    }

    /// Signs a text about this log as a note.
    pub fn sign_about(&self, origin: Origin, text: &str) -> Result<String, Error> {
        let signer = LogSigner::of(&self.log_keyring, &Origin::key_name(origin.log))?;
        Ok(signer.sign(text)?)
    }
}
