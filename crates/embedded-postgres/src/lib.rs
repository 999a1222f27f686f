//! A private, durable PostgreSQL of the machine's own binaries, so that one command starts
//! everything on a machine where nobody has set up a database.
//!
//! [`start`] promises four things: the server belongs to one data directory and to one run at
//! a time; it listens on a private unix socket and on no port; it ends with the process that
//! started it, however that one ends; and what it acknowledged survives a power failure
//! ([`Durability::Durable`]). Whoever the operating system says the caller is may be any of
//! the configured roles, so there is no password to make, keep or lose.

mod client;
mod configure;
mod error;
mod identity;
mod initialise;
mod launch;
mod layout;
mod locate;
mod lock;
mod orphan;
mod provision;
mod server;
mod settings;
mod shutdown;
mod socket;
mod supervise;
mod tools;
mod wire;

pub use error::Error;
pub use layout::make_data_dir;
pub use lock::join;
pub use server::{Joined, Server};
pub use settings::{Durability, Settings};
pub use supervise::start;
