//! A real SMTP server, not ours, that can be told to misbehave, and to be down.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use acceptance::Options;
use tempfile::TempDir;

const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/mail/tests/smtp_server.py"
);

pub(crate) const SENDER: &str = "no-reply@id.example";
pub(crate) const SUPPORT: &str = "help@id.example";

#[derive(Debug)]
pub(crate) struct MailServer {
    process: Option<Child>,
    port: u16,
    directory: TempDir,
}

/// A mail that it accepted.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) text: String,
    pub(crate) envelope: serde_json::Value,
}

impl MailServer {
    pub(crate) fn start() -> Self {
        let mut server = Self {
            process: None,
            port: 0,
            directory: tempfile::tempdir().unwrap(),
        };
        server.come_back();
        server
    }

    /// On the same port as before.
    pub(crate) fn come_back(&mut self) {
        let mut process = Command::new(python())
            .args([
                SCRIPT,
                "--exit-with-stdin",
                "--port",
                &self.port.to_string(),
                "--dir",
            ])
            .arg(self.directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut port).unwrap();
        self.port = port
            .trim()
            .parse()
            .expect("the mail server prints its port");
        self.process = Some(process);
    }

    pub(crate) fn go_down(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// As the script describes; empty: accept everything.
    pub(crate) fn behave(&self, how: &str) {
        std::fs::write(self.directory.path().join("refuse"), how).unwrap();
    }

    /// A deployment that sends its mail here.
    pub(crate) fn options(&self) -> Options {
        Options::default()
            .setting(
                "COUNTERSIGN_SMTP_URL",
                &format!("smtp://127.0.0.1:{}", self.port),
            )
            .setting("COUNTERSIGN_MAIL_FROM", SENDER)
            .setting("COUNTERSIGN_SUPPORT_CONTACT", SUPPORT)
            .setting("COUNTERSIGN_SOURCE_LIMITS", "off")
    }

    /// Every mail that was accepted, in order.
    pub(crate) fn accepted(&self) -> Vec<Accepted> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut paths = paths.filter(|path| is_mail(path)).collect::<Vec<_>>();
        paths.sort();
        paths.iter().map(|path| Accepted::read(path)).collect()
    }

    /// Waits for a mail to an address whose subject contains a text.
    pub(crate) async fn accepts(&self, to: &str, subject: &str) -> Accepted {
        let began = Instant::now();
        loop {
            let mails = self.accepted().into_iter().rev();
            let mut mails = mails.filter(|mail| mail.is_to(to) && mail.subject().contains(subject));
            if let Some(mail) = mails.next() {
                return mail;
            }
            let waited = began.elapsed();
            assert!(
                waited < Duration::from_secs(20),
                "no mail to {to} about {subject}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.go_down();
    }
}

impl Accepted {
    fn read(path: &Path) -> Self {
        let envelope = std::fs::read_to_string(path.with_extension("json")).unwrap();
        Self {
            text: std::fs::read_to_string(path).unwrap(),
            envelope: serde_json::from_str(&envelope).unwrap(),
        }
    }

    pub(crate) fn is_to(&self, address: &str) -> bool {
        self.envelope["to"] == serde_json::json!([address])
    }

    pub(crate) fn subject(&self) -> &str {
        let line = self
            .text
            .lines()
            .find_map(|line| line.strip_prefix("Subject: "));
        line.unwrap_or_default()
    }

    /// Everything in one line, as a reader sees it.
    pub(crate) fn words(&self) -> String {
        self.text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn token(&self, page: &str) -> String {
        let marker = format!("/{page}/");
        let mut lines = self.text.lines();
        let link = lines.find_map(|line| line.split_once(&marker));
        link.expect("a link").1.trim().to_owned()
    }
}

fn is_mail(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "eml")
}

/// A first `python3` may belong to a version manager and lack what the system's has.
fn python() -> &'static str {
    let has_aiosmtpd = |python: &&str| {
        let mut command = Command::new(python);
        let command = command
            .args(["-c", "import aiosmtpd"])
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let found = ["python3", "/usr/bin/python3"]
        .into_iter()
        .find(has_aiosmtpd);
    found.expect("tests of mail need aiosmtpd: apt-get install python3-aiosmtpd")
}
