//! `countersign keys rotate`: a further master key while everything goes on, and an interrupted
//! rotation that loses nothing.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use acceptance::{Authenticator, Caller, Deployment, OTHER_PASSWORD, Options, PASSWORD, Person};
use credentials::MasterKeys;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::evidence::support::{execute, master_key_file, owner};
use crate::pages::visitor::{AUDIT, Visitor};

const SHORT: Duration = Duration::from_millis(20);

async fn keys(deployment: &Deployment, arguments: &str) -> Value {
    let arguments = ["keys", "--json"].into_iter().chain(arguments.split(' '));
    let output = deployment.run(&arguments.collect::<Vec<_>>(), "").await;
    let text = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{text}"))
}

fn key_file(path: &Path) -> MasterKeys {
    MasterKeys::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// As an operator copies it to another machine.
fn copy(from: &Path, to: &Path) {
    let half_way = to.with_extension("half-way");
    std::fs::copy(from, &half_way).unwrap();
    std::fs::rename(half_way, to).unwrap();
}

async fn count(connection: &mut PgConnection, from: &str) -> i64 {
    let statement = format!("SELECT count(*) FROM {from}");
    let count = sqlx::query_scalar(&statement);
    count.fetch_one(connection).await.unwrap()
}

/// Rows that a rotation brings under the newest key, and that are under another.
async fn left_behind(connection: &mut PgConnection, newest: u8) -> Vec<(&'static str, i64)> {
    let other_mac = format!(
        "(octet_length(mac) = 36 AND substr(mac, 1, 4) <> '\\x{newest:08x}')
            OR (octet_length(mac) <> 36 AND key_id <> {newest})"
    );
    let mut left = Vec::new();
    for (table, other) in [
        ("data_keys", format!("key_id <> {newest}")),
        ("states", format!("key_id <> {newest}")),
        ("sessions", other_mac.clone()),
        ("staff", other_mac),
    ] {
        match count(connection, &format!("{table} WHERE {other}")).await {
            0 => {}
            rows => left.push((table, rows)),
        }
    }
    left
}

/// Everything that is handed out once and used later.
struct Before {
    ada: Person,
    session: Caller,
    eve: Person,
    authenticator: Authenticator,
    support: Caller,
    auditor: Caller,
    desk: Visitor,
    reset: String,
    unblock: String,
    verify: String,
    unlocked: String,
    unlock: String,
}

fn reason() -> Value {
    json!({ "reason": "lost the telephone", "ticket": "HELP-7" })
}

impl Before {
    async fn of(deployment: &Deployment) -> Self {
        let visitor = deployment.visitor();
        let ada = deployment.register("ada@example.com").await;
        let session = ada.sign_in(&visitor).await;
        let eve = deployment.create_account("eve@example.com").await;
        let owner = eve.sign_in(&visitor).await;
        let authenticator = eve.enable_two_factor(&owner, deployment.clock.now()).await;
        for (path, email) in [
            ("/password-reset", "ada@example.com"),
            ("/unblock", "eve@example.com"),
            ("/accounts", "new@example.com"),
        ] {
            let body = json!({ "email": email });
            visitor.post(path, body).await.expect(202);
        }
        let token = deployment.staff_token("auditor", "Uli").await;
        let mut desk = Visitor::new(deployment);
        desk.sit_down("audit", &token).await;
        let support = deployment.support().await;
        let bob = deployment.create_account("bob@example.com").await;
        bob.sign_in(&visitor).await;
        let id = deployment.account_id(&bob.email).await;
        let unlock = format!("/support/accounts/{id}/unlock");
        let keyed = support.clone().with_header("idempotency-key", "case-7");
        Self {
            unlocked: keyed.post(&unlock, reason()).await.expect(200).text,
            unlock,
            reset: deployment.mailed_token(&ada.email, "reset").await,
            unblock: deployment.mailed_token(&eve.email, "unblock").await,
            verify: deployment.mailed_token("new@example.com", "verify").await,
            ada,
            session,
            eve,
            authenticator,
            support,
            auditor: visitor.with_bearer(&token),
            desk,
        }
    }

    /// All of it at the server of this number.
    async fn still_works(self, deployment: &Deployment, server: usize) {
        let url = &deployment.servers[server].url;
        let visitor = deployment.visitor_at(server);
        self.session.at(url).get("/session").await.expect(200);
        self.auditor.at(url).get("/audit/events").await.expect(200);
        assert!(self.desk.cookies.contains_key(AUDIT));
        let page = self.desk.at(url).get("/audit").await.expect(200);
        assert!(page.text.contains("Uli"), "{}", page.text);
        let keyed = self
            .support
            .at(url)
            .with_header("idempotency-key", "case-7");
        let again = keyed.post(&self.unlock, reason()).await.expect(200);
        assert_eq!(again.text, self.unlocked);

        // The device is known: what strangers did does not touch it.
        for _ in 0..6 {
            let wrong = json!({ "email": self.ada.email, "password": OTHER_PASSWORD });
            visitor.post("/login", wrong).await;
        }
        let answer = visitor.post("/login", self.ada.login()).await;
        assert_eq!(answer.status, 429, "{}", answer.text);
        visitor
            .post("/login", self.ada.login_known())
            .await
            .expect(200);

        deployment.clock.turn_to_next_step();
        let code = self.authenticator.code(deployment.clock.now());
        self.eve.sign_in_with(&visitor, &code).await;
        for (path, token) in [
            ("/unblock/confirm", &self.unblock),
            ("/password-reset/confirm", &self.reset),
            ("/accounts/verify", &self.verify),
        ] {
            let body = json!({
                "token": token, "password": PASSWORD, "new_password": OTHER_PASSWORD,
                "transport": "bearer",
            });
            let body = match path {
                "/unblock/confirm" => json!({ "token": token, "transport": "bearer" }),
                "/accounts/verify" => {
                    json!({ "token": token, "password": PASSWORD, "transport": "bearer" })
                }
                _ => body,
            };
            let answer = visitor.post(path, body).await;
            assert!(answer.status.is_success(), "{path}: {}", answer.text);
        }
    }
}

/// One thing after the other, until it is `done`; how often. Every call must succeed.
async fn again_and_again<F: Future>(done: &AtomicBool, mut act: impl FnMut(usize) -> F) -> usize {
    let mut times = 0;
    while !done.load(Ordering::Relaxed) {
        act(times).await;
        times += 1;
    }
    times
}

/// Checks: rotate_keys_online (ASVS-11.2.2, ASVS-13.3.4).
#[tokio::test]
async fn rotate_keys_online_no_request_fails_and_all_that_was_made_before_works() {
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let deployment = &Deployment::with(options).await;
    let before = Before::of(deployment).await;
    let mut people = Vec::new();
    for name in ["cleo", "dora", "emil"] {
        people.push(
            deployment
                .create_account(&format!("{name}@example.com"))
                .await,
        );
    }
    let [cleo, dora, emil] = &people[..] else {
        panic!("three people")
    };
    let session = &cleo.sign_in(&deployment.visitor()).await;
    let owner_of_codes = dora.sign_in(&deployment.visitor()).await;
    let codes = &dora
        .enable_two_factor(&owner_of_codes, deployment.clock.now())
        .await;
    let (support, done) = (&before.support, &AtomicBool::new(false));

    let sign_ins = again_and_again(done, async |n| {
        let visitor = deployment.visitor_at(n % 2);
        let other = cleo.sign_in(&visitor).await;
        let elsewhere = other.at(&deployment.servers[(n + 1) % 2].url);
        elsewhere.get("/session").await.expect(200);
        other.post("/logout", json!({})).await.expect(204);
        elsewhere.get("/session").await.expect(401);
    });
    let checks = again_and_again(done, async |n| {
        let session = session.at(&deployment.servers[n % 2].url);
        session.get("/settings").await.expect(200);
        tokio::time::sleep(SHORT).await;
    });
    let second_factors = again_and_again(done, async |n| {
        deployment.clock.turn_to_next_step();
        let challenge = dora.challenge(&deployment.visitor_at(n % 2)).await;
        let code = codes.code(deployment.clock.now());
        let body = json!({ "challenge": challenge, "code": code, "transport": "bearer" });
        let visitor = deployment.visitor_at((n + 1) % 2);
        visitor.post("/login/second-factor", body).await.expect(200);
        tokio::time::sleep(SHORT * 25).await;
    });
    let searches = again_and_again(done, async |n| {
        let support = support.at(&deployment.servers[n % 2].url);
        let body = json!({ "email": emil.email });
        support
            .post("/support/accounts/search", body)
            .await
            .expect(200);
        tokio::time::sleep(SHORT).await;
    });
    let registrations = again_and_again(done, async |n| {
        let person = deployment.register(&format!("person{n}@example.com")).await;
        let asked = json!({ "email": person.email });
        let visitor = deployment.visitor_at(n % 2);
        visitor.post("/password-reset", asked).await.expect(202);
        let token = deployment.mailed_token(&person.email, "reset").await;
        let body = json!({ "token": token, "new_password": OTHER_PASSWORD });
        let visitor = deployment.visitor_at((n + 1) % 2);
        let answer = visitor.post("/password-reset/confirm", body).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        let changed = Person {
            password: OTHER_PASSWORD.to_owned(),
            ..person
        };
        visitor
            .post("/login", changed.login_known())
            .await
            .expect(200);
    });
    let rotation = async {
        tokio::time::sleep(SHORT * 50).await;
        let report = keys(deployment, "rotate").await;
        tokio::time::sleep(SHORT * 50).await;
        done.store(true, Ordering::Relaxed);
        report
    };
    let (report, counts) = {
        let (a, b, c, d, e, report) = tokio::join!(
            sign_ins,
            checks,
            second_factors,
            searches,
            registrations,
            rotation
        );
        (report, [a, b, c, d, e])
    };
    assert!(counts.iter().all(|count| *count > 3), "{counts:?}");
    assert_eq!(
        (&report["key"], &report["not_ours"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(report["passed_over"], 0, "{report}");

    let file = key_file(&master_key_file(deployment));
    assert_eq!((file.current().0, file.standby()), (2, None));
    let mut connection = owner(deployment).await;
    assert_eq!(left_behind(&mut connection, 2).await, []);
    // Both servers write under the new key, and what they wrote while it came into use can be read.
    for server in [0, 1] {
        let visitor = deployment.visitor_at(server);
        cleo.sign_in(&visitor)
            .await
            .get("/session")
            .await
            .expect(200);
        let newest = "events WHERE id = (SELECT max(id) FROM events) AND key_id = 2";
        assert_eq!(count(&mut connection, newest).await, 1);
    }
    deployment.verify().await;
    before.still_works(deployment, 1).await;
    session.get("/session").await.expect(200);
    deployment.verify().await;
    for number in [0, 1] {
        let log = deployment.log(number);
        assert!(!log.contains("\"ERROR\""), "{log}");
        assert!(log.contains("a new master key is in use"), "{log}");
    }
    let status = keys(deployment, "status").await;
    let uses = status["uses"].as_array().unwrap();
    let under = |what: &str, key: u8| {
        let mut found = uses
            .iter()
            .filter(|one| one["what"] == what && one["key"] == key);
        found.next().is_some()
    };
    assert!(under("session tokens", 1) && under("session tokens", 2));
    assert!(under("look-ups by address", 1) && !under("look-ups by address", 2));
    for what in ["data keys", "states", "sessions", "staff"] {
        assert!(!under(what, 1) && under(what, 2), "{what}: {status}");
    }
}

/// Runs `keys rotate` and kills it as soon as `reached` says so.
async fn kill_rotation(deployment: &Deployment, reached: impl AsyncFn() -> bool) {
    let rotation = deployment.run(&["keys", "rotate"], "");
    let watch = async {
        while !reached().await {
            tokio::time::sleep(SHORT).await;
        }
    };
    // Dropping what runs kills it with SIGKILL.
    tokio::select! {
        output = rotation => panic!("it came to its end: {output:?}"),
        () = watch => {}
    }
}

#[tokio::test]
async fn a_rotation_that_was_killed_anywhere_loses_nothing_and_is_finished_by_the_next() {
    let options = Options::default().servers(2);
    let deployment = &Deployment::with(options).await;
    let before = Before::of(deployment).await;
    let file = &master_key_file(deployment);
    let all_is_well = async || {
        for server in &deployment.servers {
            let session = before.session.at(&server.url);
            session.get("/session").await.expect(200);
        }
        deployment.verify().await;
    };
    let mut owner_s = owner(deployment).await;

    // 1. The new key stands in the file, and nobody writes with it yet.
    kill_rotation(deployment, async || key_file(file).standby().is_some()).await;
    assert_eq!(key_file(file).current().0, 1);
    all_is_well().await;
    let waiting = key_file(file).to_file_text();

    // 2. It is in use, and no row has been brought under it. 3. The data keys have not.
    for (table, states_left) in [("states", true), ("data_keys", false)] {
        let mut lock = owner_s.begin().await.unwrap();
        execute(&mut lock, &format!("LOCK TABLE {table} IN SHARE MODE")).await;
        let waits = async || {
            let mut connection = owner(deployment).await;
            let waiting = "pg_stat_activity WHERE datname = current_database()
                AND wait_event_type = 'Lock' AND query LIKE 'WITH new AS (%'";
            count(&mut connection, waiting).await > 0
        };
        kill_rotation(deployment, waits).await;
        lock.rollback().await.unwrap();
        let left = left_behind(&mut owner_s, 2).await;
        let tables = left.iter().map(|(table, _)| *table).collect::<Vec<_>>();
        assert_eq!(tables.contains(&"states"), states_left, "{left:?}");
        assert!(tables.contains(&"data_keys"), "{left:?}");
        all_is_well().await;
    }

    let report = keys(deployment, "rotate").await;
    assert_eq!(report["key"], 2, "{report}");
    assert_eq!(left_behind(&mut owner_s, 2).await, []);
    // No third key was made, and the second is the first one that was.
    let expected = MasterKeys::parse(&waiting).unwrap().promoted();
    assert_eq!(*key_file(file).to_file_text(), *expected.to_file_text());
    let again = keys(deployment, "rotate --resume").await;
    assert_eq!((&again["key"], &again["renewed"]), (&json!(2), &json!(0)));
    all_is_well().await;
    before.still_works(deployment, 0).await;
    deployment.verify().await;
}

#[tokio::test]
async fn with_several_machines_a_key_is_on_standby_until_it_is_everywhere() {
    let mut deployment = Deployment::start().await;
    let here = master_key_file(&deployment);
    let there = deployment.data_dir().with_file_name("other-machine.key");
    copy(&here, &there);
    let variables = [("COUNTERSIGN_MASTER_KEY_FILE", there.to_str().unwrap())];
    deployment.add_server_with(&variables).await;
    let before = Before::of(&deployment).await;
    let bob = deployment.create_account("carl@example.com").await;

    let standby = keys(&deployment, "rotate --standby").await;
    assert_eq!(standby["key"], 2);
    let arguments = ["keys", "rotate", "--standby"];
    let twice = deployment.run(&arguments, "").await;
    let stderr = String::from_utf8(twice.stderr).unwrap();
    assert!(stderr.contains("key 2 is on standby already"), "{stderr}");
    // Before the file is there, a server starts there, and everything goes on.
    deployment.servers[0].terminate().await;
    deployment.restart(0).await;
    deployment.servers.pop();
    deployment.add_server_with(&variables).await;
    copy(&here, &there);
    let report = keys(&deployment, "rotate").await;
    assert_eq!(report["key"], 2);
    assert_eq!(key_file(&here).current().0, 2);
    assert_eq!(key_file(&there).current().0, 1);

    // One writes under the new key, the other under the old; each reads what the other wrote.
    let mut connection = owner(&deployment).await;
    for (server, key) in [(0, 2), (1, 1)] {
        let session = bob.sign_in(&deployment.visitor_at(server)).await;
        let newest = format!("events WHERE id = (SELECT max(id) FROM events) AND key_id = {key}");
        assert_eq!(count(&mut connection, &newest).await, 1, "{server}");
        for other in &deployment.servers {
            session.at(&other.url).get("/session").await.expect(200);
        }
    }
    copy(&here, &there);
    tokio::time::sleep(SHORT * 150).await;
    bob.sign_in(&deployment.visitor_at(1)).await;
    let newest = "events WHERE id = (SELECT max(id) FROM events) AND key_id = 2";
    assert_eq!(count(&mut connection, newest).await, 1);
    let report = keys(&deployment, "rotate --resume").await;
    assert!(report["renewed"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(left_behind(&mut connection, 2).await, []);
    before.still_works(&deployment, 1).await;
    deployment.verify().await;
}

#[tokio::test]
async fn a_key_file_that_is_damaged_while_servers_run_changes_nothing_but_the_log() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let session = ada.sign_in(&deployment.visitor()).await;
    let file = master_key_file(&deployment);
    let kept = std::fs::read(&file).unwrap();
    std::fs::write(&file, b"1 half a ke").unwrap();
    tokio::time::sleep(SHORT * 100).await;
    session.get("/session").await.expect(200);
    ada.sign_in(&deployment.visitor()).await;
    let log = deployment.log(0);
    assert!(log.contains("the keys read before stay in use"), "{log}");
    assert!(!log.contains("half a ke"), "{log}");
    let output = deployment.run(&["keys", "rotate"], "").await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(std::fs::read(&file).unwrap(), b"1 half a ke");
    std::fs::write(&file, kept).unwrap();
    assert_eq!(keys(&deployment, "rotate").await["key"], 2);
    session.get("/session").await.expect(200);
    deployment.verify().await;
}

/// A row that somebody else wrote is told of and not made ours.
#[tokio::test]
async fn a_rotation_makes_no_forged_row_genuine() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let session = ada.sign_in(&deployment.visitor()).await;
    let mut connection = owner(&deployment).await;
    let forged = "UPDATE sessions SET expires_at = expires_at + interval '10 years';
        UPDATE states SET state = replace(state, 'password', 'totp')";
    execute(&mut connection, forged).await;
    let output = deployment.run(&["keys", "rotate"], "").await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("2 rows are not what this service wrote"),
        "{stderr}"
    );
    session.get("/session").await.expect(401);
    let left = left_behind(&mut connection, 2).await;
    assert_eq!(left, [("states", 1), ("sessions", 1)]);
}

#[tokio::test]
async fn the_embedded_database_s_key_is_rotated_with_a_server_and_without_one() {
    let mut deployment = Deployment::with(Options::default().embedded()).await;
    let ada = deployment.register("ada@example.com").await;
    let session = ada.sign_in(&deployment.visitor()).await;
    assert_eq!(keys(&deployment, "rotate").await["key"], 2);
    session.get("/session").await.expect(200);
    assert!(deployment.servers[0].terminate().await.success());
    assert_eq!(keys(&deployment, "rotate").await["key"], 3);
    deployment.restart(0).await;
    let url = deployment.servers[0].url.clone();
    session.at(&url).get("/session").await.expect(200);
    let known = deployment.visitor().post("/login", ada.login_known()).await;
    known.expect(200);
    deployment.verify().await;
}
