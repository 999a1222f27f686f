//! Rows that are brought under a new key while others write them, or after somebody killed it.

use std::collections::BTreeMap;
use std::sync::Arc;

use acceptance::{Deployment, Options};
use account::AccountId;
use credentials::{Keyring, MasterKeys, Purpose, SystemRandom, Token, TokenKind};
use serde_json::json;
use sqlx::Connection;
use store::{Beside, NewRegistration, NewToken, Rekeyed, SealedMail, Store};
use uuid::Uuid;

use crate::evidence::key_rotation::before::Before;
use crate::evidence::key_rotation::{SHORT, key_file, keys, left_behind};
use crate::evidence::support::{count, execute, keyring, master_key_file, owner, pool};

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

/// A store that writes under the key that stands by in the file.
async fn store_under_the_next_key(deployment: &Deployment) -> Store {
    let keys = key_file(&master_key_file(deployment)).promoted();
    Store::new(pool(deployment).await, Arc::new(Keyring::derive(&keys)))
}

#[tokio::test]
async fn a_rotation_neither_undoes_nor_waits_for_what_a_command_does_meanwhile() {
    let deployment = Deployment::start().await;
    for name in ["ada", "bob", "eve"] {
        deployment
            .create_account(&format!("{name}@example.com"))
            .await;
    }
    keys(&deployment, "rotate --standby").await;
    let store = store_under_the_next_key(&deployment).await;
    let mut passes = BTreeMap::new();
    let mut progress = |table: &'static str, so_far: Rekeyed| {
        passes.insert(table, (so_far.renewed, so_far.passed_over, so_far.not_ours));
    };
    // 1. A command holds a state. 2. A pass goes on without it, and has read the data keys. 3. One of
    // them is erased, and one is written. 4. The pass goes on.
    let mut command = owner(&deployment).await;
    let mut command = command.begin().await.unwrap();
    let held = "UPDATE states SET tip = tip WHERE aggregate_id = (
            SELECT min(owner_id::text) FROM data_keys);
        LOCK TABLE data_keys IN SHARE MODE";
    execute(&mut command, held).await;
    let meanwhile = async {
        let mut connection = owner(&deployment).await;
        let waits = "pg_stat_activity WHERE wait_event_type = 'Lock'
            AND datname = current_database()";
        while count(&mut connection, waits).await == 0 {
            tokio::time::sleep(SHORT).await;
        }
        let changes = "CREATE TEMP TABLE changed AS
                SELECT owner_id FROM data_keys ORDER BY owner_id LIMIT 2;
            DELETE FROM data_keys
                WHERE owner_id = (SELECT owner_id FROM changed ORDER BY owner_id LIMIT 1);
            UPDATE data_keys SET wrapped = 'written' WHERE owner_id IN (TABLE changed)";
        execute(&mut command, changes).await;
        command.commit().await.unwrap();
    };
    let pass = store.rekey(&SystemRandom, &mut progress);
    let (pass, ()) = tokio::join!(pass, meanwhile);
    pass.unwrap();
    assert_eq!(passes["states"], (2, 1, 0));
    assert_eq!(passes["data_keys"], (1, 2, 0));
    let mut connection = owner(&deployment).await;
    let kept = "data_keys WHERE wrapped = 'written' AND key_id = 1";
    assert_eq!(count(&mut connection, kept).await, 1);
    assert_eq!(count(&mut connection, "data_keys").await, 2);
    let next = store.rekey(&SystemRandom, &mut |_, _| {}).await.unwrap();
    let expected = Rekeyed {
        renewed: 1,
        passed_over: 0,
        not_ours: 1,
    };
    assert_eq!(next, expected);
}

#[tokio::test]
async fn what_was_made_before_a_key_came_into_use_is_committed_under_its_own() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let account = deployment.account_id(&ada.email).await.parse().unwrap();
    keys(&deployment, "rotate --standby").await;
    let store = store_under_the_next_key(&deployment).await;
    let before = keyring(&deployment);
    let (id, at) = (Uuid::from_u128(7), deployment.clock.now());
    let token = |ring: &Keyring| {
        let token = Token::generate(TokenKind::Unblock, id, id, &SystemRandom).unwrap();
        ring.token_hash(&token)
    };
    let mail = |ring: &Keyring, id: u128| SealedMail {
        id: Uuid::from_u128(id),
        sealed: ring.seal(Purpose::Outbox, &[], b"", &SystemRandom).unwrap(),
    };
    let beside = Beside {
        registration: Some(NewRegistration {
            id,
            address_hash: [7; 32],
            token: token(&before),
            address: Vec::new(),
            expires_at: at + chrono::Duration::days(1),
        }),
        unblock: Some(NewToken::unblock_link(id, token(&before), at)),
        mails: vec![mail(&before, 1), mail(store.keyring(), 2)],
        ..Beside::default()
    };
    store
        .commit_beside(Some(AccountId::from_uuid(account)), beside, at)
        .await
        .unwrap();
    let mut connection = owner(&deployment).await;
    let mut under = async |table: &str| {
        let statement = format!("SELECT key_id FROM {table} ORDER BY 1");
        let ids = sqlx::query_scalar::<_, i32>(&statement);
        ids.fetch_all(&mut connection).await.unwrap()
    };
    assert_eq!(under("registrations").await, [1]);
    assert_eq!(under("tokens").await, [1]);
    assert_eq!(under("outbox").await, [1, 2]);
}
