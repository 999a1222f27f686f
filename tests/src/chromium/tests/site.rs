//! A site of a few pages, good and bad.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Ends with the test's process.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// Answers a request line such as `GET /form` with a page, and what more headers it has.
    pub(super) fn start(page: fn(&str) -> (&'static str, String)) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&heads);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let noted = Arc::clone(&noted);
                // Browsers open connections ahead of their requests.
                std::thread::spawn(move || answer(stream, &noted, page));
            }
        });
        Self { url, heads }
    }

    /// The head of the last request for this, in lower case.
    pub(super) fn head(&self, request: &str) -> String {
        let heads = self.heads.lock().unwrap();
        let asked = |head: &&String| head.starts_with(&format!("{request} ").to_lowercase());
        heads.iter().rfind(asked).expect(request).clone()
    }
}

fn answer(
    stream: TcpStream,
    heads: &Mutex<Vec<String>>,
    page: fn(&str) -> (&'static str, String),
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let lines = reader.by_ref().lines().map_while(Result::ok);
    let lines = lines.take_while(|line| !line.is_empty());
    let head = lines.collect::<Vec<_>>().join("\n");
    let request = head.rsplit_once(" HTTP/")?.0.split('\n').next()?.to_owned();
    let head = head.to_lowercase();
    let length = head
        .split_once("content-length: ")
        .map_or("0", |(_, rest)| rest);
    let length = length.lines().next()?.parse().ok()?;
    heads.lock().unwrap().push(head);
    std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).ok()?;
    let (headers, body) = page(&request);
    let status = if request.starts_with("POST") {
        "422 Wrong"
    } else {
        "200 OK"
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n{headers}\r\n{body}",
        body.len()
    );
    reader.into_inner().write_all(answer.as_bytes()).ok()
}
