//! A further key for a log that has a key file of its own, while its servers run.

use std::path::Path;
use std::time::{Duration, Instant};

use acceptance::{Caller, Deployment, Options};
use credentials::{Keyring, MasterKeys, SystemRandom};
use proofs::checkpoint::{Checkpoint, Origin, VerifierKeys};

use crate::evidence::command_line::{fails, said, said_json};

fn make_key_file(path: &Path) {
    let own = MasterKeys::generate(&SystemRandom).unwrap();
    std::fs::write(path, own.to_file_text().as_bytes()).unwrap();
    let only_us = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path, only_us).unwrap();
}

/// Each public key of the log by itself, oldest first.
fn single_keys(path: &Path, note: &str) -> Vec<VerifierKeys> {
    let file = MasterKeys::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let name = Origin::key_name(Checkpoint::read(note).unwrap().origin.log);
    let keys = Keyring::derive(&file).log_verifier_keys(&name).unwrap();
    let single = |key: &String| VerifierKeys::parse([key.as_str()]).unwrap();
    keys.iter().map(single).collect()
}

/// Which of the keys in the file have signed the current checkpoint.
async fn signers(auditor: &Caller, path: &Path) -> Vec<bool> {
    let note = auditor.get("/audit/checkpoint").await.expect(200).text;
    let keys = single_keys(path, &note);
    keys.iter().map(|key| key.verify(&note).is_ok()).collect()
}

/// Each call of an auditor is an event, and so another checkpoint.
async fn until_signed_by(auditor: &Caller, path: &Path, expected: &[bool]) {
    let began = Instant::now();
    loop {
        let found = signers(auditor, path).await;
        if found == expected {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{found:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_logs_own_key_is_rotated_while_servers_run_and_the_one_before_signs_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.key");
    make_key_file(&file);
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_LOG_KEY_FILE", file.to_str().unwrap());
    let mut deployment = Deployment::with(options).await;
    let ada = deployment.create_account("ada@example.com").await;
    let auditor = deployment.auditor().await;
    until_signed_by(&auditor, &file, &[true]).await;

    let told = said_json(&deployment, "keys rotate --log").await;
    assert_eq!(told["key"], 2);
    until_signed_by(&auditor, &file, &[true, true]).await;
    let told = said(&deployment, "keys rotate --log").await;
    assert!(told.starts_with("Key 3 of "), "{told}");
    until_signed_by(&auditor, &file, &[false, true, true]).await;
    let keys = said_json(&deployment, "audit keys").await;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 3);

    // What one signed under the new key, the other and the commands verify and go on from.
    for server in [0, 1] {
        assert!(deployment.servers[server].terminate().await.success());
        ada.sign_in(&deployment.visitor_at(1 - server)).await;
        deployment.restart(server).await;
        let log = deployment.log(server);
        assert!(!log.contains("\"ERROR\""), "{log}");
    }
    let verdict = said_json(&deployment, "audit verify").await;
    assert_eq!(verdict["verdict"], "whole", "{verdict}");
    deployment.verify().await;
}

#[tokio::test]
async fn a_key_file_of_the_log_that_is_damaged_while_servers_run_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.key");
    make_key_file(&file);
    let options = Options::default().setting("COUNTERSIGN_LOG_KEY_FILE", file.to_str().unwrap());
    let deployment = Deployment::with(options).await;
    let auditor = deployment.auditor().await;
    until_signed_by(&auditor, &file, &[true]).await;
    let kept = folder.path().join("kept.key");
    std::fs::rename(&file, &kept).unwrap();
    make_key_file(&file);
    tokio::time::sleep(Duration::from_secs(2)).await;
    deployment.create_account("ada@example.com").await;
    until_signed_by(&auditor, &kept, &[true]).await;
    let log = deployment.log(0);
    assert!(log.contains("the keys read before stay in use"), "{log}");
    std::fs::rename(&kept, &file).unwrap();
}

#[tokio::test]
async fn a_log_without_a_key_of_its_own_is_told_how_its_key_changes() {
    let deployment = Deployment::start().await;
    fails(
        &deployment,
        "keys rotate --log",
        2,
        "COUNTERSIGN_LOG_KEY_FILE",
    )
    .await;
}
