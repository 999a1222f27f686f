//! Users, folders, locales and modes that servers have to live with.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use embedded_postgres::start;

use crate::support::{
    Ground, Held, as_nobody, ask, connect, execute, is_root, signal, socket_folder,
};

/// ASVS-1.2.5: no part of a path is ever read by a shell.
#[tokio::test]
async fn datadir_with_spaces_and_quotes() {
    let ground = Ground::new();
    let mut settings = ground.settings();
    let name = "it's \"a\" $(touch hacked) `touch hacked`; %s \\ & data";
    settings.data_dir = ground.path().join(name);
    for _ in 0..2 {
        let server = start(settings.clone()).await.unwrap();
        assert_eq!(
            ask(&server.url("app"), "SELECT current_user::text").await,
            "app"
        );
        server.stop().await.unwrap();
    }
    let names: Vec<_> = fs::read_dir(ground.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, [name]);
}

#[tokio::test]
async fn a_long_path_and_a_closed_temporary_folder_do_not_matter() {
    let ground = Ground::new();
    let closed = ground.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let long = ground.path().join("x".repeat(200)).join("y".repeat(200));
    let mut holder = Command::new(env!("CARGO_BIN_EXE_hold-postgres"));
    holder.arg(long).env("TMPDIR", closed);
    let held = Held::run(holder).unwrap();
    connect(&held.url).await;
    held.stop();
}

#[tokio::test]
async fn the_operators_locale_and_umask_do_not_matter() {
    let ground = Ground::new();
    let mut holder = Command::new("/bin/sh");
    holder
        .args(["-c", "umask 077; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_hold-postgres"))
        .arg(ground.path().join("made/on/the/way"))
        .env("LC_ALL", "de_DE.UTF-8")
        .env("PGDATA", "/nonexistent")
        .env("PGPORT", "1");
    let held = Held::run(holder).unwrap();
    let locale = "SELECT concat_ws(' ', pg_encoding_to_char(encoding), datcollate, datctype) \
                  FROM pg_database WHERE datname = current_database()";
    assert_eq!(ask(&held.url, locale).await, "UTF8 C C.UTF-8");
    held.stop();
}

#[tokio::test]
async fn an_interrupt_of_the_terminal_reaches_the_application_alone() {
    let ground = Ground::new();
    let held = Held::run(ground.holder()).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", held.postmaster)).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let group: i32 = rest.split(' ').nth(2).unwrap().parse().unwrap();
    assert_eq!(group, held.postmaster);
    held.stop();
}

#[tokio::test]
async fn a_script_that_ignores_interrupts_can_still_stop_its_server() {
    let ground = Ground::new();
    let mut holder = Command::new("/bin/sh");
    holder
        .args(["-c", "trap '' INT; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_hold-postgres"))
        .arg(ground.data());
    let held = Held::run(holder).unwrap();
    signal(held.postmaster, rustix::process::Signal::INT);
    crate::support::until("the server has ended", || {
        !ground.cluster().join("postmaster.pid").exists()
    })
    .await;
    held.stop();
}

#[tokio::test]
async fn an_ordinary_user_needs_no_root() {
    let ground = Ground::new();
    let holder = if is_root() {
        fs::create_dir(ground.data()).unwrap();
        std::os::unix::fs::chown(ground.data(), Some(65534), Some(65534)).unwrap();
        ground.holder_as_nobody()
    } else {
        ground.holder()
    };
    let held = Held::run(holder).unwrap();
    assert_eq!(ask_through_the_holders_eyes(&held.url), "owner");
    held.stop();
}

#[tokio::test]
async fn root_goes_on_with_what_an_ordinary_user_began_and_hands_it_back() {
    if !is_root() {
        return;
    }
    let ground = Ground::new();
    fs::create_dir(ground.data()).unwrap();
    std::os::unix::fs::chown(ground.data(), Some(65534), Some(65534)).unwrap();
    Held::run(ground.holder_as_nobody()).unwrap().stop();

    let server = ground.start().await;
    execute(&server.url("owner"), "CREATE TABLE roots ()")
        .await
        .unwrap();
    server.stop().await.unwrap();
    Held::run(ground.holder_as_nobody()).unwrap().stop();
}

#[tokio::test]
async fn another_user_of_the_machine_gets_in_neither_by_the_folder_nor_by_the_server() {
    if !is_root() {
        return;
    }
    let ground = Ground::new();
    let server = ground.start().await;
    let url = server.url("app");
    let refused = || {
        let output = as_nobody()
            .arg("psql")
            .arg(&url)
            .args(["-c", "SELECT 1"])
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused().contains("Permission denied"));
    let folder = socket_folder(&url);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o711)).unwrap();
    let socket = folder.join(".s.PGSQL.5432");
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(refused().contains("Peer authentication failed"));
    server.stop().await.unwrap();
}

/// The socket of a server of `nobody` is open to that user, and to root.
fn ask_through_the_holders_eyes(url: &str) -> String {
    let mut psql = if is_root() {
        as_nobody()
    } else {
        Command::new("/usr/bin/env")
    };
    let output = psql
        .args(["psql", "-X", "-A", "-t", "-c", "SELECT current_user"])
        .arg(url)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
