//! What these tests share: backups of a deployment's database, and going back to one.

use std::path::Path;
use std::process::Command;

use acceptance::Deployment;
use serde_json::Value;
use sqlx::{Connection, PgConnection};

use crate::evidence::command_line::{run, said_json};
use crate::evidence::support::{pg_dump, postgres_program};

pub(super) const RECOVER: &str = "recover --reason disk-lost";

/// Waits until every event has its position.
pub(super) async fn until_logged(deployment: &Deployment) {
    let mut connection = deployment.connection("countersign_owner").await;
    let mut waiting = true;
    while waiting {
        waiting = sqlx::query_scalar("SELECT EXISTS (SELECT FROM unsequenced)")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// The database as SQL. All of it is in the log by then, and its checkpoint is kept.
pub(super) async fn back_up(deployment: &mut Deployment) -> String {
    until_logged(deployment).await;
    assert!(deployment.servers[0].terminate().await.success());
    let backup = pg_dump(&deployment.owner_url());
    deployment.restart(0).await;
    backup
}

/// Stops the server, and puts the backup in the place of the database.
pub(super) async fn restore(deployment: &mut Deployment, backup: &str) {
    until_logged(deployment).await;
    assert!(deployment.servers[0].terminate().await.success());
    let url = deployment.owner_url();
    let name = make_empty(&url).await;
    let file = deployment.data_dir().with_file_name(format!("{name}.sql"));
    std::fs::write(&file, backup).unwrap();
    load(&url, &file);
}

/// An empty database in the place of the one at a URL, or a new one; its name.
pub(super) async fn make_empty(url: &str) -> String {
    let (server, rest) = url.rsplit_once('/').unwrap();
    let (name, options) = rest.split_once('?').unwrap_or((rest, ""));
    let mut connection = PgConnection::connect(&format!("{server}/postgres?{options}"))
        .await
        .unwrap();
    for statement in [
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        format!("CREATE DATABASE {name}"),
    ] {
        sqlx::raw_sql(&statement)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    name.to_owned()
}

fn load(url: &str, file: &Path) {
    let output = Command::new(postgres_program("psql"))
        .args([url, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"])
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// `serve` does not start, and tells to recover.
pub(super) async fn serve_refuses(deployment: &Deployment) {
    serve_refuses_with(deployment, "Run `countersign recover").await;
}

/// `serve` does not start, and says why.
pub(super) async fn serve_refuses_with(deployment: &Deployment, words: &str) {
    let serving = run(deployment, "serve");
    let limit = std::time::Duration::from_mins(1);
    let output = tokio::time::timeout(limit, serving)
        .await
        .expect("it serves");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(words), "{stderr}");
}

/// What `audit verify` says of a history that it finds damaged.
pub(super) async fn damaged(deployment: &Deployment, line: &str) -> Value {
    let output = run(deployment, &format!("audit verify --json {line}")).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdict["verdict"], "damaged", "{verdict}");
    verdict
}

/// What `audit verify` says of a history that it finds whole: its gaps.
pub(super) async fn gaps(deployment: &Deployment, line: &str) -> Vec<Value> {
    let verdict = said_json(deployment, &format!("audit verify {line}")).await;
    assert_eq!(verdict["verdict"], "whole", "{verdict}");
    verdict["gaps"].as_array().unwrap().clone()
}

/// How many events of a type there are.
pub(super) async fn count(deployment: &Deployment, event_type: &str) -> i64 {
    let mut connection = deployment.connection("countersign_owner").await;
    sqlx::query_scalar("SELECT count(*) FROM events WHERE event_type = $1")
        .bind(event_type)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}
