//! The history: asking it, and comparing with it what is derived from it.

use std::path::PathBuf;

use account::AccountId;
use clap::{ArgGroup, Subcommand};

use super::values::{Moment, id};

/// `countersign audit …`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Print every event of an account, oldest first: when, who, what, and from where
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
    /// Verify the whole log, every account's chain, the kept checkpoints and the read models
    ///
    /// Reads each event from its stored bytes. Fails if anything is not what it was, and names the
    /// first wrong account, sequence and position, and the kind of damage.
    Verify {
        /// More checkpoints that were kept: a file or a folder; may be repeated
        #[arg(long, value_name = "PATH")]
        checkpoints: Vec<PathBuf>,
    },
    /// Write a bundle of history that can be checked offline
    ///
    /// Holds the events, their proofs, the signed checkpoint, the public keys, and personal values in
    /// clear with what proves them: keep it as safe as what it tells.
    #[command(group = ArgGroup::new("what").required(true))]
    Export {
        /// The account's id
        #[arg(value_parser = id::<AccountId>, group = "what")]
        account: Option<AccountId>,
        /// The whole log
        #[arg(long, group = "what")]
        all: bool,
        /// Where to [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check a bundle, offline: no database and no configuration are needed
    VerifyBundle {
        /// The bundle
        file: PathBuf,
        /// A public key that you trust, instead of those in the bundle; may be repeated
        #[arg(long, value_name = "KEY")]
        key: Vec<String>,
    },
    /// Print the public keys that checkpoints are signed under
    ///
    /// Give them to auditors in another way than bundles and checkpoints.
    Keys,
    /// Print what changed in an account from one point to another, and the events between
    Diff {
        /// The account's id
        #[arg(value_parser = id::<AccountId>)]
        account: AccountId,
        /// A sequence number, or an instant such as 2026-11-24T09:30:00Z
        #[arg(long, value_name = "WHEN")]
        from: Moment,
        /// Likewise [default: now]
        #[arg(long, value_name = "WHEN")]
        to: Option<Moment>,
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
