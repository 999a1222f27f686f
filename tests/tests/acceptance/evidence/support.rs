//! What these tests share: the database as its owner, the keys, and programs of PostgreSQL.

use std::path::PathBuf;
use std::sync::Arc;

use acceptance::Deployment;
use credentials::{Keyring, MasterKeys};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use store::{Role, Store};

pub(crate) async fn owner(deployment: &Deployment) -> PgConnection {
    deployment.connection("countersign_owner").await
}

/// One or more statements of somebody who owns the tables; how many rows they changed.
pub(crate) async fn execute(connection: &mut PgConnection, statements: &str) -> u64 {
    sqlx::raw_sql(statements)
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{statements}: {error}"))
        .rows_affected()
}

/// How many rows of a table, or of `table WHERE …`.
pub(crate) async fn count(connection: &mut PgConnection, from: &str) -> i64 {
    let statement = format!("SELECT count(*) FROM {from}");
    let count = sqlx::query_scalar(&statement);
    count.fetch_one(connection).await.unwrap()
}

/// Statements against history, by an owner who has put its trigger aside.
pub(crate) async fn tamper_with_events(connection: &mut PgConnection, statements: &str) {
    let statements = format!(
        "ALTER TABLE events DISABLE TRIGGER events_are_for_ever; {statements};
        ALTER TABLE events ENABLE TRIGGER events_are_for_ever"
    );
    execute(connection, &statements).await;
}

/// The tables of the findings of a check, each once.
pub(crate) async fn tables_found(deployment: &Deployment) -> Vec<&'static str> {
    let store = store(deployment).await;
    tables_found_by(&store, deployment).await
}

/// The same for many checks over one pool.
pub(crate) async fn tables_found_by(store: &Store, deployment: &Deployment) -> Vec<&'static str> {
    let now = deployment.clock.now();
    let report = store.check_projections(now, &mut |_| ()).await.unwrap();
    let found = report.findings.iter().map(|finding| finding.table);
    let mut tables = found.collect::<Vec<_>>();
    tables.sort_unstable();
    tables.dedup();
    tables
}

/// Of a deployment on a database of the test run's.
pub(crate) fn master_key_file(deployment: &Deployment) -> PathBuf {
    deployment.data_dir().with_file_name("master.key")
}

pub(crate) fn keyring(deployment: &Deployment) -> Keyring {
    let text = std::fs::read_to_string(master_key_file(deployment)).unwrap();
    Keyring::derive(&MasterKeys::parse(&text).unwrap())
}

pub(crate) fn app_url(deployment: &Deployment) -> String {
    deployment
        .owner_url()
        .replacen("countersign_owner", "countersign_app", 1)
}

pub(crate) async fn pool(deployment: &Deployment) -> PgPool {
    store::connect(&app_url(deployment), Role::App, 2)
        .await
        .unwrap()
}

pub(crate) async fn store(deployment: &Deployment) -> Store {
    Store::new(pool(deployment).await, Arc::new(keyring(deployment)))
}

/// As whoever owns the tables, who may make new ones.
pub(crate) async fn owners_store(deployment: &Deployment) -> Store {
    let pool = store::connect(&deployment.owner_url(), Role::Owner, 4).await;
    Store::new(pool.unwrap(), Arc::new(keyring(deployment)))
}

/// A program of the PostgreSQL that the tests run on.
pub(crate) fn postgres_program(name: &str) -> PathBuf {
    let folder = std::env::var_os("PG_BIN").map(PathBuf::from);
    let folders = folder.into_iter().chain({
        let mut versions = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .collect::<Vec<_>>();
        versions.sort_by_key(|path| {
            let version = path.file_name().unwrap().to_str().unwrap();
            std::cmp::Reverse(version.parse::<u32>().unwrap_or_default())
        });
        versions.into_iter().map(|version| version.join("bin"))
    });
    let path = std::env::var_os("PATH").unwrap();
    folders
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|program| program.exists())
        .unwrap_or_else(|| panic!("{name} is missing: apt-get install postgresql-client"))
}

/// The whole database as SQL, as its owner dumps it.
pub(crate) fn pg_dump(url: &str) -> String {
    pg_dump_with(url, &[])
}

pub(crate) fn pg_dump_with(url: &str, options: &[&str]) -> String {
    let output = std::process::Command::new(postgres_program("pg_dump"))
        .args(options)
        .arg(url)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "pg_dump: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// One field of every object in an array.
pub(crate) fn each<'a>(array: &'a Value, field: &str) -> Vec<&'a str> {
    let items = array.as_array().unwrap();
    items
        .iter()
        .map(|item| item[field].as_str().unwrap())
        .collect()
}
