//! The program that drives one browser.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use thirtyfour::session::handle::SessionHandle;
use thirtyfour::{
    BrowserCapabilitiesHelper, CapabilitiesHelper, ChromiumLikeCapabilities, DesiredCapabilities,
    WebDriver,
};

use super::View;

const INSTALL: &str = "apt-get install chromium chromium-driver";

/// Without the last, Chromium still looks up hosts of its maker's. `--disable-crashpad-for-testing`
/// is not to be used: with it, no page ever loads.
const ARGUMENTS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-breakpad",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
];

/// Asked for any port, chromedriver takes one of IPv6 and ends where the same is not free for IPv4.
const STARTS: usize = 5;

/// In the process group of the test, so that a test that is killed takes its browser along.
#[derive(Debug)]
pub(super) struct Chromedriver {
    child: Child,
    port: u16,
    /// It must not find its output closed.
    _stdout: BufReader<ChildStdout>,
    folder: TempDir,
}

impl Chromedriver {
    pub(super) fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("countersign-chromium-")
            .tempdir()
            .unwrap();
        let (child, stdout, port) = (0..STARTS)
            .find_map(|_| start_in(folder.path()))
            .expect("chromedriver names no port");
        Self {
            child,
            port,
            _stdout: stdout,
            folder,
        }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) async fn open_session(&self, view: &View) -> Arc<SessionHandle> {
        let mut wanted = DesiredCapabilities::chrome();
        for argument in ARGUMENTS {
            wanted.add_arg(argument).unwrap();
        }
        let profile = self.folder().join("profile");
        let profile = format!("--user-data-dir={}", profile.display());
        wanted.add_arg(&profile).unwrap();
        wanted
            .set_browser_option("prefs", view.preferences())
            .unwrap();
        let logs = json!({ "performance": "ALL", "browser": "ALL" });
        wanted.set("goog:loggingPrefs", logs).unwrap();
        let url = format!("http://127.0.0.1:{}", self.port);
        let driver = WebDriver::new(url, wanted)
            .await
            .unwrap_or_else(|error| panic!("chromium did not start: {error}: {INSTALL}"));
        let session = Arc::clone(driver.handle());
        // It would end the session on its own when dropped, and block meanwhile; the end of
        // chromedriver does that.
        driver.leak().unwrap();
        session
    }

    fn ask_to_shut_down(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream
            .write_all(b"GET /shutdown HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None)) && processes_in(self.folder.path()).is_empty()
    }
}

fn start_in(folder: &Path) -> Option<(Child, BufReader<ChildStdout>, u16)> {
    let log = std::fs::File::create(folder.join("chromedriver.log")).unwrap();
    let mut child = Command::new("chromedriver")
        .arg("--port=0")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        .env("HOME", folder)
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("chromedriver: {error}: {INSTALL}"));
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let Some(port) = announced_port(&mut stdout) else {
        child.wait().unwrap();
        return None;
    };
    Some((child, stdout, port))
}

/// None where it has ended without one.
fn announced_port(stdout: &mut impl BufRead) -> Option<u16> {
    stdout.lines().map_while(Result::ok).find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    })
}

/// The processes of the browser whose files are in this folder.
pub(super) fn processes_in(folder: &Path) -> Vec<Pid> {
    let folder = folder.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let entry = entry.ok()?;
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let command = std::fs::read(entry.path().join("cmdline")).ok()?;
        let of_ours = String::from_utf8_lossy(&command).contains(folder);
        of_ours.then(|| Pid::from_raw(pid))?
    });
    processes.collect()
}

/// SIGTERM and SIGKILL of chromedriver leave the browser running; being asked does not.
impl Drop for Chromedriver {
    #[expect(clippy::disallowed_methods, reason = "a drop cannot await")]
    fn drop(&mut self) {
        let _ = self.ask_to_shut_down();
        for _ in 0..250 {
            if self.has_ended() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        for pid in processes_in(self.folder.path()) {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
