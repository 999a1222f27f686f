//! A server as a process of its own, which can be asked to end, or killed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    /// Such as `http://127.0.0.1:40123`.
    pub url: String,
    /// Where operators listen.
    pub internal_url: String,
    pub log: PathBuf,
}

/// The product's own program, or the one with the turnable clock beside it.
pub(crate) fn program(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    let program = path.join(name);
    assert!(
        program.exists(),
        "{} is missing: cargo build --workspace",
        program.display()
    );
    program
}

impl ServerProcess {
    pub(crate) async fn start<I, K, V>(environment: I, log: &Path) -> Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        let mut child = Command::new(program("turnable-countersign"))
            .arg("serve")
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready =
            tokio::time::timeout(std::time::Duration::from_mins(1), lines.next_line()).await;
        let Ok(Ok(Some(ready))) = ready else {
            panic!(
                "the server did not start:\n{}",
                std::fs::read_to_string(log).unwrap()
            );
        };
        let address = |after: &str| {
            let (_, rest) = ready.split_once(after).unwrap();
            format!("http://{}", rest.split([',', ')']).next().unwrap())
        };
        let (url, internal_url) = (address("listening on "), address("for operators on "));
        Self {
            child,
            url,
            internal_url,
            log: log.to_owned(),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("the server has ended")
    }

    /// `kill -9`; returns when it is gone.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM; returns how the server ended.
    pub async fn terminate(&mut self) -> std::process::ExitStatus {
        let pid = rustix::process::Pid::from_raw(self.pid().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.ended().await
    }

    /// Waits until the server ends of itself; returns how.
    pub async fn ended(&mut self) -> std::process::ExitStatus {
        self.child.wait().await.unwrap()
    }
}
