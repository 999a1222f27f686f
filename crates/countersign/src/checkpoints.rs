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
        .join(Kept::name_of(origin.epoch, size))
}

/// A database that does not continue a checkpoint of its own was restored from a backup: sessions that
/// ended since and codes that were spent since would live again. One that cannot show that it
/// continues it is refused as well, since whoever restored it can write anything but a signature.
pub(crate) async fn refuse_restored(
    configuration: &Configuration,
    store: &Store,
) -> Result<(), Failure> {
    let because = |error: store::Error| Failure::because(&error);
    let folder = &configuration.checkpoint_dir;
    // Before the head, which another server moves on meanwhile.
    let each = folder::read_last_of_each(folder)?;
    let (head, signed) = store.signed_head().await.map_err(damaged)?;
    let Some(signed) = signed else {
        return match each.iter().find(|kept| is_signed(store, kept)) {
            Some(kept) if store.has_events().await.map_err(because)? => Err(restored(kept)),
            _ => Ok(()),
        };
    };
    let own = folder.join(head.log_id.to_string());
    let Some(kept) = each
        .iter()
        .find(|kept| Path::new(&kept.place).starts_with(&own))
    else {
        return Ok(());
    };
    let last = store.verify_checkpoint(&kept.note).map_err(|error| {
        Failure::Failed(format!(
            "whether the database was restored from a backup cannot be told: its last kept checkpoint \
             {} is not one ({error})",
            kept.source()
        ))
    })?;
    // The first of an epoch may not be kept yet; one of an epoch that is over is for `audit verify`.
    let continues = last.origin < signed.origin
        || last.origin == signed.origin
            && store
                .continues(&head, (last.origin.epoch, last.size), &last.root)
                .await
                .map_err(damaged)?;
    if continues {
        Ok(())
    } else {
        Err(restored(kept))
    }
}

fn is_signed(store: &Store, kept: &Kept) -> bool {
    store.verify_checkpoint(&kept.note).is_ok()
}

fn restored(kept: &Kept) -> Failure {
    Failure::Failed(format!(
        "the database is not what it was at its checkpoint {}: if it was restored from a backup, \
         what ended since would live again. Run `countersign recover --reason …`, then start again",
        kept.source()
    ))
}

fn damaged(error: store::Error) -> Failure {
    match error {
        store::Error::Corrupt(what) => Failure::Failed(format!(
            "the log of this database is not what was signed ({what}): no server starts on it. \
             `countersign audit verify` tells what was changed"
        )),
        other => Failure::because(&other),
    }
}
