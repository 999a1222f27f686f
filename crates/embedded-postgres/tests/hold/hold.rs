//! Runs a server until its standard input ends, so that tests can kill what runs one, or
//! run it as another user, with another umask, locale or temporary folder.
//!
//! Says `ready POSTMASTER URL` or `error TEXT`, and nothing else.

use std::{io::Read, path::PathBuf};

use embedded_postgres::{Durability, Settings, start};
use tokio::task::spawn_blocking;

#[expect(
    clippy::print_stdout,
    reason = "the test that runs this reads its output"
)]
#[tokio::main]
async fn main() {
    let settings = Settings {
        data_dir: std::env::args_os()
            .nth(1)
            .map(PathBuf::from)
            .unwrap_or_default(),
        bin_dir: std::env::var_os("PG_BIN").map(PathBuf::from),
        roles: vec!["owner".to_owned(), "app".to_owned()],
        database: "data".to_owned(),
        durability: Durability::Durable,
    };
    let server = match start(settings).await {
        Ok(server) => server,
        Err(error) => return println!("error {error}"),
    };
    println!("ready {} {}", server.postmaster_pid(), server.url("owner"));
    let _ = spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
    if let Err(error) = server.stop().await {
        println!("error {error}");
    }
}
