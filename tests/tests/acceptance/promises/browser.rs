//! Somebody with a browser: cookies are kept and sent as browsers do it.

use std::collections::BTreeMap;

use acceptance::{Answer, Caller, Deployment, Person};
use reqwest::Method;
use serde_json::{Value, json};

pub(crate) const SESSION: &str = "__Host-countersign_session";
pub(crate) const DEVICE: &str = "__Host-countersign_device";

#[derive(Clone, Debug)]
pub(crate) struct Browser {
    caller: Caller,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// A cookie as an answer sets it.
#[derive(Clone, Debug)]
pub(crate) struct SetCookie {
    pub(crate) name: String,
    pub(crate) value: String,
    /// Sorted.
    pub(crate) attributes: Vec<String>,
}

impl SetCookie {
    /// All that an answer sets.
    pub(crate) fn of(answer: &Answer) -> Vec<Self> {
        let headers = answer.headers.get_all("set-cookie");
        headers
            .iter()
            .map(|header| {
                let mut parts = header.to_str().unwrap().split("; ");
                let (name, value) = parts.next().unwrap().split_once('=').unwrap();
                let mut attributes = parts.map(str::to_owned).collect::<Vec<_>>();
                attributes.sort();
                Self {
                    name: name.to_owned(),
                    value: value.to_owned(),
                    attributes,
                }
            })
            .collect()
    }

    pub(crate) fn named(answer: &Answer, name: &str) -> Self {
        let mut all = Self::of(answer);
        all.retain(|cookie| cookie.name == name);
        assert_eq!(all.len(), 1, "{name} is to be set once");
        all.remove(0)
    }

    pub(crate) fn is_deletion(&self) -> bool {
        self.attributes.contains(&"Max-Age=0".to_owned())
    }
}

impl Browser {
    pub(crate) fn new(deployment: &Deployment) -> Self {
        Self {
            caller: deployment.visitor(),
            cookies: BTreeMap::new(),
        }
    }

    /// The next request as a page of ours makes it.
    fn own_page(&self) -> Caller {
        self.bare().with_header("sec-fetch-site", "same-origin")
    }

    /// The next request with its cookies, and no word about what page it is from.
    pub(crate) fn bare(&self) -> Caller {
        if self.cookies.is_empty() {
            return self.caller.clone();
        }
        let pairs = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let header = pairs.collect::<Vec<_>>().join("; ");
        self.caller.clone().with_header("cookie", &header)
    }

    fn keep(&mut self, answer: Answer) -> Answer {
        for cookie in SetCookie::of(&answer) {
            if cookie.is_deletion() {
                self.cookies.remove(&cookie.name);
            } else {
                self.cookies.insert(cookie.name, cookie.value);
            }
        }
        answer
    }

    pub(crate) async fn send(&mut self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let answer = self.own_page().send(method, path, body).await;
        self.keep(answer)
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Presents the password; the transport is the default.
    pub(crate) async fn login(&mut self, person: &Person) -> Answer {
        let body = json!({ "email": person.email, "password": person.password });
        self.post("/login", body).await
    }
}
