//! `countersign account …`.

use std::io::{IsTerminal, Read};

use account::{AccountId, EmailAddress};
use serde_json::json;
use service::Service;
use zeroize::Zeroizing;

use super::failed;
use crate::cli::AccountCommand;
use crate::failure::Failure;
use crate::output::Output;

pub(super) async fn carry_out(
    service: &Service,
    command: &AccountCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        AccountCommand::Create { email } => create(service, email, output).await,
        AccountCommand::Erase { account } => erase(service, *account, output).await,
    }
}

async fn create(service: &Service, email: &EmailAddress, output: Output) -> Result<(), Failure> {
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

async fn erase(service: &Service, account: AccountId, output: Output) -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        confirm_erasure(account, output)?;
    }
    let erasure = service
        .erase_account(account)
        .await
        .map_err(|error| match error {
            service::Error::NotFound => Failure::Failed(format!("there is no account {account}")),
            service::Error::Overloaded { .. } => Failure::Failed(format!(
                "too much is going on in the account {account}: nothing was erased, try again"
            )),
            other => failed(other),
        })?;
    let mail = if erasure.mailed {
        "Its owner is mailed."
    } else {
        "Its address could not be read, so nobody is mailed."
    };
    output.result(
        &json!({ "id": account, "status": "erased", "mailed": erasure.mailed }),
        format!("{account} is erased. {mail}"),
    )
}

fn confirm_erasure(account: AccountId, output: Output) -> Result<(), Failure> {
    output.note(format_args!(
        "The account {account} and everything that it holds will be erased. This cannot be undone.\n\
         Type the account's id to go on:"
    ));
    let mut typed = String::new();
    std::io::stdin()
        .read_line(&mut typed)
        .map_err(|error| Failure::because(&error))?;
    if typed.trim().parse() == Ok(account) {
        return Ok(());
    }
    Err(Failure::Failed("nothing was erased".to_owned()))
}
