//! A deployment: one database, one or more servers, one clock, one mail folder.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use service::{Clock, SystemClock};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::server::program;
use crate::{Caller, Mail, Options, PASSWORD, Person, ServerProcess, TurnableClock, mailbox};

#[derive(Debug)]
pub struct Deployment {
    pub servers: Vec<ServerProcess>,
    pub clock: TurnableClock,
    folder: TempDir,
    options: Options,
    /// None for the embedded database.
    database: Option<String>,
}

impl Deployment {
    /// One server on a fresh database.
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        let database = if options.embedded {
            None
        } else {
            Some(clone_database("template_countersign").await)
        };
        let mut deployment = Self::on(database, options);
        for _ in 0..deployment.options.servers {
            deployment.add_server().await;
        }
        deployment
    }

    /// No server, on a copy of a database of the test run's.
    pub async fn stopped(template: &str, options: Options) -> Self {
        Self::on(Some(clone_database(template).await), options)
    }

    fn on(database: Option<String>, options: Options) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("countersign-test-")
            .tempdir()
            .unwrap();
        open_to_the_server(folder.path());
        Self {
            servers: Vec::new(),
            clock: TurnableClock::new(folder.path()),
            folder,
            options,
            database,
        }
    }

    /// Starts one more server on the same database; its number.
    pub async fn add_server(&mut self) -> usize {
        if self.database.is_some() && !self.folder.path().join("master.key").exists() {
            let made = self.run(&["keys", "generate"], "").await;
            assert!(made.status.success(), "{made:?}");
        }
        self.add_server_with(&[]).await
    }

    /// The same with more variables, or others.
    pub async fn add_server_with(&mut self, variables: &[(&str, &str)]) -> usize {
        let number = self.servers.len();
        let log = self.folder.path().join(format!("server-{number}.log"));
        let mut environment = self.environment();
        let variables = variables.iter();
        environment
            .extend(variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let server = ServerProcess::start(environment, &log).await;
        self.servers.push(server);
        number
    }

    /// Starts the server of this number anew, after it was killed or ended.
    pub async fn restart(&mut self, number: usize) {
        let log = self.folder.path().join(format!("server-{number}.log"));
        self.servers[number] = ServerProcess::start(self.environment(), &log).await;
    }

    /// The variables that its programs run with.
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let mut environment = vec![
            ("PATH".to_owned(), std::env::var("PATH").unwrap()),
            ("COUNTERSIGN_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            (
                "COUNTERSIGN_INTERNAL_LISTEN".to_owned(),
                "127.0.0.1:0".to_owned(),
            ),
            ("COUNTERSIGN_DATA_DIR".to_owned(), path(&self.data_dir())),
            (
                "COUNTERSIGN_MASTER_KEY_FILE".to_owned(),
                path(&self.folder.path().join("master.key")),
            ),
            ("COUNTERSIGN_TEST_CLOCK".to_owned(), path(self.clock.file())),
            ("COUNTERSIGN_LOG_FORMAT".to_owned(), "json".to_owned()),
        ];
        if let Ok(bin) = std::env::var("PG_BIN") {
            environment.push(("PG_BIN".to_owned(), bin));
        }
        if let Some(database) = &self.database {
            let url = |role| database_url(role, database);
            environment.push(("DATABASE_URL".to_owned(), url("countersign_app")));
            let owner = (
                "COUNTERSIGN_MIGRATION_DATABASE_URL".to_owned(),
                url("countersign_owner"),
            );
            let sequencer = (
                "COUNTERSIGN_SEQUENCER_DATABASE_URL".to_owned(),
                url("countersign_sequencer"),
            );
            environment.extend([owner, sequencer]);
        }
        environment.extend(self.options.settings.iter().cloned());
        environment
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The log of the server of this number so far.
    pub fn log(&self, number: usize) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("server-{number}.log"))).unwrap()
    }

    /// Somebody without credentials, at the first server.
    pub fn visitor(&self) -> Caller {
        self.visitor_at(0)
    }

    pub fn visitor_at(&self, server: usize) -> Caller {
        Caller::of(&self.servers[server].url)
    }

    /// The program's own command line, on the same deployment.
    pub async fn run(&self, arguments: &[&str], input: &str) -> std::process::Output {
        self.run_with(arguments, input, &[]).await
    }

    /// The same with more variables, or others; an empty one is unset.
    pub async fn run_with(
        &self,
        arguments: &[&str],
        input: &str,
        variables: &[(&str, &str)],
    ) -> std::process::Output {
        let mut child = self.begin(arguments, variables);
        let mut stdin = child.stdin.take().unwrap();
        // A command that ends without reading it is none the worse.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stdin, input.as_bytes()).await;
        drop(stdin);
        child.wait_with_output().await.unwrap()
    }

    /// The program's command line, left to run.
    pub fn begin(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Child {
        let mut environment = self.environment();
        let given = |name: &str| variables.iter().any(|(given, _)| *given == name);
        environment.retain(|(name, _)| !given(name));
        let set = variables.iter().filter(|(_, value)| !value.is_empty());
        environment.extend(set.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Command::new(program("turnable-countersign"))
            .args(arguments)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    async fn succeed(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// An account by way of its mailbox, as a person opens one.
    pub async fn register(&self, email: &str) -> Person {
        let visitor = self.visitor();
        visitor
            .post("/accounts", json!({ "email": email }))
            .await
            .expect(202);
        let token = self.mailed_token(email, "verify").await;
        let body = json!({ "token": token, "password": PASSWORD, "transport": "bearer" });
        let answer = visitor.post("/accounts/verify", body).await.expect(200);
        let device_token = answer.text_at("/device_token");
        Person {
            email: email.to_owned(),
            password: PASSWORD.to_owned(),
            device_token,
        }
    }

    /// An account by way of the command line: no mail, no known device.
    pub async fn create_account(&self, email: &str) -> Person {
        self.succeed(&["account", "create", "--email", email], PASSWORD)
            .await;
        Person {
            email: email.to_owned(),
            password: PASSWORD.to_owned(),
            device_token: String::new(),
        }
    }

    pub async fn support(&self) -> Caller {
        self.staff("support", "Sam Support").await
    }

    pub async fn auditor(&self) -> Caller {
        self.staff("auditor", "Alex Auditor").await
    }

    pub async fn staff(&self, role: &str, name: &str) -> Caller {
        let token = self.staff_token(role, name).await;
        self.visitor().with_bearer(&token)
    }

    pub async fn staff_token(&self, role: &str, name: &str) -> String {
        let issue = ["staff", "issue", "--role", role, "--name", name];
        self.succeed(&issue, "").await.trim().to_owned()
    }

    /// Where a browser finds the first server: under the name that its mails and cookies have.
    pub fn site(&self) -> String {
        self.servers[0].url.replace("127.0.0.1", "localhost")
    }

    /// The account's id, as support finds it.
    pub async fn account_id(&self, email: &str) -> String {
        let body = json!({ "email": email });
        let answer = self
            .support()
            .await
            .post("/support/accounts/search", body)
            .await
            .expect(200);
        answer.text_at("/accounts/0/id")
    }

    /// The whole history of an account, as an auditor reads it.
    pub async fn events(&self, auditor: &Caller, account: &str) -> Vec<Value> {
        let path = format!("/audit/accounts/{account}/events?limit=500");
        let answer = auditor.get(&path).await.expect(200);
        answer.json["events"].as_array().unwrap().clone()
    }

    pub fn mails(&self) -> Vec<Mail> {
        mailbox::read(&self.data_dir().join("mail"))
    }

    /// Waits for the newest mail to an address whose subject contains a text.
    pub async fn mail(&self, to: &str, subject: &str) -> Mail {
        let what = format!("to {to}, about {subject}");
        let folder = self.data_dir().join("mail");
        mailbox::wait(&folder, &what, |mail| {
            mail.to == to && mail.subject.contains(subject)
        })
        .await
    }

    /// Waits for a mail with a link to `page`, and takes its token.
    pub async fn mailed_token(&self, to: &str, page: &str) -> String {
        let what = format!("to {to}, with a link to {page}");
        let folder = self.data_dir().join("mail");
        let mail = mailbox::wait(&folder, &what, |mail| {
            mail.to == to && mail.token(page).is_some()
        })
        .await;
        mail.token(page).unwrap()
    }

    /// What `projections check` reports.
    pub async fn projections(&self) -> Value {
        let output = self.run(&["projections", "check", "--json"], "").await;
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(text.trim())
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// The read models agree with a replay, every chain verifies, and positions are dense.
    pub async fn verify(&self) {
        let report = self.projections().await;
        assert_eq!(report["findings"], json!([]), "{report}");
        let mut connection = self.connection("countersign_owner").await;
        let (count, last) =
            sqlx::query_as::<_, (i64, Option<i64>)>("SELECT count(*), max(position) FROM log")
                .fetch_one(&mut connection)
                .await
                .unwrap();
        assert_eq!(
            count,
            last.map_or(0, |last| last + 1),
            "positions have holes"
        );
    }

    /// A connection to the database in a role of the product's.
    pub async fn connection(&self, role: &str) -> PgConnection {
        let url = if let Some(database) = &self.database {
            database_url(role, database)
        } else {
            let named = role.strip_prefix("countersign_").unwrap_or(role);
            self.succeed(&["database", "url", "--role", named], "")
                .await
                .trim()
                .to_owned()
        };
        PgConnection::connect(&url).await.unwrap()
    }

    /// The connection URL as the owner of the tables, for programs such as `pg_dump`.
    pub fn owner_url(&self) -> String {
        database_url("countersign_owner", self.database.as_ref().unwrap())
    }
}

fn template() -> String {
    std::env::var("COUNTERSIGN_TEST_DATABASE_URL")
        .expect("acceptance tests need a PostgreSQL of their own: run scripts/test")
}

fn database_url(role: &str, database: &str) -> String {
    template()
        .replacen("countersign_owner", role, 1)
        .replacen("template_countersign", database, 1)
}

async fn clone_database(of: &str) -> String {
    let name = unique_name();
    let options = template()
        .parse::<PgConnectOptions>()
        .unwrap()
        .database("postgres");
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    let statement = format!("CREATE DATABASE {name} TEMPLATE {of} STRATEGY FILE_COPY");
    let created = sqlx::query(&statement).execute(&mut connection).await;
    created.unwrap();
    name
}

/// The time and this process make it unique among test processes.
fn unique_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(
        "test_{}_{}_{count}",
        std::process::id(),
        SystemClock.now().timestamp_micros()
    )
}

fn open_to_the_server(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711)).unwrap();
}
