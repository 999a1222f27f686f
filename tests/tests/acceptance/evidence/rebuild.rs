//! Read models made anew while servers run: nobody notices, nothing is lost, and whatever ends it
//! leaves the tables in use.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use acceptance::{Caller, Deployment, Options, Person};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::process::Child;

use crate::evidence::support::{
    execute, owner, owners_store, pg_dump_with, tables_found, tamper_with_events,
};

const REBUILD: [&str; 3] = ["projections", "rebuild", "--json"];

async fn rebuild(deployment: &Deployment) {
    let output = deployment.run(&REBUILD, "").await;
    assert!(output.status.success(), "{output:?}");
}

/// The schema as `pg_dump` writes it, but for what is random in it.
fn schema(deployment: &Deployment) -> String {
    pg_dump_with(&deployment.owner_url(), &["--schema-only"])
        .lines()
        .filter(|line| !line.contains("restrict "))
        .collect::<Vec<_>>()
        .join("\n")
}

async fn is_there(connection: &mut PgConnection, what: &str) -> bool {
    sqlx::query_scalar(&format!("SELECT EXISTS ({what})"))
        .fetch_one(connection)
        .await
        .unwrap()
}

async fn wait_for(connection: &mut PgConnection, what: &str) {
    let began = Instant::now();
    while !is_there(connection, what).await {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Somebody waits for a lock that only the swap takes.
const SWAPPING: &str = "SELECT FROM pg_locks
    WHERE mode = 'AccessExclusiveLock' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

const NEW_TABLES: &str = "SELECT FROM pg_namespace WHERE nspname = 'countersign_rebuild'";

/// A statement that the rebuild's work waits behind, until the connection is closed.
async fn hold(deployment: &Deployment, lock: &str) -> PgConnection {
    let mut connection = owner(deployment).await;
    execute(&mut connection, &format!("BEGIN; LOCK TABLE {lock}")).await;
    connection
}

async fn kill(mut rebuild: Child) {
    rebuild.kill().await.unwrap();
}

async fn come_and_go(deployment: &Deployment, person: &Person, server: usize) {
    let session = person.sign_in(&deployment.visitor_at(server)).await;
    session.post("/logout", json!({})).await.expect(204);
}

/// Accounts, each with a session.
async fn people(deployment: &Deployment, count: usize) -> Vec<(Person, Caller)> {
    let mut people = Vec::new();
    for number in 0..count {
        let email = format!("person{number}@example.com");
        let person = deployment.create_account(&email).await;
        let session = person.sign_in(&deployment.visitor()).await;
        people.push((person, session));
    }
    people
}

#[tokio::test]
async fn a_rebuild_leaves_the_schema_just_as_the_migrations_and_the_operator_made_it() {
    let deployment = Deployment::start().await;
    people(&deployment, 1).await;
    deployment.support().await;
    let mut connection = owner(&deployment).await;
    execute(
        &mut connection,
        "CREATE INDEX ours ON settings (created_at) WHERE two_factor = 'enabled';
        ALTER TABLE settings ADD COLUMN gone text, ADD CHECK (email <> '');
        ALTER TABLE settings DROP COLUMN gone;
        ALTER TABLE logins SET (autovacuum_vacuum_scale_factor = 0.1);
        GRANT SELECT (expires_at), UPDATE (expires_at) ON sessions TO countersign_sequencer;
        GRANT SELECT ON tokens TO countersign_sequencer WITH GRANT OPTION",
    )
    .await;
    let before = schema(&deployment);
    assert!(before.contains("sessions_expires_at_idx") && before.contains("fillfactor"));
    for _ in 0..2 {
        rebuild(&deployment).await;
        assert_eq!(schema(&deployment), before);
    }
    deployment.verify().await;
}

/// Everything that reads or writes a table that is swapped, at both servers, all the time.
async fn use_everything(
    deployment: &Deployment,
    (person, session): &(Person, Caller),
    server: usize,
    done: &AtomicBool,
) -> usize {
    let visitor = deployment.visitor_at(server);
    let (session, mut rounds) = (session.at(&deployment.servers[server].url), 0);
    while !done.load(Ordering::Relaxed) {
        let mine = person.sign_in(&visitor).await;
        mine.get("/session").await.expect(200);
        session.get("/session").await.expect(200);
        session.get("/settings").await.expect(200);
        session.get("/sessions").await.expect(200);
        let password = json!({ "current_password": person.password });
        let enrollment = "/settings/two-factor/enrollment";
        mine.post(enrollment, password).await.expect(201);
        mine.delete(enrollment).await.expect(204);
        mine.post("/logout", json!({})).await.expect(204);
        mine.get("/session").await.expect(401);
        let reset = json!({ "email": person.email });
        visitor.post("/password-reset", reset).await.expect(202);
        rounds += 1;
    }
    rounds
}

#[tokio::test]
async fn rebuilds_under_traffic_on_two_servers_fail_no_request() {
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let deployment = Deployment::with(options).await;
    let people = people(&deployment, 4).await;
    let support = deployment.support().await;
    let (before, done) = (schema(&deployment), AtomicBool::new(false));
    let users = people
        .iter()
        .enumerate()
        .map(|(number, person)| use_everything(&deployment, person, number % 2, &done));
    let newcomers = AtomicUsize::new(0);
    let desk = async {
        while !done.load(Ordering::Relaxed) {
            let number = newcomers.fetch_add(1, Ordering::Relaxed);
            let email = format!("newcomer{number}@example.com");
            let newcomer = deployment.register(&email).await;
            let body = json!({ "email": newcomer.email });
            let at = support.at(&deployment.servers[number % 2].url);
            let found = at.post("/support/accounts/search", body).await.expect(200);
            assert_eq!(found.json["accounts"].as_array().unwrap().len(), 1);
            deployment.clock.turn(chrono::Duration::minutes(2));
        }
    };
    let owners = owners_store(&deployment).await;
    let rebuilds = async {
        let mut locked = Vec::new();
        for _ in 0..10 {
            let rebuilt = owners.rebuild_projections(&mut |_| ()).await.unwrap();
            assert!(rebuilt.first_damage.is_none(), "{rebuilt:?}");
            locked.push(rebuilt.locked);
        }
        done.store(true, Ordering::Relaxed);
        locked
    };
    let (rounds, (), locked) = tokio::join!(futures::future::join_all(users), desk, rebuilds);
    assert!(rounds.iter().all(|rounds| *rounds > 0), "{rounds:?}");
    assert!(newcomers.load(Ordering::Relaxed) > 0);
    assert!(
        locked.iter().max().unwrap() < &Duration::from_secs(5),
        "{locked:?}"
    );
    for (_, session) in &people {
        session.get("/session").await.expect(200);
    }
    for number in 0..2 {
        assert!(!deployment.log(number).contains("\"level\":\"ERROR\""));
    }
    assert_eq!(schema(&deployment), before);
    deployment.verify().await;
}

/// Scenario:
/// 1. Somebody reads a table for long, as a backup does, and the rebuild cannot swap.
/// 2. Meanwhile people sign in and out, register, use sessions and ask for links that make a
///    browser known; a session's row is swept.
/// 3. The reader ends, and all of that is in the new tables.
#[tokio::test]
async fn what_happens_before_the_swap_is_in_the_new_tables() {
    let deployment = Deployment::start().await;
    let people = people(&deployment, 3).await;
    let mut connection = owner(&deployment).await;
    let reader = hold(&deployment, "tokens IN ACCESS SHARE MODE").await;
    let rebuild = deployment.begin(&REBUILD, &[]);
    wait_for(&mut connection, SWAPPING).await;

    let began = Instant::now();
    deployment.clock.turn(chrono::Duration::minutes(5));
    let [(_, used), (_, ended), (third, swept)] = &people[..] else {
        panic!("three people")
    };
    used.get("/session").await.expect(200);
    ended.post("/logout", json!({})).await.expect(204);
    let later = third.sign_in(&deployment.visitor()).await;
    let newcomer = deployment.register("newcomer@example.com").await;
    let longest = began.elapsed();
    let asked = json!({ "email": newcomer.email });
    let visitor = deployment.visitor();
    visitor.post("/unblock", asked).await.expect(202);
    let unblock = deployment.mailed_token(&newcomer.email, "unblock").await;
    let sweep = "DELETE FROM sessions WHERE ctid IN (
        SELECT s.ctid FROM sessions s ORDER BY s.created_at
        OFFSET 1 LIMIT 1)";
    assert_eq!(execute(&mut connection, sweep).await, 1);
    let seen = "SELECT last_seen_at::text FROM sessions ORDER BY session_id";
    let rows = sqlx::query_scalar::<_, String>(seen);
    let before = rows.fetch_all(&mut connection).await.unwrap();
    assert!(
        is_there(&mut connection, NEW_TABLES).await,
        "it was not held up"
    );
    reader.close().await.unwrap();

    let output = rebuild.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(!is_there(&mut connection, NEW_TABLES).await);
    let rows = sqlx::query_scalar::<_, String>(seen);
    assert_eq!(rows.fetch_all(&mut connection).await.unwrap(), before);
    used.get("/session").await.expect(200);
    ended.get("/session").await.expect(401);
    swept.get("/session").await.expect(401);
    later.get("/session").await.expect(200);
    newcomer.sign_in(&visitor).await;
    let confirm = json!({ "token": unblock, "transport": "bearer" });
    visitor.post("/unblock/confirm", confirm).await.expect(200);
    assert!(longest < Duration::from_secs(20), "{longest:?}");
    assert_eq!(tables_found(&deployment).await, ["sessions"]);
}

#[tokio::test]
async fn a_rebuild_that_is_killed_leaves_the_tables_in_use_and_the_next_one_succeeds() {
    let deployment = Deployment::with(Options::default().servers(2)).await;
    let people = people(&deployment, 2).await;
    let mut connection = owner(&deployment).await;
    let works = async || {
        for ((person, session), server) in people.iter().zip(0..) {
            come_and_go(&deployment, person, server).await;
            session.get("/session").await.expect(200);
        }
        deployment.verify().await;
    };
    // While it fills the new tables.
    let held = hold(&deployment, "secrets IN ACCESS EXCLUSIVE MODE").await;
    let rebuilding = deployment.begin(&REBUILD, &[]);
    wait_for(&mut connection, NEW_TABLES).await;
    wait_for(&mut connection, "SELECT FROM pg_locks WHERE NOT granted").await;
    kill(rebuilding).await;
    held.close().await.unwrap();
    works().await;
    assert!(is_there(&mut connection, NEW_TABLES).await);
    rebuild(&deployment).await;
    assert!(!is_there(&mut connection, NEW_TABLES).await);
    // While writers are locked out, before the swap.
    let held = hold(&deployment, "settings IN ACCESS SHARE MODE").await;
    let rebuilding = deployment.begin(&REBUILD, &[]);
    wait_for(&mut connection, SWAPPING).await;
    kill(rebuilding).await;
    works().await;
    held.close().await.unwrap();
    rebuild(&deployment).await;
    works().await;
    // Anywhere.
    let began = Instant::now();
    rebuild(&deployment).await;
    let whole = began.elapsed();
    for part in 1..=12 {
        let rebuilding = deployment.begin(&REBUILD, &[]);
        tokio::time::sleep(whole * part / 12).await;
        kill(rebuilding).await;
        let (person, session) = &people[0];
        session.get("/session").await.expect(200);
        come_and_go(&deployment, person, 0).await;
    }
    rebuild(&deployment).await;
    assert!(!is_there(&mut connection, NEW_TABLES).await);
    works().await;
}

#[tokio::test]
async fn a_damaged_history_keeps_its_rows_and_is_told_and_the_others_are_rebuilt() {
    let deployment = Deployment::start().await;
    let people = people(&deployment, 3).await;
    let account = deployment.account_id(&people[1].0.email).await;
    let keyless = deployment.account_id(&people[2].0.email).await;
    let mut connection = owner(&deployment).await;
    let tamper = format!(
        "UPDATE events SET payload = replace(payload::text, 'at', 'aT')::json
        WHERE aggregate_id = '{account}' AND sequence = 3"
    );
    tamper_with_events(&mut connection, &tamper).await;
    let damage = format!(
        "UPDATE settings SET created_at = created_at - interval '1 s';
        DELETE FROM data_keys WHERE owner_id = '{keyless}'"
    );
    execute(&mut connection, &damage).await;
    let row = format!("SELECT settings::text FROM settings WHERE account_id = '{account}'");
    let kept = sqlx::query_scalar::<_, String>(&row);
    let kept = kept.fetch_one(&mut connection).await.unwrap();

    let output = deployment.run(&["projections", "rebuild"], "").await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stdout.contains("1 accounts"), "{stdout}{stderr}");
    let first = format!("account/{account}, event 3");
    assert!(
        stderr.contains("2 accounts") && stderr.contains(&first),
        "{stderr}"
    );

    let now = sqlx::query_scalar::<_, String>(&row);
    assert_eq!(now.fetch_one(&mut connection).await.unwrap(), kept);
    people[0].1.get("/session").await.expect(200);
    people[1].1.get("/session").await.expect(200);
    let report = deployment.projections().await;
    let mut found = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            (
                finding["stream"].as_str().unwrap(),
                finding["table"].as_str().unwrap(),
            )
        })
        .collect::<Vec<_>>();
    found.sort_unstable();
    let (account, keyless) = (format!("account/{account}"), format!("account/{keyless}"));
    let mut expected = vec![
        (account.as_str(), "events"),
        (keyless.as_str(), "data_keys"),
        (keyless.as_str(), "settings"),
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn while_one_rebuild_is_under_way_another_is_refused() {
    let deployment = Deployment::start().await;
    let mut connection = owner(&deployment).await;
    let reader = hold(&deployment, "tokens IN ACCESS SHARE MODE").await;
    let first = deployment.begin(&REBUILD, &[]);
    wait_for(&mut connection, SWAPPING).await;
    let second = deployment.run(&REBUILD, "").await;
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    let stderr = String::from_utf8(second.stderr).unwrap();
    assert!(stderr.contains("another rebuild is under way"), "{stderr}");
    reader.close().await.unwrap();
    let first = first.wait_with_output().await.unwrap();
    assert!(first.status.success(), "{first:?}");
}
