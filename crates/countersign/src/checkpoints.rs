//! Checkpoints of the log leave the machine's reach: what was kept elsewhere cannot be changed by
//! whoever changes the database.

mod folder;
mod http;
mod publish;

use std::path::{Path, PathBuf};

use store::{Kept, LogHead, Store};

use crate::configuration::Configuration;
use crate::failure::Failure;

pub(crate) use folder::read_all;
pub(crate) use publish::{Publisher, Sinks};

/// Where a checkpoint is kept below a sink: `<log>/<day>/<epoch>-<size>`.
fn path_of(head: &LogHead, day: chrono::NaiveDate) -> PathBuf {
    let (origin, size) = (head.origin(), head.size());
    Path::new(&origin.log.to_string())
        .join(day.to_string())
        .join(format!("{}-{size:012}", origin.epoch))
}

/// A database that is behind a checkpoint of its own was restored from a backup: sessions that
/// ended since and codes that were spent since would live again.
pub(crate) async fn refuse_restored(
    configuration: &Configuration,
    store: &Store,
) -> Result<(), Failure> {
    let head = store
        .log_head()
        .await
        .map_err(|error| Failure::because(&error))?;
    let folder = configuration.checkpoint_dir.join(head.log_id.to_string());
    let Some(kept) = folder::read_last(&folder)? else {
        return Ok(());
    };
    let signed = store.verify_checkpoint(&kept.note).await;
    let ahead = signed.is_ok_and(|signed| {
        let (origin, size) = (signed.origin, signed.size);
        origin.log == head.log_id && (origin.epoch, size) > (head.origin().epoch, head.size())
    });
    if !ahead {
        return Ok(());
    }
    let Kept { source, .. } = kept;
    Err(Failure::Failed(format!(
        "the database is older than its checkpoint {source}: it was restored from a backup, and what \
         ended since would live again. Run `countersign recover --reason …`, then start again"
    )))
}
