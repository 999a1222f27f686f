//! `countersign database …`: the database in use, for other programs.

use std::process::Command;

use serde_json::json;
use store::Role;
use url::Url;

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

/// Waits for the program without a thread to spare: nothing else goes on meanwhile.
async fn run(configuration: &Configuration, program: &[String]) -> Result<(), Failure> {
    if configuration.database_url.is_some() {
        return Err(Failure::Usage(
            "this is for the embedded database: give programs the URL of your own".to_owned(),
        ));
    }
    let database = Database::join(configuration).await?;
    let variables = variables(&database.url(Role::Owner));
    let program = program.to_vec();
    let done = tokio::task::spawn_blocking(move || {
        let (name, arguments) = program.split_first()?;
        Some((
            name.clone(),
            Command::new(name).args(arguments).envs(variables).status(),
        ))
    });
    let done = done.await.map_err(|error| Failure::because(&error));
    database.close().await?;
    match done? {
        Some((_, Ok(status))) if status.success() => Ok(()),
        Some((name, Ok(status))) => Err(Failure::Failed(format!("{name} failed: {status}"))),
        Some((name, Err(error))) => Err(Failure::Failed(format!("{name} cannot run: {error}"))),
        None => Err(Failure::Usage("which program?".to_owned())),
    }
}

/// A connection URL as PostgreSQL's programs take it when they are told none.
fn variables(url: &str) -> Vec<(&'static str, String)> {
    let Ok(url) = Url::parse(url) else {
        return Vec::new();
    };
    let mut variables = vec![
        ("PGUSER", url.username().to_owned()),
        ("PGDATABASE", url.path().trim_start_matches('/').to_owned()),
    ];
    variables.extend(url.port().map(|port| ("PGPORT", port.to_string())));
    let host = url.query_pairs().find(|(name, _)| name == "host");
    variables.extend(host.map(|(_, folder)| ("PGHOST", folder.into_owned())));
    variables
}
