//! Countersign behind Debian's nginx, with the configuration of the page in `docs`: what stands
//! there is what runs here, but for ports and paths.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use acceptance::{Deployment, Options, PASSWORD};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

const HOST: &str = "app.example";

/// The one block of nginx configuration in the page.
fn configuration() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/forward-auth.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut blocks = page.split("```nginx\n").skip(1);
    let block = blocks.next().unwrap().split("```").next().unwrap();
    assert_eq!(blocks.next(), None, "the page has two configurations");
    block.to_owned()
}

fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "the page's configuration has no {old}");
    text.replace(old, new)
}

/// An application that writes down each request and answers with what it was told.
#[derive(Clone, Default)]
struct Application(Arc<Mutex<Vec<String>>>);

impl Application {
    async fn start(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::clone(&self.0);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&requests)));
            }
        });
        port
    }

    fn requests(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

async fn answer(mut stream: TcpStream, requests: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut chunk).await {
            Ok(read @ 1..) => request.extend_from_slice(&chunk[..read]),
            _ => return,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let told = request
        .lines()
        .filter(|line| line.to_lowercase().starts_with("x-countersign"));
    let body = told.collect::<Vec<_>>().join("\n");
    requests.lock().unwrap().push(request);
    let length = body.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes()).await;
}

struct Proxied {
    deployment: Deployment,
    application: Application,
    folder: TempDir,
    address: SocketAddr,
    nginx: Child,
}

impl Proxied {
    async fn start() -> Self {
        let options = Options::default()
            .setting("COUNTERSIGN_PUBLIC_URL", "https://app.example")
            .setting("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1/32")
            .setting("COUNTERSIGN_APP_URLS", "https://app.example");
        let deployment = Deployment::with(options).await;
        let application = Application::default();
        let folder = tempfile::Builder::new()
            .prefix("countersign-nginx-")
            .tempdir()
            .unwrap();
        let address = own_address();
        let places = (address, application.start().await);
        let main = write_configuration(&deployment, folder.path(), places);
        let nginx = Command::new("nginx")
            .args(["-e", "stderr", "-c"])
            .arg(&main)
            .arg("-p")
            .arg(folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("nginx is missing: apt-get install nginx-light");
        let mut proxied = Self {
            deployment,
            application,
            folder,
            address,
            nginx,
        };
        proxied.until_it_listens().await;
        proxied
    }

    async fn until_it_listens(&mut self) {
        let began = Instant::now();
        while TcpStream::connect(self.address).await.is_err() {
            assert_eq!(self.nginx.try_wait().unwrap(), None, "nginx ended");
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "nginx does not listen"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A browser of this name: it keeps cookies as their rules say. What it shows, after its
    /// status and the place that it is sent to.
    async fn browse(&self, browser: &str, path: &str, more: &[&str]) -> (u16, String, String) {
        let (port, ip) = (self.address.port(), self.address.ip());
        let jar = self.folder.path().join(browser);
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "30"])
            .args(["--resolve", &format!("{HOST}:{port}:{ip}")])
            .arg("--cacert")
            .arg(self.folder.path().join("fullchain.pem"))
            .arg("--cookie")
            .arg(&jar)
            .arg("--cookie-jar")
            .arg(&jar)
            .args(["--write-out", "\n%{http_code} %header{location}"])
            .args(more)
            .arg(format!("https://{HOST}:{port}{path}"))
            .output()
            .await
            .expect("curl is missing: apt-get install curl");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, end) = text.rsplit_once('\n').unwrap();
        let (status, location) = end.split_once(' ').unwrap();
        (
            status.parse().unwrap(),
            location.to_owned(),
            body.to_owned(),
        )
    }

    /// Signs a browser in by what its page would send.
    async fn sign_in(&self, browser: &str, email: &str) -> String {
        let login = format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#);
        // Not from where this comes.
        let elsewhere = "X-Forwarded-For: 203.0.113.9";
        let page = [
            "--header",
            "Sec-Fetch-Site: same-origin",
            "--header",
            elsewhere,
        ];
        let json = [&["--json", &login][..], &page].concat();
        let (status, _, body) = self.browse(browser, "/api/v1/login", &json).await;
        assert_eq!(status, 200, "{body}");
        let (status, _, session) = self.browse(browser, "/api/v1/session", &[]).await;
        assert_eq!(status, 200, "{session}");
        let session = serde_json::from_str::<serde_json::Value>(&session).unwrap();
        session["account"]["id"].as_str().unwrap().to_owned()
    }
}

/// A loopback address that no other test and no outgoing connection takes.
fn own_address() -> SocketAddr {
    static COUNT: AtomicU16 = AtomicU16::new(8443);
    let [.., high, low] = std::process::id().to_be_bytes();
    let port = COUNT.fetch_add(1, Ordering::Relaxed);
    SocketAddr::from(([127, 77, high, low], port))
}

