//! Commands beside `serve`: each joins the database in use, or starts it for the moment.

mod bundles;
mod verify;

use std::io::{IsTerminal, Read};
use std::sync::Arc;

use account::staff::Role as StaffRole;
use account::{EmailAddress, StaffId};
use chrono::{DateTime, Duration, Utc};
use credentials::SystemRandom;
use mail::Message;
use serde_json::json;
use service::{At, Clock, Exported, Service};
use store::{Role, Sequencer, connect};
use zeroize::Zeroizing;

use crate::assembly::{Assembly, assemble, master_keys, post};
use crate::cli::{
    AccountCommand, AuditCommand, Cli, Command, DatabaseCommand, DatabaseRole, KeysCommand,
    MailCommand, Moment, StaffCommand, StaffRole as RoleArgument,
};
use crate::configuration::Configuration;
use crate::database::Database;
use crate::failure::Failure;
use crate::keys;
use crate::output::Output;
use crate::projections;
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
        Command::Database(DatabaseCommand::Url { role }) => {
            database_url(&configuration, *role, output).await
        }
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
        Command::Account(_) | Command::Staff(_) | Command::Audit(_) | Command::Projections(_) => {
            let keys = master_keys(&configuration)?;
            let database = Database::join(&configuration).await?;
            // Whoever may not migrate can still work on what somebody else has migrated.
            if !database.is_migrated().await? {
                database.migrate().await?;
            }
            let public_url = configuration.public_url.to_string();
            let assembly = assemble(&configuration, &keys, &database, public_url, clock).await?;
            let done = match &cli.command {
                Command::Projections(command) => {
                    projections::run(*command, &assembly, &database, output).await
                }
                Command::Audit(command) => {
                    audit_log(command, &assembly, &database, &configuration, output).await
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
        Command::Staff(command) => staff(service, command, output).await,
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

async fn database_url(
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

async fn staff(service: &Service, command: &StaffCommand, output: Output) -> Result<(), Failure> {
    match command {
        StaffCommand::Issue {
            role,
            name,
            expires,
        } => {
            let role = match role {
                RoleArgument::Support => StaffRole::Support,
                RoleArgument::Auditor => StaffRole::Auditor,
            };
            let lifetime =
                Duration::from_std(*expires).map_err(|error| Failure::because(&error))?;
            let issued = service
                .issue_staff(name, role, lifetime)
                .await
                .map_err(failed)?;
            output.note(format_args!(
                "{name} is {}; the token is shown this once",
                issued.id
            ));
            output.result(
                &json!({ "id": issued.id, "token": *issued.token }),
                &*issued.token,
            )
        }
        StaffCommand::List => {
            let list = service.list_staff().await.map_err(failed)?;
            let rows = list.iter().map(|member| {
                let role = match member.role {
                    StaffRole::Support => "support",
                    StaffRole::Auditor => "auditor",
                };
                json!({
                    "id": member.id, "name": member.name, "role": role,
                    "issued_at": member.issued_at, "expires_at": member.expires_at,
                    "revoked_at": member.revoked_at,
                })
            });
            let rows = rows.collect::<Vec<_>>();
            let columns = [
                "id",
                "role",
                "name",
                "issued_at",
                "expires_at",
                "revoked_at",
            ];
            output.result(&json!({ "staff": rows }), table(&columns, &rows))
        }
        StaffCommand::Revoke { id } => {
            service
                .revoke_staff(StaffId::from_uuid(*id))
                .await
                .map_err(failed)?;
            output.result(
                &json!({ "id": id, "status": "revoked" }),
                format!("{id} is revoked."),
            )
        }
    }
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

/// One row a line, its columns apart by two spaces; nothing that a terminal would obey.
pub(crate) fn table(columns: &[&str], rows: &[serde_json::Value]) -> String {
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
