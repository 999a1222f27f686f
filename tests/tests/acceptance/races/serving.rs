//! One server a data directory, and a clean end.

use std::time::{Duration, Instant};

use acceptance::{Deployment, Options};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Scenario:
/// 1. A server runs on the embedded database, and a second one is started on its data directory.
/// 2. The second ends with exit code 1, and says what is wrong and which directory it is.
/// 3. The first goes on as if nothing had been.
#[tokio::test]
async fn a_second_server_on_a_data_directory_is_refused_and_leaves_the_first_alone() {
    let deployment = Deployment::with(Options::default().embedded()).await;
    let ada = deployment.register("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;

    let second = deployment.run(&["serve"], "");
    let second = tokio::time::timeout(Duration::from_secs(30), second).await;
    let second = second.expect("the second server runs");
    let told = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{told}");
    assert!(second.stdout.is_empty(), "{second:?}");
    let data_dir = deployment.data_dir();
    assert!(told.contains(data_dir.to_str().unwrap()), "{told}");
    assert!(told.contains("in use"), "{told}");

    owner.get("/session").await.expect(200);
    ada.sign_in(&deployment.visitor()).await;
    deployment.verify().await;
}

/// Scenario:
/// 1. Twelve clients have begun to sign in: the server has the head of their request, asks for the
///    body, and has not got it. Another connection is open, on which nothing happens.
/// 2. The server is asked to end, and takes no new connections.
/// 3. The twelve send their bodies: every one of them gets a session. The server ends well, and does
///    not wait for the connection on which nothing happens.
/// 4. After a new start all these sessions are in force.
#[tokio::test]
async fn a_server_that_is_asked_to_end_finishes_the_requests_that_it_has_begun() {
    let mut deployment = Deployment::with(Options::default().embedded()).await;
    let idle = deployment.visitor();
    let mut begun = Vec::new();
    for name in ["ada", "ben", "cleo"] {
        let person = deployment
            .create_account(&format!("{name}@example.com"))
            .await;
        for _ in 0..4 {
            begun.push(Begun::at(&deployment, &person.login().to_string()).await);
        }
    }
    idle.get("/session").await.expect(401);

    let address = address(&deployment);
    let rest = async {
        until_closed(&address).await;
        let mut tokens = Vec::new();
        for request in begun {
            tokens.push(request.finish().await);
        }
        (tokens, Instant::now())
    };
    let (ended, (tokens, answered)) = tokio::join!(deployment.servers[0].terminate(), rest);
    assert!(ended.success(), "{ended}");
    assert!(
        answered.elapsed() < Duration::from_secs(10),
        "it waited for nothing"
    );

    deployment.restart(0).await;
    for token in tokens {
        let owner = deployment.visitor().with_bearer(&token);
        owner.get("/session").await.expect(200);
    }
    deployment.verify().await;
}

fn address(deployment: &Deployment) -> String {
    let url = &deployment.servers[0].url;
    url.strip_prefix("http://").unwrap().to_owned()
}

/// Until nobody listens at the address any more.
async fn until_closed(address: &str) {
    let began = Instant::now();
    while TcpStream::connect(address).await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(20), "it listens on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A sign-in of which the server has the head, and knows that the body is to come.
struct Begun {
    stream: BufReader<TcpStream>,
    body: String,
}

impl Begun {
    async fn at(deployment: &Deployment, body: &str) -> Self {
        let address = address(deployment);
        let stream = TcpStream::connect(&address).await.unwrap();
        let mut stream = BufReader::new(stream);
        let head = format!(
            "POST /api/v1/login HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        assert_eq!(line.trim(), "HTTP/1.1 100 Continue");
        let body = body.to_owned();
        Self { stream, body }
    }

    /// The token of the session.
    async fn finish(mut self) -> String {
        self.stream.write_all(self.body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("HTTP/1.1 200 OK"), "{answer}");
        let (_, json) = answer.rsplit_once("\r\n\r\n").unwrap();
        let answer = serde_json::from_str::<Value>(json).unwrap();
        answer["session"]["token"].as_str().unwrap().to_owned()
    }
}
