//! The grammar of the command line. What a command does is elsewhere; here is what can be
//! typed, and what `--help` says about it.

mod audit;
mod staff;
mod values;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use account::{AccountId, EmailAddress};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use audit::{AuditCommand, ProjectionsCommand};
pub use staff::{Server, StaffCommand, StaffRole, SupportCommand, staff_token};
pub use values::Moment;

use crate::configuration::{Layer, flag_help, settings_help};
use crate::output::Output;
use crate::secret_text::SecretText;

const EXAMPLES: &str = "\
Examples:
  countersign serve                                  everything, on an embedded database
  countersign account create --email ada@example.com
  psql \"$(countersign database url)\"
  countersign config                                 the settings in force and their origin

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.";

/// Sign-in with a password and a one-time code, on a history that can be audited.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    #[arg(long, global = true, value_name = "FOLDER", help = flag_help("data_dir"))]
    data_dir: Option<String>,

    #[arg(
        long, global = true, value_name = "URL", help = flag_help("database_url"),
        long_help = format!(
            "{}\n\nOther users of this machine can see flags: use the variable for a password",
            flag_help("database_url")
        ),
    )]
    database_url: Option<SecretText>,

    /// Configuration file [COUNTERSIGN_CONFIG; default: ./countersign.toml if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Print results as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// All commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API and the internal listener until SIGTERM or Ctrl-C
    ///
    /// Starts the embedded database unless DATABASE_URL names another, migrates it, and prints the
    /// address when it is ready. One server at a time uses a data directory; any number share an
    /// outside database. When stopped it finishes the requests in flight.
    #[command(after_long_help = settings_help())]
    Serve(Serve),

    /// Bring the database to this version's schema, and stop
    ///
    /// For deployments in which servers run with `serve --no-migrate`.
    Migrate,

    /// The database in use
    #[command(subcommand)]
    Database(DatabaseCommand),

    /// The master key, without which the database cannot be read
    #[command(subcommand)]
    Keys(KeysCommand),

    /// Print the settings in force, each with its origin; secrets are hidden
    ///
    /// Takes the flags of `serve` too, to see what they would change.
    #[command(after_long_help = settings_help())]
    Config(Listening),

    /// The mail transport
    #[command(subcommand)]
    Mail(MailCommand),

    /// Accounts
    #[command(subcommand)]
    Account(AccountCommand),

    /// Tokens of support staff and auditors
    #[command(subcommand)]
    Staff(StaffCommand),

    /// Help people who are locked out
    ///
    /// A client of the HTTP API: the staff token is taken from COUNTERSIGN_TOKEN, and every call is
    /// recorded under its holder's name.
    Support(Server<SupportCommand>),

    /// Read the history of an account, and its state at a past moment
    ///
    /// For operators: reads the database itself, with the master key, and verifies what it reads.
    /// Auditors call the HTTP API, which records every call under their name.
    #[command(subcommand)]
    Audit(AuditCommand),

    /// What is derived from the events and can be replayed
    #[command(subcommand)]
    Projections(ProjectionsCommand),

    /// Go on from a restored backup
    ///
    /// While no server runs. Ends what had ended since the backup was made and would live again: all
    /// sessions, challenges, links, pending enrollments and known devices, and every code up to
    /// now. The log goes on in a new epoch and tells what of it is lost, by the checkpoints that were
    /// kept. If it is cut off, run it again; no server starts before it is done.
    Recover(Recover),
}

/// `countersign recover`.
#[derive(Debug, Args)]
pub struct Recover {
    /// What happened, in words that an auditor understands; stands in the log for ever
    #[arg(long, value_parser = values::person_name)]
    pub reason: String,

    /// More checkpoints that were kept: a file or a folder; may be repeated
    #[arg(long, value_name = "PATH")]
    pub checkpoints: Vec<PathBuf>,

    /// Revoke every token of staff: one that was revoked after the backup is in force again
    #[arg(long)]
    pub revoke_staff: bool,
}

/// `countersign serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen.
    #[command(flatten)]
    pub listening: Listening,

    /// Do not migrate; refuse to start on a schema that is not current
    #[arg(long)]
    pub no_migrate: bool,
}

/// The settings that have a flag on `serve` alone.
#[derive(Debug, Args)]
pub struct Listening {
    #[arg(long, value_name = "ADDRESS", help = flag_help("listen"))]
    listen: Option<String>,

    #[arg(long, value_name = "ADDRESS", help = flag_help("internal_listen"))]
    internal_listen: Option<String>,

    #[arg(long, value_name = "URL", help = flag_help("public_url"))]
    public_url: Option<String>,
}

