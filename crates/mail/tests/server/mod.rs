//! `smtp_server.py` as a value: started with a test, stopped with it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;
use tempfile::TempDir;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/smtp_server.py");

pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    directory: TempDir,
}

pub(crate) struct Kept {
    pub(crate) raw: String,
    pub(crate) envelope: Value,
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut process = Command::new(python())
            .args([SCRIPT, "--exit-with-stdin", "--dir"])
            .arg(directory.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut port)
            .unwrap();
        let port = port.trim().parse().expect("the server prints its port");
        Self {
            process,
            port,
            directory,
        }
    }

    pub(crate) fn behave(&self, how: &str) {
        fs::write(self.directory.path().join("refuse"), how).unwrap();
    }

    /// Every mail that was accepted, in order.
    pub(crate) fn kept(&self) -> Vec<Kept> {
        let mut mails: Vec<PathBuf> = fs::read_dir(self.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "eml"))
            .collect();
        mails.sort();
        mails.iter().map(|path| Kept::read(path)).collect()
    }
}

impl Kept {
    fn read(path: &Path) -> Self {
        let envelope = fs::read_to_string(path.with_extension("json")).unwrap();
        Self {
            raw: fs::read_to_string(path).unwrap(),
            envelope: serde_json::from_str(&envelope).unwrap(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _already_reaped = self.process.wait();
    }
}

/// A certificate for `localhost` and its key, as files: nobody but `ca=` trusts it.
pub(crate) struct Certificate {
    directory: TempDir,
}

impl Certificate {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(directory.path().join("cert.pem"), cert.pem()).unwrap();
        fs::write(
            directory.path().join("key.pem"),
            signing_key.serialize_pem(),
        )
        .unwrap();
        Self { directory }
    }

    pub(crate) fn path(&self) -> String {
        self.file("cert.pem")
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Server {
        let (cert, key) = (self.path(), self.file("key.pem"));
        Server::start(&[&["--cert", &cert, "--key", &key], arguments].concat())
    }

    fn file(&self, name: &str) -> String {
        self.directory
            .path()
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    }
}

/// A first `python3` may belong to a version manager and lack what the system's has.
fn python() -> &'static str {
    ["python3", "/usr/bin/python3"]
        .into_iter()
        .find(|python| {
            Command::new(python)
                .args(["-c", "import aiosmtpd"])
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        })
        .expect("the mail tests need aiosmtpd: apt-get install python3-aiosmtpd")
}
