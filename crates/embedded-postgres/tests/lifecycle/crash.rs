//! Deaths of every kind, and the start after them.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use embedded_postgres::{Durability, Server, start};
use rustix::process::Signal;

use crate::support::{Ground, Held, as_nobody, ask, execute, is_root, lives, signal, until};

async fn keep_a_word(url: &str) {
    let sql = "CREATE TABLE kept AS SELECT 'here' AS word";
    execute(url, sql).await.unwrap();
}

async fn kept_word(server: &Server) -> String {
    ask(&server.url("owner"), "SELECT word FROM kept").await
}

async fn holding_a_word(ground: &Ground) -> Held {
    let held = Held::run(ground.holder()).unwrap();
    keep_a_word(&held.url).await;
    held
}

#[tokio::test]
async fn a_killed_application_takes_its_server_along() {
    let ground = Ground::new();
    let held = Held::run(ground.holder()).unwrap();
    let postmaster = held.postmaster;
    let begun = Instant::now();
    held.kill();
    until("the server is gone", || !lives(postmaster)).await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    ground.start().await.stop().await.unwrap();
}

#[tokio::test]
async fn a_start_right_after_the_application_was_killed_waits_for_the_old_server() {
    let ground = Ground::new();
    let held = holding_a_word(&ground).await;
    held.kill();
    let server = ground.start().await;
    assert_eq!(kept_word(&server).await, "here");
    server.stop().await.unwrap();
}

/// The orphan is stopped, so that it cannot hear that its application was killed.
#[tokio::test]
async fn the_next_start_ends_an_orphan_and_loses_nothing() {
    let ground = Ground::new();
    let held = holding_a_word(&ground).await;
    let orphan = held.postmaster;
    signal(orphan, Signal::STOP);
    held.kill();
    assert!(lives(orphan));

    let begun = Instant::now();
    let server = ground.start().await;
    assert!(!lives(orphan));
    let waited = begun.elapsed();
    assert!(
        waited < Duration::from_secs(20),
        "it was not ended politely: {waited:?}"
    );
    assert_eq!(kept_word(&server).await, "here");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn application_and_server_killed_at_once_leave_nothing_in_the_way() {
    let ground = Ground::new();
    let held = holding_a_word(&ground).await;
    signal(held.postmaster, Signal::KILL);
    held.kill();
    let server = ground.start().await;
    assert_eq!(kept_word(&server).await, "here");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_death_of_the_server_is_noticed_and_the_next_start_recovers() {
    let ground = Ground::new();
    let mut settings = ground.settings();
    settings.durability = Durability::Durable;
    let server = start(settings).await.unwrap();
    keep_a_word(&server.url("owner")).await;
    let quiet = tokio::time::timeout(Duration::from_millis(200), server.died()).await;
    assert!(quiet.is_err());
    signal(server.postmaster_pid().cast_signed(), Signal::KILL);
    server.died().await;
    server.stop().await.unwrap();

    let server = ground.start().await;
    assert_eq!(kept_word(&server).await, "here");
    server.stop().await.unwrap();
}

/// 1. The pid file names number N. 2. The machine crashes. 3. N is now a process of the
/// same user, which PostgreSQL alone would take for a running server.
#[tokio::test]
async fn a_stale_pid_file_whose_number_somebody_else_has_now_is_no_hindrance() {
    let ground = Ground::new();
    let server = ground.start().await;
    let pid_file = ground.cluster().join("postmaster.pid");
    let text = fs::read_to_string(&pid_file).unwrap();
    signal(server.postmaster_pid().cast_signed(), Signal::KILL);
    server.died().await;
    drop(server);

    let mut bystander = as_the_servers_user().args(["sleep", "60"]).spawn().unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(&pid_file, format!("{}\n{rest}", bystander.id())).unwrap();
    let server = ground.start().await;
    assert!(bystander.try_wait().unwrap().is_none());
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    server.stop().await.unwrap();
}

fn as_the_servers_user() -> Command {
    if !is_root() {
        return Command::new("/usr/bin/env");
    }
    let known = Command::new("id")
        .arg("postgres")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    if !known.success() {
        return as_nobody();
    }
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=postgres",
        "--regid=postgres",
        "--clear-groups",
        "--",
    ]);
    command
}

#[tokio::test]
async fn a_run_that_is_killed_while_it_makes_the_cluster_breaks_nothing() {
    let ground = Ground::new();
    let half_made = ground.data().join("postgres.new");
    for sign in ["", "PG_VERSION", "base/1"] {
        let mut holder = ground.holder().stdin(Stdio::piped()).spawn().unwrap();
        until("initdb works", || {
            half_made.join(sign).exists() || ground.cluster().exists()
        })
        .await;
        holder.kill().unwrap();
        holder.wait().unwrap();
        assert!(!ground.cluster().exists(), "too late at {sign}");
    }
    let server = ground.start().await;
    assert!(!half_made.exists());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_the_directory_free() {
    let ground = Ground::new();
    ground.start().await.stop().await.unwrap();
    let brief = tokio::time::timeout(Duration::from_millis(20), start(ground.settings())).await;
    drop(brief);
    let mut server = start(ground.settings()).await;
    let begun = Instant::now();
    while server.is_err() && begun.elapsed() < Duration::from_secs(20) {
        server = start(ground.settings()).await;
    }
    server.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_dropped_server_ends() {
    let ground = Ground::new();
    let server = ground.start().await;
    let postmaster = server.postmaster_pid().cast_signed();
    drop(server);
    until("the server is gone", || !lives(postmaster)).await;
}
