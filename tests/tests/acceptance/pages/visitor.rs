//! Somebody with a browser on the pages: cookies are kept, forms are read and sent back with what
//! is hidden in them.

use std::collections::BTreeMap;

use acceptance::{Answer, Deployment, Person};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, redirect};
use serde_json::Value;

use crate::pages::html;
use crate::promises::browser::SetCookie;

pub(crate) const FORM: &str = "__Host-countersign_form";
pub(crate) const CHALLENGE: &str = "__Host-countersign_challenge";
pub(crate) const SUPPORT: &str = "__Secure-countersign_support";
pub(crate) const AUDIT: &str = "__Secure-countersign_audit";

const URL_ENCODED: &str = "application/x-www-form-urlencoded";

#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    client: Client,
    base: String,
    headers: BTreeMap<String, String>,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Visitor {
    pub(crate) fn new(deployment: &Deployment) -> Self {
        let client = Client::builder().redirect(redirect::Policy::none());
        let visitor = Self {
            client: client.build().unwrap(),
            base: deployment.servers[0].url.clone(),
            headers: BTreeMap::new(),
            cookies: BTreeMap::new(),
        };
        // Under `no-referrer`, browsers name no origin.
        visitor
            .with_header("sec-fetch-site", "same-origin")
            .with_header("origin", "null")
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(crate) fn without_cookie(mut self, name: &str) -> Self {
        self.cookies.remove(name);
        self
    }

    pub(crate) fn with_cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same browser at another server.
    pub(crate) fn at(mut self, url: &str) -> Self {
        url.clone_into(&mut self.base);
        self
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = name.parse::<HeaderName>().unwrap();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        if !self.cookies.is_empty() {
            let pairs = self.cookies.iter();
            let pairs = pairs.map(|(name, value)| format!("{name}={value}"));
            let cookie = pairs.collect::<Vec<_>>().join("; ");
            headers.insert("cookie", HeaderValue::from_str(&cookie).unwrap());
        }
        headers
    }

    /// A body under a content type of the caller's choice, or none.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Answer {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .headers(self.headers());
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.unwrap().to_vec();
        let answer = Answer {
            status,
            headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            bytes,
            json: Value::Null,
        };
        self.keep(&answer);
        answer
    }

    fn keep(&mut self, answer: &Answer) {
        for cookie in SetCookie::of(answer) {
            if cookie.is_deletion() {
                self.cookies.remove(&cookie.name);
            } else {
                self.cookies.insert(cookie.name, cookie.value);
            }
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// A form with these fields and nothing else.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = encoded(fields).into_bytes();
        self.send(Method::POST, path, Some((URL_ENCODED, body)))
            .await
    }

    /// Goes where an answer leads, until it leads no further.
    pub(crate) async fn follow(&mut self, answer: Answer) -> Answer {
        let mut answer = answer;
        for _ in 0..5 {
            if answer.status != 303 {
                return answer;
            }
            answer = self.get(&location(&answer)).await;
        }
        panic!("{} leads nowhere", location(&answer));
    }

    /// Fills the form that leads to `action` on a page, and sends it.
    pub(crate) async fn fill(
        &mut self,
        page: &Answer,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let form = html::form(&page.text, action);
        let form = form.unwrap_or_else(|| panic!("no form to {action} in {}", page.text));
        let hidden = html::hidden_fields(form);
        let hidden = hidden.iter().map(|(name, value)| (&**name, &**value));
        let all = hidden.chain(fields.iter().copied()).collect::<Vec<_>>();
        self.post(action, &all).await
    }

    /// Sends other fields to another address with the token of a form that is open.
    pub(crate) async fn post_with(
        &mut self,
        page: &Answer,
        form: &str,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let token = html::form_token(&page.text, form);
        let token = [("form_token", &*token)];
        self.post(action, &[&token, fields].concat()).await
    }

    /// Opens a page and sends its form.
    pub(crate) async fn submit(
        &mut self,
        page: &str,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let page = self.get(page).await.expect(200);
        self.fill(&page, action, fields).await
    }

    /// Presents the password.
    pub(crate) async fn sign_in(&mut self, person: &Person) -> Answer {
        let fields = [("email", &*person.email), ("password", &*person.password)];
        self.submit("/login", "/login", &fields).await
    }

    /// Signs in at a desk, `support` or `audit`.
    pub(crate) async fn sit_down(&mut self, desk: &str, token: &str) -> Answer {
        let fields = [("token", token)];
        self.submit(&format!("/{desk}"), &format!("/{desk}/sign-in"), &fields)
            .await
    }
}

/// Where an answer leads.
#[track_caller]
pub(crate) fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.headers["location"].to_str().unwrap().to_owned()
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter();
    let pairs = pairs.map(|(name, value)| format!("{name}={}", percent_encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
