//! A mail server that can fall silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub(crate) struct MailServer {
    pub(crate) url: String,
    silent: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    connections: UnboundedReceiver<()>,
    mails: UnboundedReceiver<String>,
}

/// As long as anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

impl MailServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (silent, count) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (connected, connections) = unbounded_channel();
        let (delivered, mails) = unbounded_channel();
        let (says_nothing, counted) = (Arc::clone(&silent), Arc::clone(&count));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connected.send(()).unwrap();
                let (counted, delivered) = (Arc::clone(&counted), delivered.clone());
                if says_nothing.load(SeqCst) {
                    tokio::spawn(say_nothing(stream));
                } else {
                    tokio::spawn(converse(stream, counted, delivered));
                }
            }
        });
        Self {
            url: format!("smtp://127.0.0.1:{port}?tls=none"),
            silent,
            count,
            connections,
            mails,
        }
    }

    pub(crate) fn be_silent(&mut self) {
        self.silent.store(true, SeqCst);
        while self.connections.try_recv().is_ok() {}
    }

    pub(crate) fn answer_again(&self) {
        self.silent.store(false, SeqCst);
    }

    /// Waits for somebody to connect.
    pub(crate) async fn connected(&mut self) {
        let connection = tokio::time::timeout(PATIENCE, self.connections.recv()).await;
        connection.expect("nobody brings mail");
    }

    /// Waits for a mail.
    pub(crate) async fn delivered(&mut self) -> String {
        let mail = tokio::time::timeout(PATIENCE, self.mails.recv()).await;
        mail.expect("no mail came").unwrap()
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(SeqCst)
    }
}

/// Until the other side hangs up.
async fn say_nothing(stream: TcpStream) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(_)) = lines.next_line().await {}
}

async fn converse(stream: TcpStream, count: Arc<AtomicUsize>, delivered: UnboundedSender<String>) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let mut mail = None::<String>;
    writer.write_all(b"220 ready\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match &mut mail {
            Some(text) if line == "." => {
                count.fetch_add(1, SeqCst);
                delivered.send(std::mem::take(text)).unwrap();
                mail = None;
                "250 taken\r\n"
            }
            Some(text) => {
                text.push_str(&line);
                text.push('\n');
                continue;
            }
            None if line == "DATA" => {
                mail = Some(String::new());
                "354 go on\r\n"
            }
            None if line == "QUIT" => "221 goodbye\r\n",
            None => "250 well\r\n",
        };
        if writer.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
