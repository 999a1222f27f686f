//! A lived-in database without a server, of which each case gets a copy to damage.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use acceptance::{Deployment, Options};
use credentials::{Keyring, MasterKeys};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::tampering::life;

pub(crate) struct World {
    pub(crate) deployment: Deployment,
    /// Streams, the one with the most events first.
    pub(crate) accounts: Vec<String>,
    pub(crate) staff: String,
    /// Events in the backup, of which a checkpoint was kept.
    pub(crate) middle: i64,
    pub(crate) end: i64,
}

/// A copy of the database, and somebody who may do anything to it.
pub(crate) struct Case<'w> {
    world: &'w World,
    name: String,
    pub(crate) connection: PgConnection,
}

/// What `audit verify --json` says of a case.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) code: Option<i32>,
    pub(crate) json: Value,
    pub(crate) complaint: String,
}

impl World {
    /// Lived in once for all tests of a run: whoever comes first makes it.
    pub(crate) async fn live() -> Self {
        let mut lock = administrator().await;
        let alone = "SELECT pg_advisory_lock(4711)";
        sqlx::query(alone).execute(&mut lock).await.unwrap();
        let query = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
        let made = sqlx::query_scalar::<_, bool>(query).bind(TEMPLATE);
        if !made.fetch_one(&mut lock).await.unwrap() {
            life::make().await;
        }
        lock.close().await.unwrap();
        Self::open().await
    }

    async fn open() -> Self {
        let deployment = Deployment::stopped(TEMPLATE, options()).await;
        let mut connection = deployment.connection("countersign_owner").await;
        let facts = "SELECT facts FROM world";
        let facts = sqlx::query_scalar::<_, String>(facts).fetch_one(&mut connection);
        let facts: Value = serde_json::from_str(&facts.await.unwrap()).unwrap();
        let files = "SELECT path, content FROM world_files";
        let files = sqlx::query_as::<_, (String, String)>(files).fetch_all(&mut connection);
        for (path, content) in files.await.unwrap() {
            let path = deployment.data_dir().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
        }
        let ahead = facts["ahead"].as_i64().unwrap();
        deployment.clock.turn(chrono::Duration::milliseconds(ahead));
        let staff = "SELECT aggregate_id FROM events WHERE aggregate_type = 'staff' LIMIT 1";
        let staff = sqlx::query_scalar(staff).fetch_one(&mut connection).await;
        connection.close().await.unwrap();
        Self {
            deployment,
            accounts: serde_json::from_value(facts["accounts"].clone()).unwrap(),
            staff: staff.unwrap(),
            middle: facts["middle"].as_i64().unwrap(),
            end: facts["end"].as_i64().unwrap(),
        }
    }

    /// How many events the last checkpoint covers that was kept before a position was given.
    pub(crate) fn kept_before(&self, position: i64) -> i64 {
        let size = |file: &PathBuf| {
            let name = file.file_name()?.to_str()?;
            name.split_once('-')?.1.parse().ok()
        };
        let sizes = self.kept().iter().filter_map(size).collect::<Vec<i64>>();
        let before = sizes.into_iter().filter(|size| *size <= position);
        before.max().unwrap_or_default()
    }

    /// The account with the most events.
    pub(crate) fn account(&self) -> &str {
        &self.accounts[0]
    }

    pub(crate) async fn case(&self) -> Case<'_> {
        self.case_of(TEMPLATE).await
    }

    /// The database as it was in the middle of its life.
    pub(crate) async fn backup(&self) -> Case<'_> {
        self.case_of(BACKUP).await
    }

    async fn case_of(&self, template: &str) -> Case<'_> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tampered_{}_{count}", std::process::id());
        copy(template, &name).await;
        Case {
            connection: connect(&self.deployment, &name).await,
            world: self,
            name,
        }
    }

    pub(crate) fn keyring(&self) -> Keyring {
        let path = self.deployment.data_dir().with_file_name("master.key");
        let text = std::fs::read_to_string(path).unwrap();
        Keyring::derive(&MasterKeys::parse(&text).unwrap())
    }

    /// Files of kept checkpoints, oldest first.
    pub(crate) fn kept(&self) -> Vec<PathBuf> {
        kept_files(&self.deployment)
    }
}

