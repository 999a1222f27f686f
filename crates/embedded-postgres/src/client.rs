//! PostgreSQL's own programs, run on the server of a data directory.

use std::io;
use std::process::{Command, ExitStatus};

use crate::server::{Address, Joined, Server};
use crate::socket::PORT;

impl Server {
    /// Runs a program that connects where its PG variables tell it, as this role.
    pub async fn run(
        &self,
        role: &str,
        program: &str,
        arguments: &[String],
    ) -> io::Result<ExitStatus> {
        self.address.run(role, program, arguments).await
    }
}

impl Joined {
    /// As [`Server::run`].
    pub async fn run(
        &self,
        role: &str,
        program: &str,
        arguments: &[String],
    ) -> io::Result<ExitStatus> {
        self.address.run(role, program, arguments).await
    }
}

impl Address {
    async fn run(&self, role: &str, program: &str, arguments: &[String]) -> io::Result<ExitStatus> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("PGHOST", &self.socket)
            .env("PGPORT", PORT.to_string())
            .env("PGSSLMODE", "disable")
            .env("PGDATABASE", &self.database)
            .env("PGUSER", role);
        let done = tokio::task::spawn_blocking(move || command.status());
        done.await.map_err(io::Error::other)?
    }
}
