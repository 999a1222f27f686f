//! Commands beside `serve`: each joins the database in use, or starts it for the moment.

mod accounts;
mod audit;
mod bundles;
mod database;
mod histories;
mod keys;
mod projections;
mod recover;
mod staff;
mod verify;

use std::path::Path;
use std::sync::Arc;

use account::EmailAddress;
use chrono::{DateTime, Utc};
use credentials::SystemRandom;
use mail::Message;
use serde_json::json;
use service::Clock;

use crate::assembly::{Assembly, assemble, is_first_start, master_keys, post};
use crate::cli::{AuditCommand, Cli, Command, KeysCommand, MailCommand, Rotate};
use crate::configuration::Configuration;
use crate::database::Database;
use crate::failure::Failure;
use crate::output::Output;
use crate::serve::serve;
use crate::words::printable;

pub(crate) async fn run(
    cli: &Cli,
    configuration: Configuration,
    output: Output,
    clock: Arc<dyn Clock>,
) -> Result<(), Failure> {
    match &cli.command {
        Command::Serve(options) => serve(options, &configuration, output, clock).await,
        Command::Config(_) => output.result(&configuration.json(), configuration.table()),
        Command::Keys(KeysCommand::Generate { output: path }) => {
            let path = path.as_ref().unwrap_or(&configuration.master_key_file);
            keys::generate(path, output)
        }
        Command::Keys(KeysCommand::Rotate(Rotate { standby: true, .. })) => {
            keys::add_standby(&configuration.master_key_file, output)
        }
        Command::Keys(KeysCommand::Rotate(Rotate { log: true, .. })) => {
            keys::rotate_log(configuration.log_key_file.as_deref(), output)
        }
        Command::Database(command) => database::carry_out(command, &configuration, output).await,
        Command::Migrate => {
            master_keys(&configuration)?;
            let database = Database::join(&configuration).await?;
            let migrated = database.migrate().await;
            database.close().await?;
            migrated?;
            output.result(&json!({ "status": "current" }), "The database is current.")
        }
        Command::Mail(MailCommand::Test { to }) => {
            test_mail(&configuration, to, output, clock.now()).await
        }
        // Carried out before a database is looked for.
        Command::Support(_) | Command::Audit(AuditCommand::VerifyBundle { .. }) => Ok(()),
        Command::Keys(_)
        | Command::Account(_)
        | Command::Staff(_)
        | Command::Audit(_)
        | Command::Projections(_)
        | Command::Recover(_) => {
            if is_first_start(&configuration) {
                before_a_new_database(&cli.command, &configuration.data_dir, output)?;
            }
            let keys = master_keys(&configuration)?;
            let database = Database::join(&configuration).await?;
            // Whoever may not migrate can still work on what somebody else has migrated.
            if !database.is_migrated().await? {
                database.migrate().await?;
            }
            let public_url = configuration.public_url.to_string();
            let now = clock.now();
            let assembly = assemble(
                &configuration,
                &keys,
                &database,
                public_url,
                Arc::clone(&clock),
            )
            .await?;
            let done = match &cli.command {
                Command::Keys(command) => {
                    let place = (&assembly, database.is_alone());
                    keys::beside(command, &configuration, place, output, now).await
                }
                Command::Projections(command) => {
                    projections::run(*command, &assembly, &database, output).await
                }
                Command::Audit(command) => {
                    audit::carry_out(command, &assembly, &database, &configuration, output).await
                }
                Command::Recover(options) => {
                    recover::recover(
                        options,
                        &assembly,
                        &database,
                        &configuration,
                        (clock, output),
                    )
                    .await
                }
                command => beside(command, &assembly, output).await,
            };
            assembly.store.close().await;
            database.close().await?;
            done
        }
    }
}

/// An audit that made what it proves whole would be content with any mistaken folder.
fn before_a_new_database(
    command: &Command,
    data_dir: &Path,
    output: Output,
) -> Result<(), Failure> {
    let folder = data_dir.display();
    if matches!(command, Command::Audit(_)) {
        let text = format!("there is no database in {folder}: name the right data directory");
        return Err(Failure::Usage(text));
    }
    output.note(format_args!(
        "countersign: warning: there was no database in {folder}: a new one is made"
    ));
    Ok(())
}

async fn beside(command: &Command, assembly: &Assembly, output: Output) -> Result<(), Failure> {
    let service = &assembly.service;
    match command {
        Command::Account(command) => accounts::carry_out(service, command, output).await,
        Command::Staff(command) => staff::carry_out(service, command, output).await,
        _ => Ok(()),
    }
}

pub(crate) use bundles::verify as verify_bundle;

pub(crate) fn failed(error: service::Error) -> Failure {
    match error {
        service::Error::AddressTaken => {
            Failure::Failed("an account with this address exists".to_owned())
        }
        service::Error::PasswordRejected(reason) => {
            Failure::Failed(format!("the password is not taken: {reason}"))
        }
        service::Error::NotFound => Failure::Failed("there is nothing with this id".to_owned()),
        other => Failure::because(&other),
    }
}

async fn test_mail(
    configuration: &Configuration,
    to: &EmailAddress,
    output: Output,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let random: &dyn credentials::Random = &SystemRandom;
    let id = random.id(now).map_err(|error| Failure::because(&error))?;
    let post = post(configuration, configuration.public_url.to_string())?;
    let letter = mail::compose(&post.letterhead, to.as_written(), id, now, &Message::Test)
        .map_err(|error| Failure::because(&error))?;
    post.transport
        .deliver(id, &letter)
        .await
        .map_err(|error| Failure::because(&error))?;
    let people = format!("A mail went out through {}.", post.transport);
    output.result(
        &json!({ "status": "sent", "transport": post.transport.to_string() }),
        people,
    )
}

/// One row a line, its columns apart by two spaces; nothing that a terminal would obey.
pub(crate) fn table(columns: &[&str], rows: &[serde_json::Value]) -> String {
    let cell = |row: &serde_json::Value, column: &str| {
        let value = row.get(column).unwrap_or(&serde_json::Value::Null);
        let text = match value {
            serde_json::Value::Null => "-".to_owned(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        printable(&text)
    };
    rows.iter()
        .map(|row| {
            let cells = columns
                .iter()
                .map(|column| cell(row, column))
                .collect::<Vec<_>>();
            cells.join("  ") + "\n"
        })
        .collect()
}
