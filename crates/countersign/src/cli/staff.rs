//! Staff: their tokens, and what they do with them.

use std::time::Duration;

use account::{AccountId, EmailAddress};
use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

use super::values::{id, person_name, token_lifetime};
use crate::configuration::{Layer, TOKEN, WebOrigin, protected};
use crate::failure::Failure;
use crate::secret_text::SecretText;

/// `countersign staff …`.
#[derive(Debug, Subcommand)]
pub enum StaffCommand {
    /// Issue a token; it is the only line on standard output, and is never shown again
    Issue {
        /// What the token may do
        #[arg(long, value_enum)]
        role: StaffRole,
        /// Who holds it: a person's name, as the history will tell it
        #[arg(long, value_parser = person_name)]
        name: String,
        /// How long it is valid, at most a year
        #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = token_lifetime)]
        expires: Duration,
    },
    /// List all tokens: id, holder, role and end, never the token
    List,
    /// Revoke a token; it is refused from then on
    Revoke {
        /// The token's id, from `staff list`
        #[arg(value_parser = id::<Uuid>)]
        id: Uuid,
    },
}

/// What a staff token may do; neither role can do the other's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StaffRole {
    /// Find and unlock accounts
    Support,
    /// Read history and proofs
    Auditor,
}

/// A command that calls a running server.
#[derive(Debug, Args)]
pub struct Server<C: Subcommand> {
    /// The server to call; https, unless it is on this machine
    #[arg(
        long, global = true, value_name = "URL",
        default_value = "http://127.0.0.1:8080", value_parser = protected,
    )]
    pub server: WebOrigin,
    /// What to ask it.
    #[command(subcommand)]
    pub command: C,
}

/// `countersign support …`.
#[derive(Debug, Subcommand)]
pub enum SupportCommand {
    /// Find the account of an exact address
    Find {
        /// The address that the person signs in with
        email: EmailAddress,
    },
    /// Show why this person cannot sign in, and what an unlock would change
    Show {
        /// The account's id, from `support find`
        #[arg(value_parser = id::<AccountId>)]
        account: AccountId,
    },
    /// Lift waits, turn two-factor off and end every session; the owner is mailed
    Unlock {
        /// The account's id, from `support find`
        #[arg(value_parser = id::<AccountId>)]
        account: AccountId,
        /// Why, in words that an auditor understands
        #[arg(long, value_parser = person_name)]
        reason: String,
        /// The request that asked for it
        #[arg(long)]
        ticket: Option<String>,
    },
}

/// The token that `support` and `audit` present.
pub fn staff_token(environment: &Layer) -> Result<SecretText, Failure> {
    match environment.get(TOKEN).map(str::trim) {
        Some(token) if !token.is_empty() => Ok(SecretText::new(token.to_owned())),
        _ => Err(Failure::Usage(format!(
            "{TOKEN} is not set: put a staff token into it (`countersign staff issue`)"
        ))),
    }
}
