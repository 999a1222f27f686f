//! `countersign audit …`.

use serde_json::json;
use service::Exported;
use store::{Role, Sequencer, connect};

use super::{bundles, histories, verify};
use crate::assembly::Assembly;
use crate::checkpoints::refuse_restored;
use crate::cli::AuditCommand;
use crate::configuration::Configuration;
use crate::database::Database;
use crate::failure::Failure;
use crate::output::Output;

pub(super) async fn carry_out(
    command: &AuditCommand,
    assembly: &Assembly,
    database: &Database,
    configuration: &Configuration,
    output: Output,
) -> Result<(), Failure> {
    let Assembly { service, store, .. } = assembly;
    match command {
        AuditCommand::History { account } => histories::history(service, *account, output).await,
        AuditCommand::State { account, at } => {
            histories::state(service, *account, *at, output).await
        }
        AuditCommand::Diff { account, from, to } => {
            histories::diff(service, *account, (*from, *to), output).await
        }
        AuditCommand::Verify { checkpoints } => {
            verify::verify(service, store, configuration, checkpoints, output).await
        }
        AuditCommand::Export {
            account,
            all: _,
            output: to,
        } => {
            // What the log of a restored backup signed would tell another history than it did.
            refuse_restored(configuration, store).await?;
            let exported = account.map_or(Exported::Everything, Exported::Account);
            let pool = connect(&database.url(Role::Sequencer), Role::Sequencer, 1).await;
            let pool = pool.map_err(|error| Failure::because(&error))?;
            let sequencer = Sequencer::new(&pool, store);
            bundles::export(service, &sequencer, exported, to.as_deref(), output).await
        }
        AuditCommand::Keys => {
            let keys = store.log_verifier_keys().await;
            let keys = keys.map_err(|error| Failure::because(&error))?;
            output.result(&json!({ "keys": keys }), keys.join("\n"))
        }
        // Carried out before a database is looked for.
        AuditCommand::VerifyBundle { .. } => Ok(()),
    }
}
