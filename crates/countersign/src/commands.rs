//! Commands beside `serve`: each joins the database in use, or starts it for the moment.

mod bundles;
mod database;
mod recover;
mod staff;
mod verify;

use std::io::{IsTerminal, Read};
use std::sync::Arc;

use account::EmailAddress;
use chrono::{DateTime, Utc};
use credentials::SystemRandom;
use mail::Message;
use serde_json::json;
use service::{At, Clock, Exported, Service};
use store::{Role, Sequencer, connect};
use zeroize::Zeroizing;

use crate::assembly::{Assembly, assemble, master_keys, post};
use crate::checkpoints::refuse_restored;
use crate::cli::{
    AccountCommand, AuditCommand, Cli, Command, KeysCommand, MailCommand, Moment,
    ProjectionsCommand,
};
use crate::configuration::Configuration;
use crate::database::Database;
use crate::failure::Failure;
use crate::keys;
use crate::output::Output;
use crate::serve::serve;

/// How many events of a history are read at a time.
const PAGE: u32 = 500;

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
            keys::generate(path, &SystemRandom).map_err(|error| Failure::because(&error))?;
            let path = path.display().to_string();
            let people = format!("A new master key is in {path}. Keep a copy in a safe place.");
            output.result(&json!({ "master_key_file": path }), people)
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
        Command::Account(_)
        | Command::Staff(_)
        | Command::Audit(_)
        | Command::Projections(_)
        | Command::Recover(_) => {
            let keys = master_keys(&configuration)?;
            let database = Database::join(&configuration).await?;
            // Whoever may not migrate can still work on what somebody else has migrated.
            if !database.is_migrated().await? {
                database.migrate().await?;
            }
            let public_url = configuration.public_url.to_string();
            let assembly = assemble(
                &configuration,
                &keys,
                &database,
                public_url,
                Arc::clone(&clock),
            )
            .await?;
            let done = match &cli.command {
                Command::Audit(command) => {
                    audit_log(command, &assembly, &database, &configuration, output).await
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
            assembly.pool.close().await;
            database.close().await?;
            done
        }
    }
}

async fn beside(command: &Command, assembly: &Assembly, output: Output) -> Result<(), Failure> {
    let service = &assembly.service;
    match command {
        Command::Account(AccountCommand::Create { email }) => {
            create_account(service, email, output).await
        }
        Command::Staff(command) => staff::carry_out(service, command, output).await,
        Command::Projections(command) => projections(service, *command, output).await,
        _ => Ok(()),
    }
}

pub(crate) use bundles::verify as verify_bundle;

fn failed(error: service::Error) -> Failure {
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

async fn create_account(
    service: &Service,
    email: &EmailAddress,
    output: Output,
) -> Result<(), Failure> {
    let password = read_password()?;
    let id = service
        .create_account(email, &password)
        .await
        .map_err(failed)?;
    let email = email.as_written();
    output.result(
        &json!({ "id": id, "email": email }),
        format!("{id}  {email}"),
    )
}

/// The first line of standard input; asked for twice at a terminal.
fn read_password() -> Result<Zeroizing<String>, Failure> {
    let unreadable = |error: std::io::Error| Failure::because(&error);
    if std::io::stdin().is_terminal() {
        let ask = |prompt| rpassword::prompt_password(prompt).map(Zeroizing::new);
        let first = ask("Password: ").map_err(unreadable)?;
        if *first != *ask("Once more: ").map_err(unreadable)? {
            return Err(Failure::Failed("the two passwords differ".to_owned()));
        }
        return Ok(first);
    }
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .lock()
        .take(4096)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    let length = text.lines().next().map_or(0, str::len);
    text.truncate(length);
    Ok(text)
}

async fn audit_log(
    command: &AuditCommand,
    assembly: &Assembly,
    database: &Database,
    configuration: &Configuration,
    output: Output,
) -> Result<(), Failure> {
    let Assembly { service, store, .. } = assembly;
    match command {
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
        command => audit(service, command, output).await,
    }
}

async fn audit(service: &Service, command: &AuditCommand, output: Output) -> Result<(), Failure> {
    match command {
        AuditCommand::History { account } => {
            let (mut events, mut after) = (Vec::new(), 0);
            loop {
                let page = service
                    .read_history(*account, after, PAGE)
                    .await
                    .map_err(failed)?;
                events.extend(page.events);
                match page.next {
                    Some(next) => after = next,
                    None => break,
                }
            }
            if events.is_empty() {
                return Err(Failure::Failed(format!("there is no account {account}")));
            }
            let rows = events.iter().map(|event| json!(event)).collect::<Vec<_>>();
            let columns = [
                "sequence",
                "recorded_at",
                "type",
                "actor",
                "request",
                "data",
            ];
            output.result(&json!({ "events": rows }), table(&columns, &rows))
        }
        AuditCommand::State { account, at } => {
            let at = match at {
                None => At::Now,
                Some(Moment::Sequence(sequence)) => At::Sequence(*sequence),
                Some(Moment::Instant(instant)) => At::Instant(*instant),
            };
            let state = service
                .replay(*account, at)
                .await
                .map_err(|error| match error {
                    service::Error::NotFound => {
                        Failure::Failed(format!("there is no account {account}"))
                    }
                    other => failed(other),
                })?;
            let people = serde_json::to_string_pretty(&state);
            output.result(&state, people.map_err(|error| Failure::because(&error))?)
        }
        _ => Ok(()),
    }
}

async fn projections(
    service: &Service,
    command: ProjectionsCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        ProjectionsCommand::Check => {
            let report = service.check_projections().await.map_err(failed)?;
            let findings = report.findings.iter().map(|finding| {
                json!({ "stream": finding.stream, "table": finding.table, "what": finding.what })
            });
            let findings = findings.collect::<Vec<_>>();
            let people = format!(
                "{}{} accounts, {} members of staff, {} events, {} findings",
                table(&["stream", "table", "what"], &findings),
                report.accounts,
                report.staff,
                report.events,
                findings.len()
            );
            let value = json!({
                "accounts": report.accounts, "staff": report.staff, "events": report.events,
                "findings": findings,
            });
            output.result(&value, people)?;
            if findings.is_empty() {
                Ok(())
            } else {
                Err(Failure::Failed(
                    "the read models disagree with the history: `countersign projections rebuild` \
                     writes them anew; find out who changed them"
                        .to_owned(),
                ))
            }
        }
        ProjectionsCommand::Rebuild => {
            let accounts = service.rebuild_projections().await.map_err(failed)?;
            output.result(
                &json!({ "accounts": accounts }),
                format!("{accounts} accounts rebuilt."),
            )
        }
    }
}

/// One row a line, its columns apart by two spaces; nothing that a terminal would obey.
fn table(columns: &[&str], rows: &[serde_json::Value]) -> String {
    let cell = |row: &serde_json::Value, column: &str| {
        let value = row.get(column).unwrap_or(&serde_json::Value::Null);
        let text = match value {
            serde_json::Value::Null => "-".to_owned(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        text.chars().filter(|c| !c.is_control()).collect::<String>()
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
