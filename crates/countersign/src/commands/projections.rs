//! `countersign projections …`: the read models held against the history, and made anew from it.

use serde_json::json;
use service::Service;
use store::{Role, connect};

use super::{failed, table};
use crate::assembly::Assembly;
use crate::cli::ProjectionsCommand;
use crate::database::Database;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Bar;

pub(crate) async fn run(
    command: ProjectionsCommand,
    assembly: &Assembly,
    database: &Database,
    output: Output,
) -> Result<(), Failure> {
    match command {
        ProjectionsCommand::Check => check(&assembly.service, output).await,
        ProjectionsCommand::Rebuild => rebuild(assembly, database, output).await,
    }
}

async fn check(service: &Service, output: Output) -> Result<(), Failure> {
    let bar = Bar::new("Checking");
    let report = service
        .check_projections(&mut |progress| bar.show(progress))
        .await
        .map_err(failed)?;
    drop(bar);
    let findings = report.findings.iter().map(
        |finding| json!({ "stream": finding.stream, "table": finding.table, "what": finding.what }),
    );
    let findings = findings.collect::<Vec<_>>();
    let people = format!(
        "{}{} accounts, {} members of staff, {} events, {} findings",
        table(&["stream", "table", "what"], &findings),
        report.accounts,
        report.staff,
        report.events,
        report.found
    );
    let value = json!({
        "accounts": report.accounts, "staff": report.staff, "events": report.events,
        "found": report.found, "findings": findings,
    });
    output.result(&value, people)?;
    if report.found == 0 {
        Ok(())
    } else {
        Err(Failure::Failed(
            "the read models disagree with the history: `countersign projections rebuild` \
             makes them anew; find out who changed them"
                .to_owned(),
        ))
    }
}

/// As the owner of the tables, since it makes new ones.
async fn rebuild(assembly: &Assembly, database: &Database, output: Output) -> Result<(), Failure> {
    let pool = connect(&database.url(Role::Owner), Role::Owner, 4)
        .await
        .map_err(|error| Failure::because(&error))?;
    let bar = Bar::new("Rebuilding");
    let rebuilt = assembly
        .store
        .through(pool.clone())
        .rebuild_projections(&mut |progress| bar.show(progress))
        .await;
    drop(bar);
    pool.close().await;
    let rebuilt = rebuilt.map_err(|error| Failure::because(&error))?;
    let (accounts, locked) = (rebuilt.accounts, rebuilt.locked.as_millis());
    tracing::info!(accounts, locked, "the new read models are in use");
    output.result(
        &json!({ "accounts": accounts }),
        format!("{accounts} accounts rebuilt."),
    )?;
    match rebuilt.first_damage {
        None => Ok(()),
        Some(damage) => Err(Failure::Failed(format!(
            "the rows of {} accounts or members of staff are as they were, since their history or \
             key is damaged: {damage}; `countersign projections check` names each",
            rebuilt.damaged
        ))),
    }
}
