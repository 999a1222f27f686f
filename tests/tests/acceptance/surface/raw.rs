//! Requests that no well-behaved client would send, as bytes.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends the bytes on a connection of their own; everything that comes back until it is closed.
/// The message should ask for `Connection: close`, unless it is broken.
pub(crate) async fn exchange(url: &str, message: &[u8]) -> String {
    let address = url.trim_start_matches("http://");
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let message = message.to_owned();
    // The server may have answered and gone before everything was sent.
    let writing = tokio::spawn(async move {
        let _ = writer.write_all(&message).await;
        writer
    });
    let mut answer = Vec::new();
    let reading = async {
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = reader.read(&mut chunk).await {
            answer.extend_from_slice(&chunk[..read]);
        }
    };
    tokio::time::timeout(Duration::from_secs(45), reading)
        .await
        .expect("the server keeps the connection open");
    drop(writing.await.unwrap());
    String::from_utf8_lossy(&answer).into_owned()
}

/// The statuses of all answers that came back.
pub(crate) fn statuses(answers: &str) -> Vec<u16> {
    let lines = answers.lines();
    lines
        .filter_map(|line| line.strip_prefix("HTTP/1.1 "))
        .map(|rest| rest[..3].parse().unwrap())
        .collect()
}

/// A request with these header lines and this body.
pub(crate) fn request(start: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut message = format!("{start} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for header in headers {
        message.push_str(header);
        message.push_str("\r\n");
    }
    message.push_str("\r\n");
    [message.as_bytes(), body].concat()
}
