//! Events of other versions than the present ones, written by hand with the right hash and MAC.

use std::sync::Arc;

use acceptance::{Caller, Deployment, Person};
use account::AccountEvent;
use cqrs_es::persist::{EventUpcaster, SemanticVersionEventUpcaster};
use credentials::{Keyring, Purpose};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use store::{Corruption, Store};
use uuid::Uuid;

use crate::evidence::chain::rows;
use crate::evidence::support::{execute, keyring, owner, pool};

struct Scene {
    deployment: Deployment,
    keyring: Keyring,
    ada: Person,
    session: Caller,
    account: Uuid,
    session_id: Uuid,
}

impl Scene {
    async fn begin() -> Self {
        let deployment = Deployment::start().await;
        let ada = deployment.create_account("ada@example.com").await;
        let session = ada.sign_in(&deployment.visitor()).await;
        let told = session.get("/session").await.expect(200);
        let id = |pointer| told.text_at(pointer).parse().unwrap();
        Self {
            keyring: keyring(&deployment),
            account: id("/account/id"),
            session_id: id("/session/id"),
            deployment,
            ada,
            session,
        }
    }

    /// As a server of another version would have appended it.
    async fn append(&self, event_type: &str, version: &str, payload: &Value) {
        let mut connection = owner(&self.deployment).await;
        let mut history = rows(&mut connection).await;
        history.retain(|row| row.aggregate_id == self.account.to_string());
        let mut row = history.pop().unwrap();
        let previous = std::mem::take(&mut row.hash);
        row.sequence += 1;
        row.event_type = event_type.to_owned();
        row.event_version = version.to_owned();
        row.payload = payload.to_string();
        let hash = row.hash_after(&previous);
        let key = self.keyring.current();
        let parts: [&[u8]; 2] = [&key.0.to_be_bytes(), &hash];
        let mac = self.keyring.mac(Purpose::EventMac, key, &parts).unwrap();
        let statement = format!(
            "WITH e AS (
                INSERT INTO events (aggregate_id, aggregate_type, sequence, event_type,
                    event_version, payload, metadata, recorded_at, hash, mac, key_id)
                VALUES ('{}', 'account', {}, '{event_type}', '{version}', '{}', '{}', '{}',
                    '\\x{}', '\\x{}', {})
                RETURNING id, aggregate_id, aggregate_type, sequence
            )
            INSERT INTO unsequenced SELECT * FROM e",
            row.aggregate_id,
            row.sequence,
            row.payload,
            row.metadata,
            row.recorded_at,
            HEXLOWER.encode(&hash),
            HEXLOWER.encode(&mac),
            key.0,
        );
        execute(&mut connection, &statement).await;
    }

    async fn store(&self, upcasters: Vec<Box<dyn EventUpcaster>>) -> Store {
        let keyring = Arc::new(keyring(&self.deployment));
        Store::with_upcasters(pool(&self.deployment).await, keyring, upcasters)
    }
}

#[tokio::test]
async fn an_event_of_an_older_version_is_brought_to_the_present_one_where_it_is_read() {
    let scene = Scene::begin().await;
    // As if sessions had once been called logins.
    let old = json!({ "SignedOut": { "login": scene.session_id } });
    scene.append("SignedOut", "0.9", &old).await;
    let renamed = |mut payload: Value| {
        let login = payload["SignedOut"]["login"].take();
        json!({ "SignedOut": { "session": login } })
    };
    let upcaster = SemanticVersionEventUpcaster::new("SignedOut", "1.0.0", Box::new(renamed));
    let store = scene.store(vec![Box::new(upcaster)]).await;

    let history = store.history(scene.account).await.unwrap();
    let (stored, event) = history.last().unwrap();
    let session = account::SessionId::from_uuid(scene.session_id);
    assert_eq!(*event, AccountEvent::SignedOut { session });
    assert_eq!(stored.event_version, "0.9");
    assert_eq!(
        stored.payload,
        old.to_string(),
        "what was hashed is what stays"
    );

    // Decisions follow it: the state row is older than the event, and is folded.
    let account = account::AccountId::from_uuid(scene.account);
    let dossier = store.dossier(account).await.unwrap().unwrap();
    assert_eq!(dossier.loaded.version(), history.len() as u64);
    assert_eq!(dossier.loaded.state().opened.as_ref().unwrap().sessions, []);
    scene.session.get("/session").await.expect(401);
}

#[tokio::test]
async fn an_event_of_a_newer_version_stops_its_account_with_a_clear_error_and_no_other() {
    let scene = Scene::begin().await;
    let newer = json!({ "SignedOut": { "session": scene.session_id } });
    scene.append("SignedOut", "2", &newer).await;

    let store = scene.store(account::upcasters()).await;
    match store.history(scene.account).await {
        Err(store::Error::Corrupt(Corruption::UnknownEvent {
            event_type,
            version,
            ..
        })) => {
            assert_eq!((event_type.as_str(), version.as_str()), ("SignedOut", "2"));
        }
        other => panic!("{other:?}"),
    }
    let visitor = scene.deployment.visitor();
    let answer = visitor.post("/login", scene.ada.login()).await;
    assert_eq!(answer.status, 500, "{}", answer.text);
    assert!(!answer.text.contains("SignedOut"), "{}", answer.text);
    let log = scene.deployment.log(0);
    assert!(
        log.contains("this server does not know SignedOut version 2"),
        "{log}"
    );

    let id = scene.account.to_string();
    let output = scene.deployment.run(&["audit", "state", &id], "").await;
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("does not know SignedOut version 2"),
        "{stderr}"
    );
    let report = scene.deployment.projections().await;
    let found = report["findings"].to_string();
    assert!(
        found.contains("does not know SignedOut version 2"),
        "{found}"
    );

    let bob = scene.deployment.create_account("bob@example.com").await;
    bob.sign_in(&visitor).await;
}

#[tokio::test]
async fn an_event_of_a_type_that_no_version_of_this_server_has_stops_as_well() {
    let scene = Scene::begin().await;
    let unknown = json!({ "AccountFrozen": { "at": "2026-11-24T00:00:00Z" } });
    scene.append("AccountFrozen", "1", &unknown).await;
    let store = scene.store(account::upcasters()).await;
    let error = store.history(scene.account).await.unwrap_err();
    assert!(
        error.to_string().contains("AccountFrozen version 1"),
        "{error}"
    );
    scene
        .session
        .get("/session")
        .await
        .expect_problem(500, "internal");
}
