//! When the database is gone, busy or contended, and when somebody floods the server.

use std::time::{Duration, Instant};

use acceptance::{Answer, Caller, Deployment, OTHER_PASSWORD, Options, Person};
use futures::future::join_all;
use futures::stream::{self, StreamExt};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use crate::surface::world::{World, all_settled};

/// The database of a deployment, seen from the one beside it.
struct Neighbour {
    url: String,
    name: String,
}

impl Neighbour {
    fn of(deployment: &Deployment) -> Self {
        let url = deployment.owner_url();
        let options = url.parse::<PgConnectOptions>().unwrap();
        let name = options.get_database().unwrap().to_owned();
        Self { url, name }
    }

    async fn connection(&self, role: &str) -> PgConnection {
        let url = self.url.replacen("countersign_owner", role, 1);
        let options = url.parse::<PgConnectOptions>().unwrap();
        PgConnection::connect_with(&options.database("postgres"))
            .await
            .unwrap()
    }

    async fn allow(&self, connections: i32) {
        let statement = format!(
            "ALTER DATABASE {} CONNECTION LIMIT {connections}",
            self.name
        );
        let mut owner = self.connection("countersign_owner").await;
        sqlx::raw_sql(&statement).execute(&mut owner).await.unwrap();
    }

    /// Nobody gets in, and whoever was is thrown out.
    async fn go_away(&self) {
        self.allow(0).await;
        for role in [
            "countersign_app",
            "countersign_sequencer",
            "countersign_owner",
        ] {
            self.throw_out(role).await;
        }
    }

    async fn throw_out(&self, role: &str) {
        let mut connection = self.connection(role).await;
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = $1 AND usename = current_user",
        )
        .bind(&self.name)
        .execute(&mut connection)
        .await
        .unwrap();
    }
}