/// The page's configuration with other ports and paths, inside the least that nginx needs around.
fn write_configuration(
    deployment: &Deployment,
    folder: &Path,
    places: (SocketAddr, u16),
) -> PathBuf {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let certified = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    std::fs::write(path("fullchain.pem"), certified.cert.pem()).unwrap();
    std::fs::write(path("privkey.pem"), certified.signing_key.serialize_pem()).unwrap();
    let server = deployment.servers[0].url.trim_start_matches("http://");
    let mut site = configuration();
    site = replaced(&site, "listen 443 ssl", &format!("listen {} ssl", places.0));
    site = replaced(&site, "127.0.0.1:3000", &format!("127.0.0.1:{}", places.1));
    site = replaced(&site, "127.0.0.1:8080", server);
    site = replaced(&site, "/etc/ssl/app.example/", &path(""));
    std::fs::write(path("site"), site).unwrap();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};", path(kind)));
    let main = format!(
        "daemon off; master_process off; pid {}; events {{}} \
         http {{ access_log off; {} include {}; }}",
        path("nginx.pid"),
        temporary.join(" "),
        path("site"),
    );
    std::fs::write(path("nginx.conf"), main).unwrap();
    folder.join("nginx.conf")
}

#[tokio::test]
async fn forward_auth_as_documented_lets_nobody_through_but_who_is_signed_in() {
    let proxied = Proxied::start().await;
    let ada = proxied.deployment.create_account("ada@example.com").await;

    let (status, location, _) = proxied
        .browse("ada", "/app/reports/%0d%0aX:1?page=2&all=1", &[])
        .await;
    assert_eq!(status, 302);
    let expected = "/login?return_to=https://app.example/app/reports/%0d%0aX:1";
    assert!(location.ends_with(expected), "{location}");
    let (status, ..) = proxied
        .browse("ada", "/app/", &["--request", "POST", "--data", "x=1"])
        .await;
    assert_eq!(status, 302);
    assert_eq!(proxied.application.requests(), Vec::<String>::new());

    let id = proxied.sign_in("ada", &ada.email).await;
    let (status, _, told) = proxied.browse("ada", "/app/reports?page=2", &[]).await;
    assert_eq!(status, 200);
    assert_eq!(
        told,
        format!("X-Countersign-Account: {id}\nX-Countersign-Factors: password")
    );
    assert!(proxied.application.requests()[0].starts_with("GET /app/reports?page=2 "));
    let (status, ..) = proxied.browse("another", "/app/", &[]).await;
    assert_eq!(status, 302);

    let logout = [
        "--request",
        "POST",
        "--header",
        "Sec-Fetch-Site: same-origin",
    ];
    let jar = std::fs::read(proxied.folder.path().join("ada")).unwrap();
    let (status, ..) = proxied.browse("ada", "/api/v1/logout", &logout).await;
    assert_eq!(status, 204);
    // Also a browser that does not forget its cookie.
    std::fs::write(proxied.folder.path().join("ada"), jar).unwrap();
    let (status, ..) = proxied.browse("ada", "/app/", &[]).await;
    assert_eq!(status, 302);
    assert_eq!(proxied.application.requests().len(), 1);
}

#[tokio::test]
async fn forward_auth_passes_on_no_countersign_header_that_a_client_made_up() {
    let proxied = Proxied::start().await;
    let ada = proxied.deployment.create_account("ada@example.com").await;
    let spoofed = [
        "--header",
        "X-Countersign-Account: 0193d1a0-7e1b-7c3a-9f00-0123456789ab",
        "--header",
        "x-countersign-account: root",
        "--header",
        "X_Countersign_Account: root",
        "--header",
        "X-Countersign-Factors: password,totp",
    ];
    let (status, ..) = proxied.browse("ada", "/app/", &spoofed).await;
    assert_eq!(status, 302);
    let id = proxied.sign_in("ada", &ada.email).await;
    let (status, _, told) = proxied.browse("ada", "/app/", &spoofed).await;
    assert_eq!(status, 200);
    assert_eq!(
        told,
        format!("X-Countersign-Account: {id}\nX-Countersign-Factors: password")
    );

    // The subrequest is nobody's to call, and no bearer token of the application's disturbs it.
    let (status, ..) = proxied.browse("ada", "/_signed_in", &[]).await;
    assert_eq!(status, 404);
    let own = ["--header", "Authorization: Bearer the-applications-own"];
    let (status, ..) = proxied.browse("ada", "/app/", &own).await;
    assert_eq!(status, 200);
    let last = proxied.application.requests().pop().unwrap();
    assert!(
        last.contains("Authorization: Bearer the-applications-own"),
        "{last}"
    );
}

/// Checks: xff_spoof_ignored (ASVS-4.1.3, ASVS-15.3.4).
#[tokio::test]
async fn forward_auth_tells_the_clients_own_address_and_fails_closed() {
    let mut proxied = Proxied::start().await;
    let ada = proxied.deployment.create_account("ada@example.com").await;
    proxied.sign_in("ada", &ada.email).await;
    let (status, _, sessions) = proxied.browse("ada", "/api/v1/sessions", &[]).await;
    assert_eq!(status, 200);
    assert!(sessions.contains(r#""ip":"127.0.0.1""#), "{sessions}");
    let cross = [
        "--request",
        "POST",
        "--header",
        "Sec-Fetch-Site: cross-site",
    ];
    let (status, _, body) = proxied.browse("ada", "/api/v1/logout", &cross).await;
    assert_eq!(status, 403, "{body}");
    let own_origin = [
        "--request",
        "POST",
        "--header",
        "Origin: https://app.example",
    ];

    proxied.deployment.servers[0].kill().await;
    let (status, ..) = proxied.browse("ada", "/app/", &[]).await;
    assert_eq!(status, 500);
    assert_eq!(proxied.application.requests(), Vec::<String>::new());
    let (status, ..) = proxied.browse("ada", "/api/v1/logout", &own_origin).await;
    assert_eq!(status, 502);
}
