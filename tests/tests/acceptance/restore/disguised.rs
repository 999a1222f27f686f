//! A restored backup whose head is made to look as if nothing had been lost, by somebody who may
//! change everything in the database and has no key.

use acceptance::Deployment;

use super::backups::{RECOVER, back_up, restore, serve_refuses, serve_refuses_with, until_logged};
use crate::evidence::command_line::fails;
use crate::evidence::support::{execute, owner};

/// A backup in the place of a database that went on after it, and something changed in it.
async fn restored_and(change: &str) -> Deployment {
    let mut deployment = Deployment::start().await;
    deployment.create_account("ada@example.com").await;
    deployment.create_account("bob@example.com").await;
    let backup = back_up(&mut deployment).await;
    deployment.create_account("cyd@example.com").await;
    restore(&mut deployment, &backup).await;
    let mut connection = owner(&deployment).await;
    execute(&mut connection, change).await;
    deployment
}

#[tokio::test]
async fn a_restored_database_is_not_served_whatever_its_head_says() {
    for change in [
        "UPDATE log_head SET epoch = epoch + 1",
        "UPDATE log_head SET log_id = gen_random_uuid()",
        "UPDATE log_head SET size = size - 1",
        "UPDATE log_head SET checkpoint = NULL",
        "DELETE FROM log_nodes",
        "UPDATE log_nodes SET hash = sha256(hash)",
    ] {
        let deployment = restored_and(change).await;
        serve_refuses_with(&deployment, "not what was signed").await;
        fails(&deployment, "audit export --all --output x", 1, "signed").await;
        fails(&deployment, RECOVER, 1, "log").await;
    }
}

/// As a log that an older version of the service has left, which never signed it.
#[tokio::test]
async fn a_restored_database_is_not_served_as_one_that_was_never_signed() {
    for log in ["log_id", "gen_random_uuid()"] {
        let deployment = restored_and(&format!(
            "UPDATE log_head SET log_id = {log}, size = 0, checkpoint = NULL;
            DELETE FROM log_nodes"
        ))
        .await;
        serve_refuses(&deployment).await;
    }
}

/// Such as one under a key that the file on this machine does not have yet.
#[tokio::test]
async fn a_database_is_not_served_if_its_last_kept_checkpoint_cannot_be_verified() {
    let mut deployment = Deployment::start().await;
    deployment.create_account("ada@example.com").await;
    until_logged(&deployment).await;
    assert!(deployment.servers[0].terminate().await.success());
    let kept = crate::tampering::world::kept_files(&deployment);
    let last = kept.last().unwrap();
    let note = std::fs::read_to_string(last).unwrap();
    let foreign = note.replace("— countersign/", "— another/");
    std::fs::write(last, foreign).unwrap();
    serve_refuses_with(&deployment, "cannot be told").await;
    std::fs::write(last, note).unwrap();
    deployment.restart(0).await;
}

/// Whose master key and folder of checkpoints are those of an older one.
#[tokio::test]
async fn a_new_database_is_served() {
    let mut deployment = Deployment::start().await;
    deployment.create_account("ada@example.com").await;
    until_logged(&deployment).await;
    assert!(deployment.servers[0].terminate().await.success());
    super::backups::make_empty(&deployment.owner_url()).await;
    deployment.restart(0).await;
    deployment.create_account("ada@example.com").await;
}
