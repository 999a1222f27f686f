//! The service as people run it: the release binary on its embedded PostgreSQL.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use countersign::keys;
use credentials::Keyring;
use serde_json::{Value, json};
use store::{Role, Store, connect};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::Outcome;

const PASSWORD: &str = "violet harbour tuning 41";

pub(crate) struct World {
    server: Child,
    ready_at: Instant,
    pub(crate) address: SocketAddr,
    api: String,
    client: reqwest::Client,
    folder: TempDir,
    owner_url: String,
    pub(crate) keyring: Arc<Keyring>,
}

/// Beside this program, where cargo put both.
pub(crate) fn program() -> Outcome<PathBuf> {
    let here = std::env::current_exe()?;
    Ok(here.parent().unwrap_or(Path::new(".")).join("countersign"))
}

impl World {
    pub(crate) async fn start() -> Outcome<Self> {
        let folder = tempfile::Builder::new()
            .prefix("countersign-bench-")
            .tempdir()?;
        // PostgreSQL's own user has to enter it.
        rustix::fs::chmod(folder.path(), rustix::fs::Mode::from_raw_mode(0o711))?;
        Self::start_in(folder).await
    }

    /// With what another run left there.
    pub(crate) async fn start_in(folder: TempDir) -> Outcome<Self> {
        let (server, address) = serve(folder.path()).await?;
        let ready_at = Instant::now();
        let url = run(folder.path(), &["database", "url", "--role", "owner"]).await?;
        let keys = keys::read(&folder.path().join("data/master.key"))?;
        Ok(Self {
            server,
            ready_at,
            address,
            api: format!("http://{address}/api/v1"),
            client: reqwest::Client::new(),
            owner_url: url.trim().to_owned(),
            keyring: Arc::new(Keyring::derive(&keys)),
            folder,
        })
    }

    /// The same database as the server's.
    pub(crate) async fn store(&self) -> Outcome<Store> {
        let pool = connect(&self.url("app"), Role::App, 16).await?;
        Ok(Store::new(pool, Arc::clone(&self.keyring)))
    }

    /// The database as one of its roles: this user may be any of them.
    pub(crate) fn url(&self, role: &str) -> String {
        self.owner_url
            .replacen("countersign_owner", &format!("countersign_{role}"), 1)
    }

    /// Reads the feed of all events as lines, to its end; how many there were.
    pub(crate) async fn feed(&self) -> Outcome<u64> {
        let issue = ["staff", "issue", "--role", "auditor", "--name", "Bench"];
        let token = run(self.folder.path(), &issue).await?;
        let asked = self.client.get(format!("{}/audit/events", self.api));
        let asked = asked
            .bearer_auth(token.trim())
            .header("Accept", "application/x-ndjson");
        let mut answer = asked.send().await?.error_for_status()?;
        let mut lines = 0;
        while let Some(bytes) = answer.chunk().await? {
            lines += bytes
                .iter()
                .map(|byte| u64::from(*byte == b'\n'))
                .sum::<u64>();
        }
        Ok(lines)
    }

    /// The most memory that the server has used, in MiB.
    pub(crate) fn server_memory(&self) -> Outcome<f64> {
        self.told("VmHWM:")
    }

    /// What it uses now.
    pub(crate) fn resident_memory(&self) -> Outcome<f64> {
        self.told("VmRSS:")
    }

    fn told(&self, line: &str) -> Outcome<f64> {
        let pid = self.server.id().ok_or("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        Ok(mebibytes(&status, line).ok_or("no memory is told")?)
    }

    /// A place for a file.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A new account.
    pub(crate) async fn person(&self, email: &str) -> Outcome<Person<'_>> {
        let mut child = command(self.folder.path(), &["account", "create", "--email", email])?
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let mut stdin = child.stdin.take().ok_or("no standard input")?;
        stdin.write_all(PASSWORD.as_bytes()).await?;
        drop(stdin);
        if !child.wait().await?.success() {
            return Err("the account could not be made".into());
        }
        Ok(Person {
            world: self,
            email: email.to_owned(),
        })
    }

