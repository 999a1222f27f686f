//! Read models damaged, found out, and written anew while servers run.

use std::sync::atomic::{AtomicBool, Ordering};

use acceptance::{Caller, Deployment, Options};
use serde_json::json;
use sqlx::PgConnection;

use crate::evidence::support::{
    execute, owner, owners_store, store, tables_found, tables_found_by,
};

async fn rebuild(deployment: &Deployment) {
    let output = deployment
        .run(&["projections", "rebuild", "--json"], "")
        .await;
    assert!(output.status.success(), "{output:?}");
}

/// Every read-model table, made of one account with two-factor on, a pending challenge and a
/// pending reset link.
async fn scene(options: Options) -> (Deployment, PgConnection, Caller) {
    let deployment = Deployment::with(options).await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let session = ada.sign_in(&visitor).await;
    ada.enable_two_factor(&session, deployment.clock.now())
        .await;
    ada.challenge(&visitor).await;
    let body = json!({ "email": ada.email });
    visitor.post("/password-reset", body).await.expect(202);
    deployment.mailed_token(&ada.email, "reset").await;
    deployment.support().await;
    let connection = owner(&deployment).await;
    (deployment, connection, session)
}

#[tokio::test]
async fn each_damage_to_a_read_model_is_reported_and_repaired_while_servers_run() {
    let (deployment, mut connection, session) = scene(Options::default().servers(2)).await;
    let (store, owners) = (store(&deployment).await, owners_store(&deployment).await);
    for (table, damage) in [
        ("logins", "UPDATE logins SET address_hash = sha256(address_hash)"),
        ("logins", "UPDATE logins SET last_signed_in_at = last_signed_in_at - interval '1 s'"),
        ("logins", "UPDATE logins SET last_signed_in_at = NULL"),
        ("logins", "UPDATE logins SET last_signed_in_at = 'infinity'"),
        ("logins", "DELETE FROM logins"),
        ("settings", "UPDATE settings SET email = '{}'"),
        ("settings", "UPDATE settings SET created_at = created_at + interval '1 s'"),
        ("settings", "UPDATE settings SET created_at = 'infinity'"),
        ("settings", "UPDATE settings SET password_changed_at = now()"),
        ("settings", "UPDATE settings SET two_factor = 'disabled'"),
        ("settings", "UPDATE settings SET enabled_at = now()"),
        ("settings", "UPDATE settings SET enrollment_expires_at = now()"),
        ("settings", "UPDATE settings SET enrollment_expires_at = '-infinity'"),
        ("settings", "DELETE FROM settings"),
        ("sessions", "UPDATE sessions SET created_at = created_at + interval '1 s'"),
        ("sessions", "UPDATE sessions SET expires_at = expires_at + interval '1 s'"),
        ("sessions", "UPDATE sessions SET last_seen_at = '294276-01-01'"),
        ("sessions", "UPDATE sessions SET factors = 'password'"),
        ("sessions", "UPDATE sessions SET ip = NULL"),
        ("sessions", "UPDATE sessions SET user_agent = ip"),
        ("sessions", "UPDATE sessions SET mac = ''"),
        ("sessions", "INSERT INTO sessions SELECT account_id, gen_random_uuid(), token_hash,
            created_at, last_seen_at, expires_at, factors, ip, user_agent, mac, key_id FROM sessions"),
        ("sessions", "INSERT INTO sessions SELECT gen_random_uuid(), session_id, token_hash,
            created_at, last_seen_at, expires_at, factors, ip, user_agent, mac, key_id FROM sessions"),
        ("tokens", "UPDATE tokens SET expires_at = expires_at + interval '1 s'"),
        ("tokens", "UPDATE tokens SET expires_at = 'infinity'"),
        ("tokens", "UPDATE tokens SET kind = 'reset'"),
        ("tokens", "INSERT INTO tokens SELECT account_id, gen_random_uuid(), kind, token_hash,
            key_id, expires_at FROM tokens LIMIT 1"),
        ("secrets", "INSERT INTO secrets SELECT account_id, gen_random_uuid(), kind, wrapped_key,
            sealed FROM secrets LIMIT 1"),
        ("states", "UPDATE states SET state = replace(state, 'totp', 'password')
            WHERE aggregate_type = 'account'"),
        ("states", "UPDATE states SET mac = sha256(mac)"),
        ("states", "DELETE FROM states"),
        ("staff", "UPDATE staff SET role = 'auditor'"),
        ("staff", "UPDATE staff SET name = 'Nobody'"),
        ("staff", "UPDATE staff SET expires_at = 'infinity'"),
        ("staff", "UPDATE staff SET mac = ''"),
    ] {
        assert!(execute(&mut connection, damage).await > 0, "{damage}");
        let found = tables_found_by(&store, &deployment).await;
        assert_eq!(found, [table], "{damage}");
        owners.rebuild_projections(&mut |_| ()).await.unwrap();
        let found = tables_found_by(&store, &deployment).await;
        assert!(found.is_empty(), "{damage}: {found:?}");
        for server in &deployment.servers {
            let answer = session.at(&server.url).get("/session").await.expect(200);
            assert_eq!(answer.json["session"]["factors"], json!(["password", "totp"]));
        }
    }
    deployment.verify().await;
    let settings = session.get("/settings").await.expect(200);
    assert_eq!(settings.text_at("/two_factor/status"), "enabled");
}

/// What no event holds cannot be written anew: it is told again until its time has passed.
#[tokio::test]
async fn a_row_whose_secret_is_lost_is_reported() {
    let (deployment, mut connection, _) = scene(Options::default()).await;
    for (table, damage) in [
        ("tokens", "DELETE FROM tokens"),
        ("sessions", "DELETE FROM sessions"),
        ("secrets", "DELETE FROM secrets WHERE kind = 'totp'"),
        ("staff", "DELETE FROM staff"),
    ] {
        execute(&mut connection, damage).await;
        let found = tables_found(&deployment).await;
        assert!(found.contains(&table), "{damage}: {found:?}");
        rebuild(&deployment).await;
        assert!(tables_found(&deployment).await.contains(&table));
    }
}

#[tokio::test]
async fn read_models_are_rebuilt_again_and_again_under_load_and_nothing_is_lost() {
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let deployment = Deployment::with(options).await;
    let mut people = Vec::new();
    for name in ["ada", "bob", "eve"] {
        let person = deployment
            .create_account(&format!("{name}@example.com"))
            .await;
        let session = person.sign_in(&deployment.visitor()).await;
        people.push((person, session));
    }
    let done = AtomicBool::new(false);
    let traffic = people
        .iter()
        .enumerate()
        .map(|(number, (person, session))| {
            let (deployment, done) = (&deployment, &done);
            async move {
                let mut signed_in = 0;
                while !done.load(Ordering::Relaxed) {
                    let visitor = deployment.visitor_at(number % 2);
                    let answer = visitor.post("/login", person.login()).await.expect(200);
                    let other = visitor.with_bearer(&answer.text_at("/session/token"));
                    other.get("/session").await.expect(200);
                    session.get("/settings").await.expect(200);
                    other.post("/logout", json!({})).await.expect(204);
                    other.get("/session").await.expect(401);
                    signed_in += 1;
                }
                signed_in
            }
        });
    let rebuilds = async {
        for _ in 0..6 {
            rebuild(&deployment).await;
        }
        done.store(true, Ordering::Relaxed);
    };
    let (counts, ()) = tokio::join!(futures::future::join_all(traffic), rebuilds);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    for (_, session) in &people {
        session.get("/session").await.expect(200);
    }
    deployment.verify().await;
}
