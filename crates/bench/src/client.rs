//! A client that costs little beside what it measures: prepared requests over connections that stay
//! open, all of them on one thread.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;

use crate::Outcome;

/// A connection to a server, with room for its answers.
pub(crate) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: bool,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Outcome<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// One that asks for something, with a token.
pub(crate) fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n").into()
}

pub(crate) fn post(path: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into()
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            read: Vec::with_capacity(4096),
        })
    }

    pub(crate) async fn call(&mut self, request: &[u8]) -> Outcome<Answer> {
        self.stream.write_all(request).await?;
        self.read.clear();
        loop {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err("the server hung up".into());
            }
            if let Some(answer) = complete(&self.read)? {
                return Ok(answer);
            }
        }
    }
}

/// The answer, if all of it has come.
fn complete(read: &[u8]) -> Outcome<Option<Answer>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(begin) = head.parse(read)? else {
        return Ok(None);
    };
    let value = |name: &str| {
        let found = head.headers.iter().find(|header| header.name == name);
        found.map(|header| header.value)
    };
    let length = match value("content-length") {
        Some(text) => std::str::from_utf8(text)?.parse()?,
        None => 0_usize,
    };
    let body = read.get(begin..begin + length);
    Ok(body.map(|body| Answer {
        status: head.code.unwrap_or_default(),
        retry_after: value("retry-after").is_some(),
        body: body.to_vec(),
    }))
}

/// What a crowd of clients did.
#[derive(Debug, Default)]
pub(crate) struct Load<K> {
    /// What became of each call, in no order, with its time in milliseconds.
    pub(crate) calls: Vec<(f64, K)>,
    pub(crate) seconds: f64,
    /// How much of one core the clients took themselves.
    pub(crate) client_share: f64,
}

impl<K> Load<K> {
    #[expect(clippy::cast_precision_loss, reason = "a rate is no exact number")]
    pub(crate) fn rate(&self) -> f64 {
        self.calls.len() as f64 / self.seconds
    }

    pub(crate) fn only(&self, wanted: K) -> Self
    where
        K: Copy + PartialEq,
    {
        let calls = self.calls.iter().filter(|(_, kept)| *kept == wanted);
        Self {
            calls: calls.copied().collect(),
            ..*self
        }
    }

    /// In milliseconds, of each `percent` of the calls.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut times = self.calls.iter().map(|(ms, _)| *ms).collect::<Vec<_>>();
        times.sort_by(f64::total_cmp);
        let last = times.len().saturating_sub(1);
        times.get(last * percent / 100).copied().unwrap_or_default()
    }
}

/// Clients that call over and over for a while.
#[derive(Clone, Copy)]
pub(crate) struct Clients {
    pub(crate) of: SocketAddr,
    pub(crate) count: usize,
    pub(crate) slice: Duration,
    /// Calls a second of all of them; else as many as there are answers to.
    pub(crate) pace: Option<f64>,
}

impl Clients {
    /// Each calls as `work` says, which is told who calls and for the how many-th time.
    pub(crate) async fn call<K, W>(self, work: W) -> Outcome<Load<K>>
    where
        K: Send + 'static,
        W: AsyncFn(&mut Connection, usize, usize) -> Outcome<K> + Send + 'static,
    {
        let thread = move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(self.all(work))
        };
        tokio::task::spawn_blocking(thread).await?
    }

    async fn all<K>(
        self,
        work: impl AsyncFn(&mut Connection, usize, usize) -> Outcome<K>,
    ) -> Outcome<Load<K>> {
        let opened = (0..self.count).map(|_| Connection::open(self.of));
        let mut connections = futures::future::try_join_all(opened).await?;
        let (began, busy) = (Instant::now(), processor_time()?);
        let turns = Cell::new(0_u32);
        let one = async |client: usize, connection: &mut Connection| {
            let mut calls = Vec::new();
            while began.elapsed() < self.slice {
                let turn = turns.replace(turns.get() + 1);
                if let Some(pace) = self.pace {
                    let due = began + Duration::from_secs_f64(f64::from(turn) / pace);
                    tokio::time::sleep_until(due.into()).await;
                }
                let asked = Instant::now();
                let kept = work(connection, client, calls.len()).await?;
                calls.push((asked.elapsed().as_secs_f64() * 1000.0, kept));
            }
            Outcome::Ok(calls)
        };
        let working = connections
            .iter_mut()
            .enumerate()
            .map(|(client, connection)| one(client, connection));
        let calls = futures::future::try_join_all(working).await?;
        let seconds = began.elapsed().as_secs_f64();
        Ok(Load {
            calls: calls.into_iter().flatten().collect(),
            seconds,
            client_share: (processor_time()? - busy) / seconds,
        })
    }
}

/// Of this thread, in seconds.
fn processor_time() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = status.split(' ').next().unwrap_or_default();
    Ok(nanoseconds.parse::<f64>()? / 1e9)
}
