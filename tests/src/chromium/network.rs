//! What the browser asked for, by the log of its network.

use serde_json::Value;

use super::Chromium;
use super::console::Message;

/// Anything that the browser asked for, or was about to and then refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub url: String,
    /// `Document`, `Image`, `Script`, `Stylesheet`, `Other` (an icon, for one) …
    pub kind: String,
}

/// All that the logs said so far: chromedriver hands each entry out once.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    requests: Vec<Request>,
    received: u64,
    messages: Vec<Message>,
}

impl Request {
    fn is_document(&self) -> bool {
        self.kind == "Document"
    }

    /// Whether it concerns nobody but the browser and the site of this origin.
    fn stays_at(&self, origin: &str) -> bool {
        let inside = ["data:", "blob:", "about:", "chrome:", "chrome-error:"];
        let rest = self.url.strip_prefix(origin);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
            || inside.iter().any(|scheme| self.url.starts_with(scheme))
    }
}

impl Traffic {
    fn note(&mut self, entry: &str) {
        let entry = serde_json::from_str::<Value>(entry).unwrap();
        let (event, about) = (&entry["message"]["method"], &entry["message"]["params"]);
        let bytes = |of: &Value| of["encodedDataLength"].as_f64().unwrap_or_default();
        match event.as_str().unwrap_or_default() {
            "Network.requestWillBeSent" => {
                self.receive(bytes(&about["redirectResponse"]));
                self.ask(&about["request"]["url"], &about["type"]);
            }
            "Network.webSocketCreated" => self.ask(&about["url"], &Value::from("WebSocket")),
            "Network.loadingFinished" => self.receive(bytes(about)),
            _ => {}
        }
    }

    fn ask(&mut self, url: &Value, kind: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (url, kind) = (text(url), text(kind));
        self.requests.push(Request { url, kind });
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of bytes that JSON has as a float"
    )]
    fn receive(&mut self, bytes: f64) {
        self.received += bytes as u64;
    }

    fn faults(&self, origin: &str) -> Vec<String> {
        let outside = self.requests.iter().filter(|asked| !asked.stays_at(origin));
        let outside = outside.map(|asked| format!("left {origin}: {asked:?}"));
        let documents = self.requests.iter().filter(|asked| asked.is_document());
        let documents = documents
            .map(|asked| asked.url.as_str())
            .collect::<Vec<_>>();
        let told = self
            .messages
            .iter()
            .filter(|told| told.is_fault(&documents));
        outside
            .chain(told.map(|told| format!("{told:?}")))
            .collect()
    }
}

impl Chromium {
    /// Everything that was asked for since the browser started.
    pub async fn requests(&self) -> Vec<Request> {
        self.read_logs().await;
        self.traffic.lock().await.requests.clone()
    }

    /// Everything on the console since the browser started.
    pub async fn console(&self) -> Vec<Message> {
        self.read_logs().await;
        self.traffic.lock().await.messages.clone()
    }

    /// Bytes of answers over the wire, headers included, since the browser started.
    pub async fn bytes_received(&self) -> u64 {
        self.read_logs().await;
        self.traffic.lock().await.received
    }

    /// Requests that left the site, breaches of a content security policy, and errors on the
    /// console, since the browser started. A page that is itself an error (a form sent back with
    /// what is wrong) is none; what it refers to and is not there is one, its icon included.
    pub async fn faults(&self) -> Vec<String> {
        // The browser reports in its own time.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        self.read_logs().await;
        self.traffic.lock().await.faults(&self.base)
    }

    /// Ends each test: nothing of [`Self::faults`].
    pub async fn assert_quiet(&self) {
        let faults = self.faults().await;
        assert!(faults.is_empty(), "{faults:#?}");
    }

    async fn read_logs(&self) {
        let mut traffic = self.traffic.lock().await;
        for entry in self.session.get_log("performance").await.unwrap() {
            traffic.note(&entry.message);
        }
        let console = self.session.browser_log().await.unwrap();
        traffic
            .messages
            .extend(console.into_iter().map(Message::from));
    }
}
