//! A client of the live feed: server-sent events as the HTML standard has them read.

use reqwest::{Response, StatusCode};
use serde_json::Value;

/// Reads one connection, as fast as it is asked to.
#[derive(Debug)]
pub struct Follower {
    response: Response,
    unread: Vec<u8>,
    /// The last id that was read, as `EventSource` keeps it.
    pub last_id: Option<u64>,
    pub heartbeats: usize,
}

impl Follower {
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            unread: Vec::new(),
            last_id: None,
            heartbeats: 0,
        }
    }

    /// The next event; none once the server has ended the feed.
    pub async fn next(&mut self) -> Option<Value> {
        self.try_next().await.unwrap()
    }

    /// As [`Self::next`]; an error if the connection breaks off.
    pub async fn try_next(&mut self) -> reqwest::Result<Option<Value>> {
        loop {
            while let Some(block) = self.block() {
                if let Some(event) = self.dispatch(&block) {
                    return Ok(Some(event));
                }
            }
            match self.response.chunk().await? {
                Some(bytes) => self.unread.extend(bytes),
                None => return Ok(None),
            }
        }
    }

    /// So many events more.
    pub async fn take(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::with_capacity(count);
        while events.len() < count {
            events.push(self.next().await.expect("the feed has ended"));
        }
        events
    }

    /// What stands before the next empty line.
    fn block(&mut self) -> Option<String> {
        let end = self.unread.windows(2).position(|pair| pair == b"\n\n")?;
        let rest = self.unread.split_off(end + 2);
        let block = std::mem::replace(&mut self.unread, rest);
        Some(String::from_utf8(block).unwrap())
    }

    fn dispatch(&mut self, block: &str) -> Option<Value> {
        let mut data = None;
        for line in block.lines().filter(|line| !line.is_empty()) {
            match line.split_once(':').unwrap() {
                ("", _) => self.heartbeats += 1,
                ("id", id) => self.last_id = Some(id.trim().parse().unwrap()),
                ("data", json) => data = Some(serde_json::from_str(json).unwrap()),
                ("retry", _) => {}
                _ => panic!("unexpected: {line}"),
            }
        }
        let event: Value = data?;
        assert_eq!(event["position"].as_u64(), self.last_id, "{event}");
        Some(event)
    }
}
