//! Checkpoints that are kept outside: at a server, and under a key of the log's own.

use acceptance::{Deployment, Options};
use credentials::{Keyring, MasterKeys, SystemRandom};
use proofs::checkpoint::{Checkpoint, Origin, VerifierKeys};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::evidence::command_line::said_json;

/// An object store that takes everything, and hands on each request as it came.
async fn object_store() -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/bucket", listener.local_addr().unwrap());
    let (put, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = Vec::new();
            let mut bytes = [0; 4096];
            // A signed note ends with its only line that begins with a dash.
            while !String::from_utf8_lossy(&request).contains("\n— countersign/")
                || !request.ends_with(b"\n")
            {
                let read = connection.read(&mut bytes).await.unwrap();
                assert!(read > 0, "{}", String::from_utf8_lossy(&request));
                request.extend_from_slice(&bytes[..read]);
            }
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            connection.write_all(answer).await.unwrap();
            put.send(String::from_utf8(request).unwrap()).unwrap();
        }
    });
    (url, requests)
}

#[tokio::test]
async fn each_checkpoint_is_sent_to_the_object_store_as_it_is_kept_in_the_folder() {
    let (url, mut requests) = object_store().await;
    let options = Options::default()
        .setting("COUNTERSIGN_CHECKPOINT_INTERVAL", "1s")
        .setting("COUNTERSIGN_CHECKPOINT_URL", &url)
        .setting("COUNTERSIGN_CHECKPOINT_TOKEN", "a-token-of-the-store");
    let deployment = Deployment::with(options).await;
    deployment.create_account("ada@example.com").await;
    let request = requests.recv().await.unwrap();
    let (head, note) = request.split_once("\r\n\r\n").unwrap();
    let signed = Checkpoint::read(note).unwrap();
    let Origin { log, epoch } = signed.origin;
    let day = deployment.clock.now().date_naive();
    let path = format!("{log}/{day}/{epoch}-{:012}", signed.size);
    assert!(
        head.starts_with(&format!("PUT /bucket/{path} HTTP/1.1\r\n")),
        "{head}"
    );
    let authorized = head
        .to_lowercase()
        .lines()
        .any(|line| line == "authorization: bearer a-token-of-the-store");
    assert!(authorized, "{head}");
    let kept = deployment.data_dir().join("checkpoints").join(path);
    assert_eq!(std::fs::read_to_string(kept).unwrap(), note);
    let logs = std::fs::read_to_string(&deployment.servers[0].log).unwrap();
    assert!(!logs.contains("a-token-of-the-store"), "{logs}");
}

#[tokio::test]
async fn a_log_with_a_key_of_its_own_is_signed_under_it_and_not_under_the_master_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.key");
    let own = MasterKeys::generate(&SystemRandom).unwrap();
    std::fs::write(&file, own.to_file_text().as_bytes()).unwrap();
    let only_us = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&file, only_us).unwrap();
    let path = file.to_str().unwrap();
    let options = Options::default().setting("COUNTERSIGN_LOG_KEY_FILE", path);
    let deployment = Deployment::with(options).await;
    let auditor = deployment.auditor().await;
    let note = auditor.get("/audit/checkpoint").await.expect(200).text;
    let log = Checkpoint::read(&note).unwrap().origin.log;
    let keys = |master: &MasterKeys| {
        let keys = Keyring::derive(master).log_verifier_keys(&Origin::key_name(log));
        VerifierKeys::parse(keys.unwrap().iter().map(String::as_str)).unwrap()
    };
    let master = deployment.data_dir().with_file_name("master.key");
    let master = MasterKeys::parse(&std::fs::read_to_string(master).unwrap()).unwrap();
    assert!(keys(&own).verify(&note).is_ok());
    assert!(keys(&master).verify(&note).is_err());
    let told = said_json(&deployment, "audit keys").await;
    assert_eq!(
        told["keys"],
        serde_json::json!(keys(&own).iter().collect::<Vec<_>>())
    );
    assert_eq!(
        said_json(&deployment, "audit verify").await["verdict"],
        "whole"
    );
}