    /// One command beside the server; what it printed, and the most memory that it used, in MiB.
    pub(crate) async fn command(&self, arguments: &[&str]) -> Outcome<(String, f64)> {
        let mut child = command(self.folder.path(), arguments)?
            .stdout(Stdio::piped())
            .spawn()?;
        let pid = child.id().unwrap_or_default();
        let watched = tokio::spawn(peak(pid));
        let mut output = String::new();
        if let Some(stdout) = child.stdout.take() {
            let mut lines = BufReader::new(stdout).lines();
            while let Some(line) = lines.next_line().await? {
                output.push_str(&line);
                output.push('\n');
            }
        }
        let status = child.wait().await?;
        if !status.success() {
            return Err(format!("{arguments:?} ended with {status}: {output}").into());
        }
        Ok((output, watched.await?))
    }

    /// When it said that it was ready.
    pub(crate) const fn ready_at(&self) -> Instant {
        self.ready_at
    }

    pub(crate) async fn stop(self) -> Outcome<()> {
        self.stop_and_keep().await.map(drop)
    }

    /// Its folder stays.
    pub(crate) async fn stop_and_keep(mut self) -> Outcome<TempDir> {
        if let Some(pid) = self.server.id().and_then(|id| i32::try_from(id).ok()) {
            let pid = rustix::process::Pid::from_raw(pid).ok_or("no process")?;
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        self.server.wait().await?;
        Ok(self.folder)
    }
}

pub(crate) struct Person<'w> {
    world: &'w World,
    email: String,
}

impl Person<'_> {
    /// Signs in with the password; fails unless that gave a session.
    pub(crate) async fn sign_in(&self) -> Outcome<()> {
        let url = format!("{}/login", self.world.api);
        let body = json!({ "email": self.email, "password": PASSWORD, "transport": "bearer" });
        let answer = self.world.client.post(url).json(&body).send().await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        match answer.pointer("/session/token") {
            Some(_) => Ok(()),
            None => Err(format!("no session: {answer}").into()),
        }
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Outcome<Command> {
    let mut command = Command::new(program()?);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("COUNTERSIGN_DATA_DIR", folder.join("data"))
        .env("COUNTERSIGN_LISTEN", "127.0.0.1:0")
        .env("COUNTERSIGN_INTERNAL_LISTEN", "127.0.0.1:0")
        .env("COUNTERSIGN_LOG", "warn")
        // Everybody signs in from this machine.
        .env("COUNTERSIGN_SOURCE_LIMITS", "off")
        .kill_on_drop(true);
    Ok(command)
}

/// The server and the address that it listens on.
async fn serve(folder: &Path) -> Outcome<(Child, SocketAddr)> {
    let mut server = command(folder, &["serve"])?
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = server.stdout.take().ok_or("the server has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, rest)) = line.split_once("listening on ") {
            let address = rest.split(',').next().unwrap_or_default();
            return Ok((server, address.parse()?));
        }
    }
    Err("the server ended before it was ready".into())
}

async fn run(folder: &Path, arguments: &[&str]) -> Outcome<String> {
    let output = command(folder, arguments)?.output().await?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The most memory that a process used until it ended, in MiB.
async fn peak(pid: u32) -> f64 {
    let mut most = 0.0_f64;
    while let Ok(status) = tokio::fs::read_to_string(format!("/proc/{pid}/status")).await {
        let Some(told) = mebibytes(&status, "VmHWM:") else {
            break;
        };
        most = most.max(told);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    most
}

/// What a line of a process's status tells, in MiB.
fn mebibytes(status: &str, line: &str) -> Option<f64> {
    let told = status.lines().find_map(|told| told.strip_prefix(line))?;
    let kib = told.trim().trim_end_matches(" kB").parse::<f64>().ok()?;
    Some(kib / 1024.0)
}
