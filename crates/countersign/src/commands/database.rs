//! `countersign database …`: the database in use, for other programs.

use serde_json::json;
use store::Role;

use crate::cli::{DatabaseCommand, DatabaseRole};
use crate::configuration::Configuration;
use crate::database::Database;
use crate::failure::Failure;
use crate::output::Output;

pub(super) async fn carry_out(
    command: &DatabaseCommand,
    configuration: &Configuration,
    output: Output,
) -> Result<(), Failure> {
    match command {
        DatabaseCommand::Url { role } => url(configuration, *role, output).await,
        DatabaseCommand::Run { program } => run(configuration, program).await,
    }
}

async fn url(
    configuration: &Configuration,
    role: DatabaseRole,
    output: Output,
) -> Result<(), Failure> {
    let Some(database) = Database::in_use(configuration).await? else {
        return Err(Failure::Failed(format!(
            "no server runs on the data directory {}: start `countersign serve` first",
            configuration.data_dir.display()
        )));
    };
    let role = match role {
        DatabaseRole::Reader => Role::Reader,
        DatabaseRole::Owner => Role::Owner,
    };
    let url = database.url_for_people(role).await?;
    output.result(&json!({ "url": url }), &url)
}

async fn run(configuration: &Configuration, program: &[String]) -> Result<(), Failure> {
    let usage = "this is for the embedded database: give programs the URL of your own";
    let (None, Some((name, arguments))) = (&configuration.database_url, program.split_first())
    else {
        return Err(Failure::Usage(usage.to_owned()));
    };
    let database = Database::join(configuration).await?;
    let done = database.run(name, arguments).await;
    database.close().await?;
    match done {
        Some(Ok(status)) if status.success() => Ok(()),
        Some(Ok(status)) => Err(Failure::Failed(format!("{name} failed: {status}"))),
        Some(Err(error)) => Err(Failure::Failed(format!("{name} cannot run: {error}"))),
        None => Err(Failure::Usage(usage.to_owned())),
    }
}