async fn until(what: &str, check: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !check().await {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Checks: db_down (ASVS-16.5.2), fault_injection_logged (ASVS-16.3.4).
#[tokio::test]
async fn while_the_database_is_gone_every_call_fails_closed_is_logged_and_afterwards_all_is_well() {
    let world = World::start().await;
    let neighbour = Neighbour::of(&world.deployment);
    neighbour.go_away().await;
    let visitor = world.deployment.visitor();
    let wrong = json!({ "email": world.ada.email, "password": OTHER_PASSWORD });
    let forged = format!("cs_session_{}", "A".repeat(86));
    let forged = visitor.clone().with_bearer(&forged);
    let answers = join_all([
        send(&world.owner, "GET", "/session", None),
        send(&world.owner, "GET", "/settings", None),
        send(&forged, "GET", "/session", None),
        send(&visitor, "POST", "/login", Some(world.ada.login())),
        send(&visitor, "POST", "/login", Some(wrong)),
        send(
            &world.support,
            "GET",
            "/support/accounts/0193d1a0-7e1b-7c3a-9f00-0123456789ab",
            None,
        ),
        send(&world.auditor, "GET", "/audit/events", None),
    ])
    .await;
    for answer in answers {
        let answer = answer.expect_problem(503, "unavailable");
        assert!(answer.headers.contains_key("retry-after"));
        let id = answer.text_at("/request_id");
        let log = world.deployment.log(0);
        let told = log.lines().any(|line| {
            let line = serde_json::from_str::<Value>(line).unwrap_or_default();
            let level = line["level"].as_str().unwrap_or_default();
            line.to_string().contains(&id) && ["WARN", "ERROR"].contains(&level)
        });
        assert!(told, "{id} has no line with a cause:\n{log}");
    }
    let internal = world.deployment.servers[0].internal_url.clone();
    let status = async |path: &str| {
        reqwest::get(format!("{internal}{path}"))
            .await
            .unwrap()
            .status()
    };
    assert_eq!(status("/livez").await, StatusCode::OK);
    assert_eq!(status("/readyz").await, StatusCode::SERVICE_UNAVAILABLE);

    neighbour.allow(-1).await;
    until("it is not ready again", async || {
        status("/readyz").await == StatusCode::OK
    })
    .await;
    world.owner.get("/session").await.expect(200);
    forged.get("/session").await.expect(401);
    world.ada.sign_in(&visitor).await;
    all_settled(&world.deployment).await;
    world.deployment.verify().await;
}

#[tokio::test]
async fn whoever_only_asks_does_not_notice_that_connections_died() {
    let world = World::start().await;
    let neighbour = Neighbour::of(&world.deployment);
    for _ in 0..3 {
        let checks = (0..8).map(|_| world.owner.get("/session"));
        for answer in join_all(checks).await {
            answer.expect(200);
        }
        neighbour.throw_out("countersign_app").await;
        for _ in 0..12 {
            world.owner.get("/session").await.expect(200);
        }
    }
    world.ada.sign_in(&world.deployment.visitor()).await;
}

async fn send(caller: &Caller, method: &str, path: &str, body: Option<Value>) -> Answer {
    caller.send(method.parse().unwrap(), path, body).await
}

/// Checks: pool_exhausted_503 (ASVS-13.1.2).
#[tokio::test]
async fn when_every_connection_is_taken_the_next_call_is_told_so_after_two_seconds() {
    let options = Options::default().setting("COUNTERSIGN_DATABASE_POOL_SIZE", "4");
    let world = World::with(options).await;
    all_settled(&world.deployment).await;
    let mut owner = world.deployment.connection("countersign_owner").await;
    let mut lock = owner.begin().await.unwrap();
    sqlx::query("LOCK TABLE logins IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();
    let waiting = (0..4).map(|_| {
        let (visitor, login) = (world.deployment.visitor(), world.ada.login());
        tokio::spawn(async move { visitor.post("/login", login).await })
    });
    let waiting = waiting.collect::<Vec<_>>();
    until("nobody waits for the table", async || {
        let mut connection = world.deployment.connection("countersign_app").await;
        let blocked = sqlx::query_scalar::<_, i64>(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'logins'::regclass",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        blocked >= 4
    })
    .await;
    let began = Instant::now();
    let answer = world.owner.get("/session").await;
    let answer = answer.expect_problem(503, "unavailable");
    assert!(answer.headers.contains_key("retry-after"));
    let waited = began.elapsed().as_secs_f64();
    assert!((1.5..8.0).contains(&waited), "after {waited} s");
    lock.rollback().await.unwrap();
    for answer in waiting {
        answer.await.unwrap().expect(200);
    }
    world.owner.get("/session").await.expect(200);
}

/// One of the things that an owner or a stranger does, by number.
async fn something(person: &Person, owner: &Caller, visitor: &Caller, number: usize) -> Answer {
    let email = json!({ "email": person.email });
    let current = json!({ "current_password": person.password });
    let wrong = json!({ "email": person.email, "password": OTHER_PASSWORD });
    let enrollment = "/settings/two-factor/enrollment";
    match number % 9 {
        0 => visitor.post("/login", person.login_known()).await,
        1 => owner.post(enrollment, current).await,
        2 => owner.delete(enrollment).await,
        3 => owner.delete("/sessions").await,
        4 => visitor.post("/password-reset", email).await,
        5 => owner.get("/sessions").await,
        6 => visitor.post("/login", wrong).await,
        7 => {
            let same = json!({
                "current_password": person.password, "new_password": person.password,
            });
            owner.put("/settings/password", same).await
        }
        _ => owner.get("/settings").await,
    }
}

/// Checks: deadlock_hunt (ASVS-15.4.3).
#[tokio::test]
async fn deadlock_hunt_mixed_commands_on_few_accounts_at_two_servers_never_fail_of_each_other() {
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let deployment = Deployment::with(options).await;
    let mut connection = deployment.connection("countersign_owner").await;
    let mut people = Vec::new();
    for name in ["ada", "bob", "eve"] {
        let person = deployment.register(&format!("{name}@example.com")).await;
        let owner = person.sign_in(&deployment.visitor()).await;
        people.push((person, owner));
    }
    let calls = (0..162_usize).map(|number| {
        let (person, owner) = &people[number % people.len()];
        let server = (number / people.len()) % 2;
        let visitor = deployment.visitor_at(server);
        let owner = owner.at(&deployment.servers[server].url);
        async move { something(person, &owner, &visitor, number / 7).await }
    });
    let answers = stream::iter(calls)
        .buffer_unordered(12)
        .collect::<Vec<_>>()
        .await;
    for answer in &answers {
        let busy = answer.code() == "overloaded";
        assert!(busy || !answer.status.is_server_error(), "{}", answer.text);
    }
    let done = answers.iter().filter(|answer| answer.status.is_success());
    assert!(done.count() > answers.len() / 2);
    for server in 0..2 {
        let log = deployment.log(server);
        assert!(!log.contains("ERROR"), "{log}");
    }
    // An idle connection tells after ten seconds at most what came of its statements until now.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let deadlocks = sqlx::query_scalar::<_, i64>(deadlocks);
    assert_eq!(deadlocks.fetch_one(&mut connection).await.unwrap(), 0);
    all_settled(&deployment).await;
    deployment.verify().await;
}

/// Checks: chk_asvs_15_2_2, flood_* (ASVS-15.2.2, ASVS-2.4.1).
#[tokio::test]
async fn a_flood_of_everything_that_strangers_can_send_leaves_signed_in_owners_served() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    let junk = visitor
        .clone()
        .with_bearer(&format!("cs_session_{}", "A".repeat(86)));
    let flood = (0..600_usize).map(|number| {
        let (visitor, junk) = (visitor.clone(), junk.clone());
        async move {
            let email = json!({ "email": format!("n{number}@example.com") });
            let token = json!({ "token": "cs_reset_x", "new_password": OTHER_PASSWORD });
            let large = vec![b' '; 60_000];
            match number % 6 {
                0 => junk.get("/session").await,
                1 => visitor.post("/password-reset", email).await,
                2 => visitor.post("/unblock", email).await,
                3 => visitor.post("/accounts", email).await,
                4 => visitor.post("/password-reset/confirm", token).await,
                _ => {
                    let json = Some("application/json");
                    visitor
                        .send_raw(reqwest::Method::POST, "/login", json, large)
                        .await
                }
            }
        }
    });
    let flooding = async {
        let answers = stream::iter(flood).buffer_unordered(64);
        answers.collect::<Vec<_>>().await
    };
    let living = async {
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let began = Instant::now();
            world.owner.get("/session").await.expect(200);
            slowest = slowest.max(began.elapsed());
        }
        slowest
    };
    let (answers, slowest) = futures::join!(flooding, living);
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    for answer in answers {
        let status = answer.status.as_u16();
        assert!(status < 500 || status == 503, "{}", answer.text);
    }
    let owner = &world.owner;
    owner.get("/session").await.expect(200);
}
