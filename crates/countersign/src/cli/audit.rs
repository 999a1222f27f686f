//! The history: asking it, and comparing with it what is derived from it.

use account::AccountId;
use clap::Subcommand;

use super::values::{Moment, id};

/// `countersign audit …`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Print every event of an account, oldest first
    History {
        /// The account's id
        #[arg(value_parser = id::<AccountId>)]
        account: AccountId,
    },
    /// Print the state of an account as its events tell it
    State {
        /// The account's id
        #[arg(value_parser = id::<AccountId>)]
        account: AccountId,
        /// A sequence number, or an instant such as 2026-11-24T09:30:00Z [default: now]
        #[arg(long, value_name = "WHEN")]
        at: Option<Moment>,
    },
}

/// `countersign projections …`.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ProjectionsCommand {
    /// Compare them with a replay of the events; fails if they differ
    Check,
    /// Make them anew from a replay of the events, also while the server runs
    Rebuild,
}
