//! `countersign keys rotate`: a further master key while everything goes on, and an interrupted
//! rotation that loses nothing.

mod before;
mod rows;
mod traffic;

use std::path::Path;
use std::time::Duration;

use acceptance::{Deployment, Options, PASSWORD};
use credentials::{MasterKeys, SystemRandom};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::evidence::key_rotation::before::Before;
use crate::evidence::key_rotation::traffic::Traffic;
use crate::evidence::support::{count, master_key_file, owner};

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

/// Checks: rotate_keys_online (ASVS-11.2.2, ASVS-13.3.4).
#[tokio::test]
async fn rotate_keys_online_no_request_fails_and_all_that_was_made_before_works() {
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let deployment = &Deployment::with(options).await;
    let before = Before::of(deployment).await;
    let traffic = Traffic::of(deployment).await;
    let report = traffic.during(async {
        tokio::time::sleep(SHORT * 50).await;
        let report = keys(deployment, "rotate").await;
        tokio::time::sleep(SHORT * 50).await;
        report
    });
    let report = report.await;
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
        traffic
            .person
            .sign_in(&visitor)
            .await
            .get("/session")
            .await
            .expect(200);
        let newest = "events WHERE id = (SELECT max(id) FROM events) AND key_id = 2";
        assert_eq!(count(&mut connection, newest).await, 1);
    }
    deployment.verify().await;
    before.still_works(deployment, 1).await;
    traffic.session.get("/session").await.expect(200);
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

/// A server never writes with a key that the database knows as another, and takes up the right one
/// once it is there.
#[tokio::test]
async fn a_key_with_the_id_of_another_is_not_taken_into_use() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let session = ada.sign_in(&deployment.visitor()).await;
    let here = master_key_file(&deployment);
    let there = deployment.data_dir().with_file_name("other-machine.key");
    copy(&here, &there);
    let other = key_file(&here).with_standby(&SystemRandom).unwrap();
    let elsewhere = [("COUNTERSIGN_MASTER_KEY_FILE", there.to_str().unwrap())];
    let rotated = deployment
        .run_with(&["keys", "rotate"], "", &elsewhere)
        .await;
    assert!(rotated.status.success(), "{rotated:?}");

    std::fs::write(&here, &*other.promoted().to_file_text()).unwrap();
    tokio::time::sleep(SHORT * 100).await;
    let log = deployment.log(0);
    assert!(
        log.contains("a new master key is not taken into use"),
        "{log}"
    );
    let output = deployment.run(&["keys", "rotate"], "").await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("made under another master key 2"),
        "{stderr}"
    );
    let body = json!({ "email": "new@example.com" });
    let asked = deployment.visitor().post("/accounts", body).await;
    asked.expect(202);
    let token = deployment.mailed_token("new@example.com", "verify").await;
    let mut connection = owner(&deployment).await;
    let old = "registrations WHERE key_id = 1";
    assert_eq!(count(&mut connection, old).await, 1);

    copy(&there, &here);
    tokio::time::sleep(SHORT * 100).await;
    session.get("/session").await.expect(200);
    let body = json!({ "token": token, "password": PASSWORD, "transport": "bearer" });
    let opened = deployment.visitor().post("/accounts/verify", body).await;
    opened.expect(200);
    assert_eq!(left_behind(&mut connection, 2).await, []);
    deployment.verify().await;
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
