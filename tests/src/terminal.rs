//! Commands as a person at a terminal gives them.

use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::Deployment;
use crate::server::program;

impl Deployment {
    /// A command at a terminal on whose keyboard `typed` is typed. What the terminal shows is the
    /// output.
    pub async fn run_on_a_terminal(&self, arguments: &[&str], typed: &str) -> Output {
        let program = program("turnable-countersign");
        let line = format!("{} {}", program.display(), arguments.join(" "));
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(typed.as_bytes()).await.unwrap();
        child.wait_with_output().await.unwrap()
    }
}
