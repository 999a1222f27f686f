//! A person's browser: Debian's Chromium without a window, in the words of who sits before it.
//!
//! Every browser has a chromedriver and a folder of its own, and nothing of either is left once it
//! is dropped, be it by a panic. Host names other than this machine's resolve to nothing.

mod chromedriver;
mod console;
mod find;
mod keyboard;
mod look;
mod network;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::cdp::Cdp;
use thirtyfour::session::handle::SessionHandle;
use thirtyfour::{By, WebElement};
use tokio::sync::Mutex;

use chromedriver::Chromedriver;
use network::Traffic;

pub use console::Message;
pub use keyboard::{Focus, Key};
pub use look::Violation;
pub use network::Request;
pub use view::View;

/// For what a page shows in its own time.
const PATIENCE: Duration = Duration::from_secs(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// A browser with one tab, at one site.
#[derive(Debug)]
pub struct Chromium {
    session: Arc<SessionHandle>,
    base: String,
    traffic: Mutex<Traffic>,
    driver: Chromedriver,
}

/// A cookie that the current page would be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    pub name: String,
    pub value: String,
    pub path: String,
    pub secure: bool,
    pub http_only: bool,
    /// `Strict`, `Lax`, `None`, or empty.
    pub same_site: String,
    /// Seconds since 1970; nothing if it ends with the browser.
    pub expiry: Option<i64>,
}

impl Chromium {
    /// At the site of this origin, such as `http://localhost:40123`, on a desktop's screen.
    pub async fn start(base: &str) -> Self {
        Self::with(base, View::desktop()).await
    }

    pub async fn with(base: &str, view: View) -> Self {
        let driver = Chromedriver::start();
        let session = driver.open_session(&view).await;
        let chromium = Self {
            session,
            base: base.trim_end_matches('/').to_owned(),
            traffic: Mutex::default(),
            driver,
        };
        for (command, parameters) in view.emulation() {
            chromium.devtools(command, parameters).await;
        }
        chromium
    }

    /// Opens a page of the site, as if its address had been typed.
    pub async fn open(&self, path: &str) {
        let url = format!("{}{path}", self.base);
        self.session
            .goto(url.as_str())
            .await
            .unwrap_or_else(|error| panic!("{url} did not open: {error}"));
    }

    pub async fn back(&self) {
        self.session.back().await.unwrap();
    }

    pub async fn reload(&self) {
        self.session.refresh().await.unwrap();
    }

    pub async fn url(&self) -> String {
        self.session.current_url().await.unwrap().to_string()
    }

    /// The path and query of [`Self::url`].
    pub async fn path(&self) -> String {
        let url = self.url().await;
        url.strip_prefix(&self.base).unwrap_or(&url).to_owned()
    }

    pub async fn title(&self) -> String {
        self.session.title().await.unwrap()
    }

    pub async fn html(&self) -> String {
        self.session.source().await.unwrap()
    }

    /// What is to be read in the main part of the page.
    pub async fn text(&self) -> String {
        self.ask_text("return (document.querySelector('main') ?? document.body).innerText")
            .await
    }

    /// Waits until the page shows a text, whatever white space is in it.
    pub async fn sees(&self, text: &str) {
        let wanted = words(text);
        let found = eventually(async || {
            let page = self.try_ask("return document.body.innerText").await?;
            words(page.as_str()?).contains(&wanted).then_some(())
        });
        let found = found.await.is_some();
        assert!(found, "no {text:?} {}", self.situation().await);
    }

    /// Whether the page shows a text now.
    pub async fn shows(&self, text: &str) -> bool {
        let page = self.ask_text("return document.body.innerText").await;
        words(&page).contains(&words(text))
    }

    /// Those that this page would be sent, also where no script sees them.
    pub async fn cookies(&self) -> Vec<Cookie> {
        let cookies = self.session.get_all_cookies().await.unwrap();
        cookies.into_iter().map(Cookie::from).collect()
    }

    pub async fn cookie(&self, name: &str) -> Option<Cookie> {
        let mut cookies = self.cookies().await.into_iter();
        cookies.find(|cookie| cookie.name == name)
    }

    /// As when somebody clears the data of their browser.
    pub async fn forget_cookies(&self) {
        self.session.delete_all_cookies().await.unwrap();
    }

    /// Nothing is kept for scripts: no storage, no database.
    pub async fn storage_is_empty(&self) -> bool {
        let kept = "const done = arguments[0]; indexedDB.databases().then((databases) => \
                    done(localStorage.length + sessionStorage.length + databases.length))";
        let kept = self.session.execute_async(kept, Vec::new()).await.unwrap();
        kept.json() == 0
    }

    /// The value of a script that the page itself knows nothing of.
    pub async fn ask(&self, script: &str) -> Value {
        self.ask_about(script, Vec::new()).await
    }

    async fn ask_text(&self, script: &str) -> String {
        self.ask(script).await.as_str().unwrap().to_owned()
    }

    async fn ask_about(&self, script: &str, about: Vec<Value>) -> Value {
        let answer = self.session.execute(script, about).await;
        answer
            .unwrap_or_else(|error| panic!("{script}: {error}"))
            .json()
            .clone()
    }

    /// Nothing while a page is on its way.
    async fn try_ask(&self, script: &str) -> Option<Value> {
        let answer = self.session.execute(script, Vec::new()).await.ok()?;
        Some(answer.json().clone())
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let devtools = Cdp::new(Arc::clone(&self.session));
        devtools
            .send_raw(command, parameters)
            .await
            .unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    async fn root(&self) -> WebElement {
        self.session.find(By::Tag("html")).await.unwrap()
    }

    /// For messages of failed tests.
    async fn situation(&self) -> String {
        let shown = self.try_ask("return document.body.innerText").await;
        let shown = shown.unwrap_or(json!("(no page)"));
        let shown = shown.as_str().unwrap_or_default();
        format!("at {}, which shows:\n{shown}", self.url().await)
    }
}

impl From<thirtyfour::Cookie> for Cookie {
    fn from(cookie: thirtyfour::Cookie) -> Self {
        Self {
            name: cookie.name,
            value: cookie.value,
            path: cookie.path.unwrap_or_default(),
            secure: cookie.secure == Some(true),
            http_only: cookie.http_only == Some(true),
            same_site: cookie
                .same_site
                .map(|site| format!("{site:?}"))
                .unwrap_or_default(),
            expiry: cookie.expiry,
        }
    }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a look finds within the patience of a person.
async fn eventually<T>(look: impl AsyncFn() -> Option<T>) -> Option<T> {
    let looks = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    };
    tokio::time::timeout(PATIENCE, looks).await.ok()
}