/// `countersign database …`.
#[derive(Debug, Subcommand)]
pub enum DatabaseCommand {
    /// Print a connection URL for psql, pg_dump or monitoring
    ///
    /// The reader sees everything but keys, secrets and hashes of tokens, and changes nothing:
    /// pg_dump needs the owner. The owner can change everything, also what
    /// the log then proves to be forged.
    Url {
        /// Whom to connect as
        #[arg(long, value_enum, default_value_t = DatabaseRole::Reader)]
        role: DatabaseRole,
    },
    /// Run a program of PostgreSQL on the embedded database, as its owner
    ///
    /// Starts the database for as long as the program runs, unless a server has it. The program
    /// needs no URL: PGHOST, PGPORT, PGUSER and PGDATABASE tell it where.
    #[command(
        after_help = "Example:\n  countersign database run pg_dump --format=custom --file=b.dump"
    )]
    Run {
        /// The program and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        program: Vec<String>,
    },
}

/// Whom a connection URL is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DatabaseRole {
    /// Reads everything
    Reader,
    /// Owns the tables
    Owner,
}

/// `countersign keys …`.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a new master key in a file that only this user can read
    ///
    /// Never overwrites a file. Keep a copy apart from the backups of the database: with both,
    /// everything can be read, and without the key nothing.
    Generate {
        /// Where to [default: COUNTERSIGN_MASTER_KEY_FILE, and so master.key in the data directory]
        #[arg(long, value_name = "PATH")]
        output: Option<PathBuf>,
    },
    /// Make a further master key and bring under it what can be, while servers run
    ///
    /// Servers take the new key up from the file by themselves. Data keys are wrapped anew; MACs of
    /// states, sessions and staff are made anew. Tokens, device marks and waiting mail stay under the key
    /// that they were made under until they end; look-ups by address and MACs of events for ever: old
    /// keys stay in the file. A rotation that was interrupted is finished first, and then no
    /// further key is made. Keep a copy of the new file.
    ///
    /// With several machines: `--standby` on one, copy the file to all; then without it on the
    /// same one, and copy the file once more.
    ///
    /// A log that has a key file of its own (COUNTERSIGN_LOG_KEY_FILE) gets a further key with `--log`.
    Rotate(Rotate),
    /// Tell how much is under which master key, and until when
    Status,
}

/// `countersign keys rotate`.
#[derive(Debug, Args)]
pub struct Rotate {
    /// Only add a key to the file, with which servers read and do not write yet
    #[arg(long, conflicts_with = "resume")]
    pub standby: bool,

    /// Make no key; only bring rows under the one in use
    #[arg(long)]
    pub resume: bool,

    /// Add a key to the log's own file; it signs the next checkpoint, and so does the key before it
    #[arg(long, conflicts_with_all = ["standby", "resume"])]
    pub log: bool,
}

/// `countersign mail …`.
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Send one mail, and tell what the mail server says if it fails
    Test {
        /// Whom to send it to
        to: EmailAddress,
    },
}

/// `countersign account …`.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Make an active account without a mail round trip
    ///
    /// The password is asked for on a terminal, and else read as the first line of standard input.
    Create {
        /// The address that the person signs in with
        #[arg(long)]
        email: EmailAddress,
    },
    /// Erase an account: destroy its key and everything that it holds
    ///
    /// Its history stays and verifies, and what is personal in it can be read by nobody. Every
    /// session ends at once, the owner is mailed, and the address can be registered anew. Backups and
    /// exports that were made before still hold what they held. Cannot be undone; asked for
    /// confirmation on a terminal.
    Erase {
        /// The account's id
        #[arg(value_parser = values::id::<AccountId>)]
        account: AccountId,
    },
}

impl Cli {
    /// The settings that were given as flags.
    pub fn flags(&self) -> Layer {
        let Global {
            data_dir,
            database_url,
            ..
        } = &self.global;
        let listening = match &self.command {
            Command::Serve(serve) => Some(&serve.listening),
            Command::Config(listening) => Some(listening),
            _ => None,
        };
        let of =
            |read: fn(&Listening) -> &Option<String>| listening.and_then(|l| read(l).as_deref());
        [
            ("data_dir", data_dir.as_deref()),
            (
                "database_url",
                database_url.as_ref().map(SecretText::expose),
            ),
            ("listen", of(|l| &l.listen)),
            ("internal_listen", of(|l| &l.internal_listen)),
            ("public_url", of(|l| &l.public_url)),
        ]
        .into_iter()
        .filter_map(|(key, text)| Some((key, text?)))
        .collect()
    }

    /// How results are to be written.
    pub fn output(&self) -> Output {
        Output {
            json: self.global.json,
        }
    }
}
