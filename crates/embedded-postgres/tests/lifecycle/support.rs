//! A data directory of a test's own, and a program beside the test that holds a server.

use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use embedded_postgres::{Durability, Server, Settings, start};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

/// More than a busy machine needs for anything that is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}

/// A temporary folder that the server's user can pass through.
pub(crate) struct Ground(TempDir);

impl Ground {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o711))
            .tempdir()
            .unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub(crate) fn cluster(&self) -> PathBuf {
        self.data().join("postgres")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.data().join("postgres.log")).unwrap_or_default()
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            data_dir: self.data(),
            bin_dir: None,
            roles: vec!["owner".to_owned(), "app".to_owned()],
            database: "data".to_owned(),
            durability: Durability::Disposable,
        }
    }

    pub(crate) async fn start(&self) -> Server {
        start(self.settings()).await.unwrap()
    }

    /// The command of a program that holds a server here.
    pub(crate) fn holder(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hold-postgres"));
        command.arg(self.data());
        command
    }

    /// The same as `nobody`, for whom the program is copied to where they can reach it.
    pub(crate) fn holder_as_nobody(&self) -> Command {
        let program = self.path().join("hold-postgres");
        fs::copy(env!("CARGO_BIN_EXE_hold-postgres"), &program).unwrap();
        let mut command = as_nobody();
        command.arg(program).arg(self.data());
        command
    }
}

pub(crate) fn as_nobody() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=65534", "--clear-groups", "--"]);
    command.current_dir("/");
    command
}

/// A program that holds a server. Closing its standard input stops it.
pub(crate) struct Held {
    child: Child,
    pub(crate) postmaster: i32,
    pub(crate) url: String,
}

impl Held {
    /// The server's number and URL, or the error that its start gave.
    pub(crate) fn run(mut command: Command) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.as_mut().unwrap());
        output.read_line(&mut line).unwrap();
        let words: Vec<&str> = line.trim().splitn(3, ' ').collect();
        if let ["ready", postmaster, url] = words[..] {
            return Ok(Self {
                postmaster: postmaster.parse().unwrap(),
                url: url.to_owned(),
                child,
            });
        }
        child.wait().unwrap();
        Err(line)
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn stop(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// A process that has ended and whom nobody has asked about yet does not live.
pub(crate) fn lives(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited too long until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// Runs statements as the user of `url`.
pub(crate) async fn execute(url: &str, sql: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(sql).execute(&mut connection).await?;
    connection.close().await
}

/// The one text that a query answers.
pub(crate) async fn ask(url: &str, sql: &str) -> String {
    sqlx::query_scalar(sql)
        .fetch_one(&mut connect(url).await)
        .await
        .unwrap()
}

/// The folder of the socket that a URL names.
pub(crate) fn socket_folder(url: &str) -> PathBuf {
    let (_, rest) = url.split_once("host=").unwrap();
    let host = rest.split('&').next().unwrap();
    PathBuf::from(host.replace("%2F", "/"))
}
