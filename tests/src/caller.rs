//! Whoever calls the API, with or without credentials.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::Follower;

/// A caller of one server. Clone and adjust it to be somebody else.
#[derive(Clone, Debug)]
pub struct Caller {
    client: Client,
    base: String,
    headers: HeaderMap,
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    /// The same, as text.
    pub text: String,
    pub json: Value,
}

impl Caller {
    /// Of the server at `url`, below `/api/v1`.
    pub fn of(url: &str) -> Self {
        Self {
            client: Client::new(),
            base: format!("{url}/api/v1"),
            headers: HeaderMap::new(),
        }
    }

    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        let name = name.parse::<HeaderName>().unwrap();
        self.headers
            .insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    #[must_use]
    pub fn with_bearer(self, token: &str) -> Self {
        self.with_header("authorization", &format!("Bearer {token}"))
    }

    /// The same caller, speaking to another server.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        Self {
            base: format!("{url}/api/v1"),
            ..self.clone()
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Any method, with a JSON body or none.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.try_send(method, path, body).await.unwrap()
    }

    /// As [`Self::send`]; an error if the server is gone.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::Result<Answer> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .headers(self.headers.clone());
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request.send().await?).await
    }

    /// Opens the live feed.
    pub async fn follow(&self, path: &str) -> Follower {
        let live = self.clone().with_header("accept", "text/event-stream");
        let request = live.client.get(format!("{}{path}", live.base));
        Follower::of(request.headers(live.headers).send().await.unwrap())
    }

    /// A body of raw bytes under a content type of the caller's choice.
    pub async fn send_raw(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: Vec<u8>,
    ) -> Answer {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .headers(self.headers.clone());
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        answer(request.body(body).send().await.unwrap())
            .await
            .unwrap()
    }
}

async fn answer(response: reqwest::Response) -> reqwest::Result<Answer> {
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await?.to_vec();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Answer {
        status,
        headers,
        bytes,
        text,
        json,
    })
}

impl Answer {
    /// The value at a JSON pointer, which must be text.
    pub fn text_at(&self, pointer: &str) -> String {
        let value = self.json.pointer(pointer).and_then(Value::as_str);
        value
            .unwrap_or_else(|| panic!("no text at {pointer} in {}", self.text))
            .to_owned()
    }

    /// The problem's code; empty where the answer is no problem.
    pub fn code(&self) -> &str {
        self.json
            .get("code")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.code(), code, "{}", answer.text);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        answer
    }

    /// The value of a cookie that the answer sets.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.headers
            .get_all("set-cookie")
            .iter()
            .find_map(|header| {
                let (found, rest) = header.to_str().unwrap().split_once('=')?;
                let value = rest.split(';').next().unwrap();
                (found == name && !value.is_empty()).then(|| value.to_owned())
            })
    }
}