impl Case<'_> {
    /// One or more statements by somebody who has put the trigger aside.
    pub(crate) async fn tamper(&mut self, statements: &str) {
        let statements = format!(
            "ALTER TABLE events DISABLE TRIGGER events_are_for_ever; {statements};
            ALTER TABLE events ENABLE TRIGGER events_are_for_ever"
        );
        self.execute(&statements).await;
    }

    pub(crate) async fn execute(&mut self, statements: &str) {
        let done = sqlx::raw_sql(statements)
            .execute(&mut self.connection)
            .await;
        done.unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    pub(crate) async fn number(&mut self, query: &str) -> i64 {
        let number = sqlx::query_scalar(query)
            .fetch_one(&mut self.connection)
            .await;
        number.unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// The position of an event of the account.
    pub(crate) async fn position(&mut self, stream: &str, sequence: i64) -> i64 {
        self.number(&format!(
            "SELECT position FROM log WHERE aggregate_id = '{stream}' AND sequence = {sequence}"
        ))
        .await
    }

    /// The sequence of the last event of a stream.
    pub(crate) async fn last(&mut self, stream: &str) -> i64 {
        let query = format!("SELECT max(sequence) FROM events WHERE aggregate_id = '{stream}'");
        self.number(&query).await
    }

    /// A program's call on this copy.
    pub(crate) async fn run(&self, arguments: &[&str]) -> std::process::Output {
        self.run_with(arguments, None).await
    }

    /// Where the folder of kept checkpoints is empty, but for these.
    pub(crate) async fn look_with(&self, kept: &[&str]) -> Verdict {
        let nothing = tempfile::tempdir().unwrap();
        let call = [&["audit", "verify", "--json"], kept].concat();
        Verdict::of(&self.run_with(&call, nothing.path().to_str()).await)
    }

    /// What the verification says, and the most memory that it took, in KiB.
    pub(crate) async fn look_at_memory(&self, kept: &[&str]) -> (Verdict, usize) {
        let call = [&["audit", "verify", "--json"], kept].concat();
        let variables = self.variables(None);
        let mut child = self.world.deployment.begin(&call, &pairs(&variables));
        drop(child.stdin.take());
        let status = format!("/proc/{}/status", child.id().unwrap());
        let ended = child.wait_with_output();
        tokio::pin!(ended);
        let mut peak = 0;
        loop {
            let pause = tokio::time::sleep(std::time::Duration::from_millis(20));
            tokio::select! {
                output = &mut ended => return (Verdict::of(&output.unwrap()), peak),
                () = pause => peak = peak.max(peak_of(&status)),
            }
        }
    }

    /// The same where checkpoints are kept in another folder.
    pub(crate) async fn run_with(
        &self,
        arguments: &[&str],
        kept: Option<&str>,
    ) -> std::process::Output {
        let variables = self.variables(kept);
        self.world
            .deployment
            .run_with(arguments, "", &pairs(&variables))
            .await
    }

    /// Those that name this copy.
    fn variables(&self, kept: Option<&str>) -> Vec<(&'static str, String)> {
        let url = |role: &str| {
            let url = url_of(&self.world.deployment, &self.name);
            url.replacen("countersign_owner", role, 1)
        };
        let mut variables = vec![
            ("DATABASE_URL", url("countersign_app")),
            (
                "COUNTERSIGN_MIGRATION_DATABASE_URL",
                url("countersign_owner"),
            ),
            (
                "COUNTERSIGN_SEQUENCER_DATABASE_URL",
                url("countersign_sequencer"),
            ),
        ];
        variables.extend(kept.map(|folder| ("COUNTERSIGN_CHECKPOINT_DIR", folder.to_owned())));
        variables
    }

    /// What the verification says; the copy can be damaged further.
    pub(crate) async fn look(&self) -> Verdict {
        Verdict::of(&self.run(&["audit", "verify", "--json"]).await)
    }

    /// What the verification says, and the end of the copy.
    pub(crate) async fn verify(self) -> Verdict {
        let verdict = self.look().await;
        self.end().await;
        verdict
    }

    pub(crate) async fn end(self) {
        self.connection.close().await.unwrap();
        administer(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

impl Verdict {
    pub(crate) fn of(output: &std::process::Output) -> Self {
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let text = String::from_utf8_lossy(&output.stdout);
        Self {
            code: output.status.code(),
            json: serde_json::from_str(text.trim())
                .unwrap_or_else(|_| panic!("no verdict: {text}{complaint}")),
            complaint,
        }
    }

    pub(crate) fn damaged(&self) -> &[Value] {
        self.json["damaged"].as_array().unwrap()
    }

    /// The first damage.
    pub(crate) fn first(&self, case: &str) -> &Value {
        assert_eq!(self.code, Some(1), "{case}: {}", self.json);
        assert_eq!(self.json["verdict"], "damaged", "{case}");
        assert!(self.complaint.contains("history is not whole"), "{case}");
        let first = self.damaged().first();
        first.unwrap_or_else(|| panic!("{case}: {}", self.json))
    }

    /// The first damage is of this kind, to this event, at this position.
    pub(crate) fn expect(&self, case: &str, kind: &str, event: (&str, i64), position: Option<i64>) {
        let first = self.first(case);
        let stream = first["stream"].as_str().unwrap_or_default();
        let told = (&first["kind"], stream.split_once('/').unwrap_or_default().1);
        assert_eq!(told, (&json!(kind), event.0), "{case}: {}", self.json);
        assert_eq!(first["sequence"], event.1, "{case}: {}", self.json);
        assert_eq!(first["position"], json!(position), "{case}: {}", self.json);
    }

    /// The first damage is to the log itself, at this position.
    pub(crate) fn expect_log(&self, case: &str, kind: &str, position: Option<i64>) {
        let first = self.first(case);
        assert_eq!(first["kind"], kind, "{case}: {}", self.json);
        assert_eq!(first["position"], json!(position), "{case}: {}", self.json);
    }

    pub(crate) fn has(&self, kind: &str) -> bool {
        self.damaged().iter().any(|damaged| damaged["kind"] == kind)
    }

    pub(crate) fn expect_whole(&self, case: &str) {
        assert_eq!(self.json["verdict"], "whole", "{case}: {}", self.json);
        assert_eq!(self.code, Some(0), "{case}: {}", self.complaint);
    }
}

fn pairs<'v>(variables: &'v [(&'static str, String)]) -> Vec<(&'static str, &'v str)> {
    let pair = |(name, value): &'v (&'static str, String)| (*name, value.as_str());
    variables.iter().map(pair).collect()
}

/// Nothing of a process that is gone.
fn peak_of(status: &str) -> usize {
    let status = std::fs::read_to_string(status).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = line.map(|line| line.trim().trim_end_matches(" kB"));
    peak.map_or(0, |peak| peak.parse().unwrap())
}

pub(crate) const TEMPLATE: &str = "tampering_world";
/// The database as it was in the middle of its life.
pub(crate) const BACKUP: &str = "tampering_backup";

pub(crate) fn options() -> Options {
    Options::default()
        .setting("COUNTERSIGN_CHECKPOINT_INTERVAL", "1s")
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off")
}

pub(crate) fn kept_files(deployment: &Deployment) -> Vec<PathBuf> {
    fn below(folder: PathBuf) -> Vec<PathBuf> {
        if !folder.is_dir() {
            return vec![folder];
        }
        let entries = std::fs::read_dir(folder).unwrap();
        entries
            .flat_map(|entry| below(entry.unwrap().path()))
            .collect()
    }
    let mut files = below(deployment.data_dir().join("checkpoints"));
    files.sort_by_key(|file| file.file_name().unwrap().to_owned());
    files
}

pub(crate) fn database(deployment: &Deployment) -> String {
    let url = deployment.owner_url();
    let (_, after) = url.split_once("test_").unwrap();
    format!("test_{}", after.split('?').next().unwrap())
}

fn url_of(deployment: &Deployment, name: &str) -> String {
    let (url, own) = (deployment.owner_url(), database(deployment));
    url.replacen(&own, name, 1)
}

async fn connect(deployment: &Deployment, name: &str) -> PgConnection {
    PgConnection::connect(&url_of(deployment, name))
        .await
        .unwrap()
}

async fn administrator() -> PgConnection {
    let url = std::env::var("COUNTERSIGN_TEST_DATABASE_URL").unwrap();
    let url = url.replacen("template_countersign", "postgres", 1);
    PgConnection::connect(&url).await.unwrap()
}

async fn administer(statement: &str) {
    let mut connection = administrator().await;
    sqlx::query(statement)
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

pub(crate) async fn copy(template: &str, name: &str) {
    administer(&format!(
        "CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"
    ))
    .await;
}
