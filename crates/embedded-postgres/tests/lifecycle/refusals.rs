//! What cannot be started says why, and what to do.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
};

use embedded_postgres::{Error, Settings, start};

use crate::support::{Ground, Held, connect, execute, is_root, socket_folder};

async fn refusal(settings: Settings) -> Error {
    start(settings).await.unwrap_err()
}

fn assert_names(error: &Error, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

/// Programs that say they are PostgreSQL `version`.
fn pretend(ground: &Ground, version: &str) -> Settings {
    let bin = ground.path().join("bin");
    fs::create_dir(&bin).unwrap();
    fs::set_permissions(&bin, Permissions::from_mode(0o755)).unwrap();
    for name in ["postgres", "initdb"] {
        let script = format!("#!/bin/sh\n{version}\n");
        fs::write(bin.join(name), script).unwrap();
        fs::set_permissions(bin.join(name), Permissions::from_mode(0o755)).unwrap();
    }
    Settings {
        bin_dir: Some(bin),
        ..ground.settings()
    }
}

#[tokio::test]
async fn a_second_run_is_refused_and_the_first_unharmed() {
    let ground = Ground::new();
    let held = Held::run(ground.holder()).unwrap();
    let error = refusal(ground.settings()).await;
    assert!(
        matches!(error, Error::InUse { pid: Some(_), .. }),
        "{error}"
    );
    assert_names(
        &error,
        &["in use by another run (process ", "Stop that one"],
    );
    connect(&held.url).await;
    held.stop();
}

#[tokio::test]
async fn two_runs_in_one_process_exclude_each_other_too() {
    let ground = Ground::new();
    let (one, other) = tokio::join!(start(ground.settings()), start(ground.settings()));
    let (server, error) = match (one, other) {
        (Ok(server), Err(error)) | (Err(error), Ok(server)) => (server, error),
        both => panic!("{both:?}"),
    };
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    execute(&server.url("owner"), "CREATE TABLE fine ()")
        .await
        .unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_machine_without_postgresql_is_told_the_three_ways_out() {
    let ground = Ground::new();
    let settings = Settings {
        bin_dir: Some(ground.path().to_owned()),
        ..ground.settings()
    };
    let error = refusal(settings).await;
    assert!(matches!(error, Error::Missing { .. }));
    assert_names(
        &error,
        &["apt-get install postgresql", "PG_BIN", "DATABASE_URL"],
    );
}

#[tokio::test]
async fn a_postgresql_that_is_too_old_is_named() {
    let ground = Ground::new();
    let settings = pretend(&ground, "echo 'postgres (PostgreSQL) 14.9 (Debian 14.9-1)'");
    let error = refusal(settings).await;
    assert!(matches!(error, Error::TooOld { .. }), "{error}");
    assert_names(&error, &["14.9", "15 or newer", "PG_BIN"]);
}

#[tokio::test]
async fn programs_that_do_not_run_are_named_with_their_own_words() {
    let ground = Ground::new();
    let settings = pretend(&ground, "echo 'libpq.so.5: cannot open' >&2; exit 127");
    let error = refusal(settings).await;
    assert!(matches!(error, Error::Broken { .. }), "{error}");
    assert_names(
        &error,
        &["bin/postgres", "libpq.so.5: cannot open", "PG_BIN"],
    );
}

#[tokio::test]
async fn an_initdb_that_fails_leaves_nothing_half_made() {
    let ground = Ground::new();
    let script = "case $1 in --version) echo 'postgres (PostgreSQL) 15.1';; *) echo no space >&2; exit 1;; esac";
    let error = refusal(pretend(&ground, script)).await;
    assert!(matches!(error, Error::Initialise { .. }), "{error}");
    assert_names(&error, &["no space"]);
    assert!(!ground.data().join("postgres.new").exists());
    ground.start().await.stop().await.unwrap();
}

#[tokio::test]
async fn data_of_another_major_version_names_the_programs_it_needs() {
    let ground = Ground::new();
    ground.start().await.stop().await.unwrap();
    let version = ground.cluster().join("PG_VERSION");
    let right = fs::read(&version).unwrap();
    fs::write(&version, "99\n").unwrap();
    let error = refusal(ground.settings()).await;
    assert!(
        matches!(error, Error::OtherMajor { cluster: 99, .. }),
        "{error}"
    );
    assert_names(
        &error,
        &["PostgreSQL 99", "apt-get install postgresql-99", "PG_BIN"],
    );
    fs::write(&version, right).unwrap();
    ground.start().await.stop().await.unwrap();
}

#[tokio::test]
async fn files_that_are_no_cluster_are_explained_and_kept() {
    let ground = Ground::new();
    ground.start().await.stop().await.unwrap();
    fs::remove_file(ground.cluster().join("PG_VERSION")).unwrap();
    let error = refusal(ground.settings()).await;
    assert!(matches!(error, Error::NotACluster { .. }), "{error}");
    assert_names(&error, &["PG_VERSION", "backup", "move it away"]);
    assert!(ground.cluster().join("base").exists());
}

#[tokio::test]
async fn a_server_that_ends_while_it_starts_is_quoted() {
    let ground = Ground::new();
    ground.start().await.stop().await.unwrap();
    fs::remove_file(ground.cluster().join("global/pg_control")).unwrap();
    let error = refusal(ground.settings()).await;
    assert!(matches!(error, Error::Launch { .. }), "{error}");
    assert_names(
        &error,
        &["could not find the database system", "postgres.log"],
    );
}

/// Such as `mktemp -d` makes. One with something in it is not ours to open.
#[tokio::test]
async fn an_empty_folder_is_opened_to_the_servers_user_and_no_other() {
    let ground = Ground::new();
    let closed = |name: &str| {
        let folder = ground.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        folder
    };
    let mode = |folder: &Path| fs::metadata(folder).unwrap().permissions().mode() & 0o777;
    let settings = |data_dir: &Path| Settings {
        data_dir: data_dir.to_owned(),
        ..ground.settings()
    };
    let empty = closed("empty");
    start(settings(&empty)).await.unwrap().stop().await.unwrap();
    assert_eq!(mode(&empty), 0o711);

    let used = closed("used");
    fs::write(used.join("diary"), "private").unwrap();
    let outcome = start(settings(&used)).await;
    assert_eq!(mode(&used), 0o700);
    assert_eq!(outcome.is_err(), is_root());
}

#[tokio::test]
async fn a_folder_that_the_servers_user_cannot_enter_is_named() {
    if !is_root() {
        return;
    }
    let ground = Ground::new();
    let home = ground.path().join("home of root");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, Permissions::from_mode(0o700)).unwrap();
    let settings = Settings {
        data_dir: home.join("data"),
        ..ground.settings()
    };
    let error = refusal(settings.clone()).await;
    assert!(matches!(error, Error::CannotEnter { .. }), "{error}");
    let advice = format!("chmod o+x '{}'", home.display());
    assert_names(&error, &[&advice, "/var/lib"]);
    fs::set_permissions(&home, Permissions::from_mode(0o711)).unwrap();
    start(settings).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_folder_for_the_socket_that_is_not_ours_is_refused() {
    let ground = Ground::new();
    let server = ground.start().await;
    let folder = socket_folder(&server.url("owner"));
    server.stop().await.unwrap();

    fs::create_dir(&folder).unwrap();
    if is_root() {
        let error = refusal(ground.settings()).await;
        assert_names(&error, &["it belongs to user id 0", "Remove it"]);
        let server = fs::metadata(ground.cluster()).unwrap();
        chown(&folder, Some(server.uid()), None).unwrap();
    }
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    let error = refusal(ground.settings()).await;
    assert!(matches!(error, Error::SocketFolder { .. }), "{error}");
    assert_names(&error, &[folder.to_str().unwrap(), "its mode is 755"]);
    fs::remove_dir(&folder).unwrap();

    let elsewhere = ground.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &folder).unwrap();
    let error = refusal(ground.settings()).await;
    fs::remove_file(&folder).unwrap();
    assert_names(&error, &["it is no folder"]);
    ground.start().await.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_of_another_user_is_refused_to_an_ordinary_one() {
    if !is_root() {
        return;
    }
    let ground = Ground::new();
    ground.start().await.stop().await.unwrap();
    let Err(text) = Held::run(ground.holder_as_nobody()) else {
        panic!("nobody has started it");
    };
    assert!(text.contains("belongs to user postgres"), "{text}");
    assert!(text.contains("Start as its owner or as root"), "{text}");
}

#[tokio::test]
async fn names_that_would_need_quoting_are_refused_before_anything_is_made() {
    let ground = Ground::new();
    for name in ["", "Robert'; DROP", "postgres"] {
        let settings = Settings {
            database: name.to_owned(),
            ..ground.settings()
        };
        assert!(matches!(refusal(settings).await, Error::Name { .. }));
    }
    let settings = Settings {
        roles: Vec::new(),
        ..ground.settings()
    };
    assert!(matches!(refusal(settings).await, Error::NoRole));
    assert!(!Path::new(&ground.data()).exists());
}
