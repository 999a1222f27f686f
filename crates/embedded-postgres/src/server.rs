//! What a caller holds of a server that runs.

use std::{fmt::Write as _, path::PathBuf};

use rustix::process::Signal;
use tokio::{sync::watch, time::timeout};

use crate::{error::Error, launch::Handle, shutdown, socket::PORT};

/// Where a server listens, and the database that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// The folder of the socket.
    pub(crate) socket: PathBuf,
    pub(crate) database: String,
}

impl Address {
    /// Everything that a client would otherwise take from its environment (`PGPORT`,
    /// `PGSSLMODE`) is named. There is no TLS on a unix socket.
    fn url(&self, role: &str) -> String {
        let role = percent_encode(role.as_bytes());
        let database = percent_encode(self.database.as_bytes());
        let socket = percent_encode(self.socket.as_os_str().as_encoded_bytes());
        format!("postgres://{role}@localhost:{PORT}/{database}?host={socket}&sslmode=disable")
    }
}

fn percent_encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// A PostgreSQL server of this process. It ends with the process, with [`Server::stop`], or
/// when it is dropped; only `stop` waits for the end.
#[derive(Debug)]
pub struct Server {
    pub(crate) handle: Handle,
    pub(crate) ended: watch::Receiver<bool>,
    pub(crate) address: Address,
    pub(crate) version: String,
}

impl Server {
    /// How sqlx and psql reach the database as `role`. Holds no secret: the kernel vouches
    /// for the caller.
    pub fn url(&self, role: &str) -> String {
        self.address.url(role)
    }

    /// Such as `15.18`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The process id of the server, for tests that kill it.
    pub fn postmaster_pid(&self) -> u32 {
        self.handle.pid()
    }

    /// Resolves once the server has ended, whoever ended it. The application should then
    /// end too: the next start recovers.
    pub async fn died(&self) {
        let mut ended = self.ended.clone();
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Ends the server within 40 s, and as a rule within 100 ms; connections are cut.
    /// Afterwards the data directory is free.
    pub async fn stop(self) -> Result<(), Error> {
        for (signal, patience) in shutdown::LADDER {
            self.handle.signal(signal);
            if timeout(patience, self.died()).await.is_ok() {
                return Ok(());
            }
            tracing::warn!(?signal, "PostgreSQL did not end in time");
        }
        Err(Error::Undying {
            pid: self.handle.pid(),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.signal(Signal::INT);
    }
}

/// A server that another process has started.
#[derive(Debug, Clone)]
pub struct Joined {
    pub(crate) address: Address,
}

impl Joined {
    /// As [`Server::url`]. The caller must be the user who started the server, the user it
    /// runs as, or root.
    pub fn url(&self, role: &str) -> String {
        self.address.url(role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_url_could_take_for_its_own_is_encoded() {
        let address = Address {
            socket: PathBuf::from("/tmp/a b&c"),
            database: "d?1".to_owned(),
        };
        let expected =
            "postgres://r%40x@localhost:5432/d%3F1?host=%2Ftmp%2Fa%20b%26c&sslmode=disable";
        assert_eq!(address.url("r@x"), expected);
    }
}
