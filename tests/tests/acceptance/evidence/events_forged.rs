//! History changed, appended to, or cut by somebody who owns its table: decisions stay what they
//! were or nothing is decided, and nobody is shown the forgery as history. What was cut off at the
//! end together with its state row is for the log's proofs to find, not for these tests.

use acceptance::{Authenticator, Caller, Deployment, Person};
use data_encoding::HEXLOWER;
use serde_json::json;
use sqlx::PgConnection;

use crate::evidence::chain::{Row, rows};
use crate::evidence::support::{each, execute, owner, tables_found, tamper_with_events};

/// An account with two-factor on.
struct Scene {
    deployment: Deployment,
    connection: PgConnection,
    ada: Person,
    session: Caller,
    authenticator: Authenticator,
    account: String,
    auditor: Caller,
}

impl Scene {
    async fn begin() -> Self {
        let deployment = Deployment::start().await;
        let ada = deployment.create_account("ada@example.com").await;
        let session = ada.sign_in(&deployment.visitor()).await;
        let authenticator = ada
            .enable_two_factor(&session, deployment.clock.now())
            .await;
        let told = session.get("/session").await.expect(200);
        deployment.create_account("bob@example.com").await;
        Self {
            connection: owner(&deployment).await,
            account: told.text_at("/account/id"),
            auditor: deployment.auditor().await,
            deployment,
            ada,
            session,
            authenticator,
        }
    }

    /// Nobody gets in with the password alone, the auditor is shown no forgery, and others are
    /// served.
    async fn assert_denied(&mut self, what: &str) {
        let visitor = self.deployment.visitor();
        let answer = visitor.post("/login", self.ada.login()).await;
        let signed_in = answer.json["status"] == "signed_in";
        assert!(!signed_in, "{what}: {}", answer.text);
        let disabled = self
            .session
            .post(
                "/settings/two-factor/disable",
                json!({ "current_password": "a wrong one altogether" }),
            )
            .await;
        assert!(!disabled.status.is_success(), "{what}: {}", disabled.text);
        let found = tables_found(&self.deployment).await;
        assert!(found.contains(&"events"), "{what}: {found:?}");
        let bob = Person {
            email: "bob@example.com".to_owned(),
            ..self.ada.clone()
        };
        visitor.post("/login", bob.login()).await.expect(200);
    }

    async fn assert_not_shown(&self, what: &str) {
        for path in [
            format!("/audit/accounts/{}/events?limit=500", self.account),
            format!("/audit/accounts/{}/state", self.account),
        ] {
            let answer = self.auditor.get(&path).await;
            assert_eq!(answer.status, 500, "{what} {path}: {}", answer.text);
        }
    }

    async fn ours(&mut self) -> Vec<Row> {
        let mut rows = rows(&mut self.connection).await;
        rows.retain(|row| row.aggregate_id == self.account);
        rows
    }
}

fn insert(row: &Row, hash: &[u8], mac: &[u8]) -> String {
    format!(
        "INSERT INTO events (aggregate_id, aggregate_type, sequence, event_type, event_version,
            payload, metadata, recorded_at, hash, mac, key_id)
        VALUES ('{}', '{}', {}, '{}', '{}', '{}', '{}', '{}', '\\x{}', '\\x{}', {})",
        row.aggregate_id,
        row.aggregate_type,
        row.sequence,
        row.event_type,
        row.event_version,
        row.payload,
        row.metadata,
        row.recorded_at,
        HEXLOWER.encode(hash),
        HEXLOWER.encode(mac),
        row.key_id,
    )
}

