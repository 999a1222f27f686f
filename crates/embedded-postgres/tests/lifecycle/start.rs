//! What a caller gets.

use std::{fs, os::unix::fs::MetadataExt, path::PathBuf, process::Command};

use embedded_postgres::{Durability, join, start};

use crate::support::{Ground, ask, connect, execute, socket_folder};

#[tokio::test]
async fn the_first_role_owns_the_database_and_the_others_get_what_it_grants() {
    let ground = Ground::new();
    let server = ground.start().await;
    let (owner, app) = (server.url("owner"), server.url("app"));

    execute(&owner, "CREATE TABLE kept (word text); CREATE SCHEMA own")
        .await
        .unwrap();
    assert!(execute(&app, "SELECT * FROM kept").await.is_err());
    assert!(execute(&app, "CREATE TABLE other ()").await.is_err());
    execute(&owner, "GRANT INSERT, SELECT ON kept TO app")
        .await
        .unwrap();
    execute(&app, "INSERT INTO kept VALUES ('here')")
        .await
        .unwrap();
    assert!(execute(&app, "DELETE FROM kept").await.is_err());

    let powers = "SELECT concat(rolsuper, rolcreaterole, rolcreatedb, rolreplication, \
                  rolbypassrls) FROM pg_roles WHERE rolname = current_user";
    assert_eq!(ask(&app, powers).await, "fffff");
    assert_eq!(ask(&owner, powers).await, "fttff");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_durable_server_syncs_checks_its_pages_and_listens_on_no_port() {
    let ground = Ground::new();
    let mut settings = ground.settings();
    settings.durability = Durability::Durable;
    let server = start(settings).await.unwrap();
    let owner = server.url("owner");

    for (setting, value) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("max_connections", "100"),
        ("server_encoding", "UTF8"),
    ] {
        assert_eq!(
            ask(&owner, &format!("SHOW {setting}")).await,
            value,
            "{setting}"
        );
    }
    let creates = "SELECT rolcreatedb::text FROM pg_roles WHERE rolname = 'owner'";
    assert_eq!(ask(&owner, creates).await, "false");
    assert!(
        ask(&owner, "SHOW server_version")
            .await
            .starts_with(server.version())
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_was_written_is_there_at_the_next_start_and_new_roles_are_added() {
    let ground = Ground::new();
    let server = ground.start().await;
    execute(
        &server.url("owner"),
        "CREATE TABLE kept AS SELECT 'here' AS word",
    )
    .await
    .unwrap();
    server.stop().await.unwrap();

    let mut settings = ground.settings();
    settings.roles.push("reader".to_owned());
    let server = start(settings).await.unwrap();
    assert_eq!(
        ask(&server.url("owner"), "SELECT word FROM kept").await,
        "here"
    );
    assert_eq!(
        ask(&server.url("reader"), "SELECT current_user::text").await,
        "reader"
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn psql_understands_the_url_too() {
    let ground = Ground::new();
    let server = ground.start().await;
    let program = fs::read_link(format!("/proc/{}/exe", server.postmaster_pid())).unwrap();
    let psql = program.with_file_name("psql");
    let psql = if psql.exists() {
        psql
    } else {
        PathBuf::from("psql")
    };
    let output = Command::new(psql)
        .args(["-X", "-A", "-t", "-c", "SELECT current_user"])
        .env("PGPORT", "1")
        .env("PGSSLMODE", "require")
        .arg(server.url("app"))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim(),
        "app",
        "{:?}",
        output.stderr
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn others_can_join_while_it_runs_and_only_then() {
    let ground = Ground::new();
    assert!(join(&ground.data()).await.unwrap().is_none());
    let server = ground.start().await;
    let joined = join(&ground.data()).await.unwrap().unwrap();
    assert_eq!(joined.url("app"), server.url("app"));
    connect(&joined.url("app")).await;
    server.stop().await.unwrap();
    assert!(join(&ground.data()).await.unwrap().is_none());
}

#[tokio::test]
async fn whoever_joins_during_a_start_waits_until_it_is_done() {
    let ground = Ground::new();
    let starting = tokio::spawn(start(ground.settings()));
    while !ground.data().join("postgres.new").exists() {
        tokio::task::yield_now().await;
    }
    let joined = join(&ground.data()).await.unwrap().unwrap();
    connect(&joined.url("owner")).await;
    starting.await.unwrap().unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_stop_gives_the_directory_free_and_leaves_no_socket() {
    let ground = Ground::new();
    for _ in 0..3 {
        let server = ground.start().await;
        let folder = socket_folder(&server.url("owner"));
        let metadata = fs::metadata(&folder).unwrap();
        assert_eq!(metadata.mode() & 0o777, 0o700);
        let held_open = connect(&server.url("app")).await;
        server.stop().await.unwrap();
        drop(held_open);
        assert!(!folder.exists());
    }
}

#[tokio::test]
async fn no_value_of_a_statement_reaches_the_log() {
    let ground = Ground::new();
    let server = ground.start().await;
    let owner = server.url("owner");
    execute(
        &owner,
        "CREATE TABLE kept (word text PRIMARY KEY CHECK (word <> 'hush-1'))",
    )
    .await
    .unwrap();
    for sql in [
        "INSERT INTO kept VALUES ('hush-1')",
        "INSERT INTO kept VALUES ('hush-2'), ('hush-2')",
        "SELECT 'hush-3'::int",
        "DO $$ BEGIN RAISE EXCEPTION 'hush-4'; END $$",
        "SELECT hush_5",
    ] {
        execute(&owner, sql).await.unwrap_err();
    }
    execute(&owner, "DO $$ BEGIN RAISE WARNING 'hush-6'; END $$")
        .await
        .unwrap();
    let bound = sqlx::query("SELECT $1::text::int").bind("hush-7");
    bound.execute(&mut connect(&owner).await).await.unwrap_err();
    server.stop().await.unwrap();
    let log = ground.log();
    assert!(log.contains("ready to accept connections"));
    assert!(!log.contains("hush"), "{log}");
}

#[tokio::test]
async fn a_log_that_has_grown_large_is_begun_anew() {
    let ground = Ground::new();
    ground.start().await.stop().await.unwrap();
    let log = ground.data().join("postgres.log");
    let file = fs::File::options().write(true).open(&log).unwrap();
    file.set_len(11 << 20).unwrap();
    ground.start().await.stop().await.unwrap();
    assert!(fs::metadata(&log).unwrap().len() < 1 << 20);
    let length = fs::metadata(&log).unwrap().len();
    ground.start().await.stop().await.unwrap();
    assert!(fs::metadata(&log).unwrap().len() > length);
}