#[tokio::test]
async fn an_appended_event_with_a_right_hash_and_no_mac_turns_nothing_off() {
    let mut scene = Scene::begin().await;
    let history = scene.ours().await;
    let (last, enabled) = (history.last().unwrap(), |row: &&Row| {
        row.event_type == "TwoFactorEnabled"
    });
    let enabled = history.iter().find(enabled).unwrap();
    let payload: serde_json::Value = serde_json::from_str(&enabled.payload).unwrap();
    let enabled = &payload["TwoFactorEnabled"];
    let payload = json!({ "TwoFactorDisabled": {
        "at": enabled["at"], "authenticator": enabled["authenticator"],
        "session": enabled["session"],
    }});
    let forged = Row {
        aggregate_type: "account".to_owned(),
        aggregate_id: scene.account.clone(),
        sequence: last.sequence + 1,
        event_type: "TwoFactorDisabled".to_owned(),
        event_version: "1".to_owned(),
        recorded_at: last.recorded_at.clone(),
        payload: payload.to_string(),
        metadata: last.metadata.clone(),
        hash: Vec::new(),
        mac: Vec::new(),
        key_id: last.key_id,
    };
    let hash = forged.hash_after(&last.hash);
    let position = "SELECT count(*) FROM log";
    let logged: i64 = sqlx::query_scalar(position)
        .fetch_one(&mut scene.connection)
        .await
        .unwrap();
    for (what, mac) in [
        ("a MAC of nothing", vec![0; 32]),
        ("another event's MAC", last.mac.clone()),
    ] {
        tamper_with_events(&mut scene.connection, &insert(&forged, &hash, &mac)).await;
        execute(
            &mut scene.connection,
            "INSERT INTO unsequenced SELECT id, aggregate_id, aggregate_type, sequence FROM events
            WHERE event_type = 'TwoFactorDisabled'",
        )
        .await;
        scene.assert_denied(what).await;
        scene.assert_not_shown(what).await;
        let forged = "SELECT count(*) FROM log WHERE hash =
            (SELECT hash FROM events WHERE event_type = 'TwoFactorDisabled')";
        let count: i64 = sqlx::query_scalar(forged)
            .fetch_one(&mut scene.connection)
            .await
            .unwrap();
        assert_eq!(count, 0, "{what}: it was given a position");
        tamper_with_events(
            &mut scene.connection,
            "DELETE FROM unsequenced WHERE id IN
                (SELECT id FROM events WHERE event_type = 'TwoFactorDisabled');
            DELETE FROM events WHERE event_type = 'TwoFactorDisabled'",
        )
        .await;
    }
    let log = scene.deployment.log(0);
    assert!(log.contains("its MAC does not fit"), "{log}");
    // With the forgery gone everything goes on, the sequencer included.
    scene.deployment.verify().await;
    scene.deployment.clock.turn_to_next_step();
    let code = scene.authenticator.code(scene.deployment.clock.now());
    scene
        .ada
        .sign_in_with(&scene.deployment.visitor(), &code)
        .await;
    while sqlx::query_scalar::<_, i64>(position)
        .fetch_one(&mut scene.connection)
        .await
        .unwrap()
        <= logged
    {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_changed_event_is_refused_by_whoever_reads_it() {
    let mut scene = Scene::begin().await;
    let account = scene.account.clone();
    for change in [
        "payload = replace(payload::text, 'TwoFactorEnabled', 'SignedOut')::json, event_type = 'SignedOut'",
        "payload = (payload::text || ' ')::json",
        "metadata = replace(metadata::text, 'owner', 'visitor')::json",
        "recorded_at = '2020-01-01T00:00:00.000000Z'",
        "event_version = '1.0'",
        "hash = sha256(hash)",
        "mac = sha256(mac)",
        "key_id = 2",
        "key_id = -1",
    ] {
        execute(
            &mut scene.connection,
            "DROP TABLE IF EXISTS kept; CREATE TEMP TABLE kept AS TABLE events",
        )
        .await;
        // Nothing but history is left to decide from.
        let of_account = format!("WHERE aggregate_id = '{account}'");
        tamper_with_events(
            &mut scene.connection,
            &format!(
                "UPDATE events SET {change} {of_account} AND event_type = 'TwoFactorEnabled';
                DELETE FROM states {of_account}"
            ),
        )
        .await;
        scene.assert_denied(change).await;
        scene.assert_not_shown(change).await;
        tamper_with_events(
            &mut scene.connection,
            "UPDATE events e SET payload = k.payload, metadata = k.metadata, hash = k.hash,
                recorded_at = k.recorded_at, event_type = k.event_type, mac = k.mac,
                event_version = k.event_version, key_id = k.key_id
            FROM kept k WHERE k.id = e.id",
        )
        .await;
    }
    let history = scene
        .deployment
        .events(&scene.auditor, &scene.account)
        .await;
    assert!(each(&json!(history), "type").contains(&"TwoFactorEnabled"));
    scene.session.get("/session").await.expect(200);
    scene.deployment.verify().await;
}

#[tokio::test]
async fn a_deleted_event_is_missed() {
    for (sequence, shown) in [
        ("2", false),
        ("1", false),
        (
            "(SELECT max(sequence) FROM events e WHERE e.aggregate_id = events.aggregate_id)",
            true,
        ),
    ] {
        let mut scene = Scene::begin().await;
        let account = scene.account.clone();
        tamper_with_events(
            &mut scene.connection,
            &format!(
                "DELETE FROM events WHERE aggregate_id = '{account}' AND sequence = {sequence}"
            ),
        )
        .await;
        let found = tables_found(&scene.deployment).await;
        assert!(!found.is_empty(), "{sequence}");
        // As long as the state row stands, so does what it says.
        let visitor = scene.deployment.visitor();
        let answer = visitor.post("/login", scene.ada.login()).await;
        assert_ne!(answer.json["status"], "signed_in", "{sequence}");
        if !shown {
            execute(&mut scene.connection, "DELETE FROM states").await;
            let answer = visitor.post("/login", scene.ada.login()).await;
            assert!(!answer.status.is_success(), "{sequence}: {}", answer.text);
            scene.assert_not_shown(sequence).await;
        }
    }
}

#[tokio::test]
async fn two_events_in_each_other_s_place_are_refused() {
    let mut scene = Scene::begin().await;
    let account = scene.account.clone();
    tamper_with_events(
        &mut scene.connection,
        &format!(
            "UPDATE events SET sequence = sequence + 1000 WHERE aggregate_id = '{account}' AND sequence IN (2, 3);
            UPDATE events SET sequence = 1005 - sequence WHERE aggregate_id = '{account}' AND sequence > 1000;
            DELETE FROM states"
        ),
    )
    .await;
    scene.assert_denied("reordered").await;
    scene.assert_not_shown("reordered").await;
}
