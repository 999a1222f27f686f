//! Rows that were authentic once, kept by somebody who writes to the database, and put back after
//! what they say has ended (OWASP-ES-3: revive).

use acceptance::{Deployment, OTHER_PASSWORD};
use chrono::Duration;
use serde_json::json;
use sqlx::PgConnection;

use crate::evidence::support::{execute, owner, store, tables_found, tables_found_by};

/// Keeps some tables as they are.
async fn keep(connection: &mut PgConnection, tables: &[&str]) {
    for table in tables {
        let statement = format!(
            "DROP TABLE IF EXISTS kept_{table}; CREATE TEMP TABLE kept_{table} AS TABLE {table}"
        );
        execute(connection, &statement).await;
    }
}

async fn put_back(connection: &mut PgConnection, tables: &[&str]) {
    for table in tables {
        let statement = format!("DELETE FROM {table}; INSERT INTO {table} TABLE kept_{table}");
        execute(connection, &statement).await;
    }
}

#[tokio::test]
async fn the_row_of_a_session_that_has_ended_revives_nothing() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let session = ada.sign_in(&deployment.visitor()).await;
    let mut connection = owner(&deployment).await;
    for tables in [&["sessions"][..], &["sessions", "states"]] {
        keep(&mut connection, tables).await;
        let ended = ada.sign_in(&deployment.visitor()).await;
        keep(&mut connection, tables).await;
        ended.post("/logout", json!({})).await.expect(204);
        ended.get("/session").await.expect(401);
        put_back(&mut connection, tables).await;
        for path in ["/session", "/settings", "/sessions"] {
            ended.get(path).await.expect_problem(401, "unauthenticated");
        }
        assert!(deployment.log(0).contains("somebody put its row back"));
        assert!(tables_found(&deployment).await.contains(&"sessions"));
        session.get("/session").await.expect(200);
        let rebuilt = deployment.run(&["projections", "rebuild"], "").await;
        assert!(rebuilt.status.success(), "{rebuilt:?}");
        session.get("/session").await.expect(200);
        deployment.verify().await;
    }
}

#[tokio::test]
async fn everything_put_back_as_it_was_before_a_reset_brings_no_session_and_no_password_back() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let stolen = ada.sign_in(&visitor).await;
    let asked = json!({ "email": ada.email });
    visitor.post("/password-reset", asked).await.expect(202);
    let token = deployment.mailed_token(&ada.email, "reset").await;
    let all = [
        "sessions", "tokens", "secrets", "settings", "states", "logins", "devices",
    ];
    let mut connection = owner(&deployment).await;
    keep(&mut connection, &all).await;
    let reset = json!({ "token": token, "new_password": OTHER_PASSWORD, "transport": "bearer" });
    let confirm = "/password-reset/confirm";
    visitor.post(confirm, reset.clone()).await.expect(200);
    put_back(&mut connection, &all).await;

    stolen
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
    let answer = visitor.post("/login", ada.login()).await;
    assert!(!answer.status.is_success(), "{}", answer.text);
    let answer = visitor.post(confirm, reset).await;
    answer.expect_problem(410, "token_expired");
    let found = tables_found(&deployment).await;
    assert!(found.contains(&"secrets"), "{found:?}");
}

#[tokio::test]
async fn an_old_state_row_neither_turns_two_factor_off_nor_makes_a_spent_code_good_again() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner_of_account = ada.sign_in(&visitor).await;
    let mut connection = owner(&deployment).await;
    keep(&mut connection, &["states"]).await;
    let clock = &deployment.clock;
    let authenticator = ada.enable_two_factor(&owner_of_account, clock.now()).await;
    put_back(&mut connection, &["states"]).await;
    assert_eq!(tables_found(&deployment).await, ["states"]);
    // The first command after it asks for a code, and leaves the row as it should be.
    let challenge = ada.challenge(&visitor).await;
    deployment.verify().await;

    clock.turn_to_next_step();
    let code = authenticator.code(clock.now());
    let body =
        |challenge: &str| json!({ "challenge": challenge, "code": code, "transport": "bearer" });
    keep(&mut connection, &["states", "tokens"]).await;
    let path = "/login/second-factor";
    visitor.post(path, body(&challenge)).await.expect(200);
    put_back(&mut connection, &["states", "tokens"]).await;
    let answer = visitor.post(path, body(&challenge)).await;
    answer.expect_problem(401, "challenge_expired");
    let challenge = ada.challenge(&visitor).await;
    let answer = visitor.post(path, body(&challenge)).await;
    answer.expect_problem(401, "invalid_code");
    let answer = owner_of_account.get("/settings").await.expect(200);
    assert_eq!(answer.text_at("/two_factor/status"), "enabled");
}

#[tokio::test]
async fn a_state_row_that_is_gone_or_damaged_is_folded_from_the_events() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let session = ada.sign_in(&visitor).await;
    ada.enable_two_factor(&session, deployment.clock.now())
        .await;
    let mut connection = owner(&deployment).await;
    let store = store(&deployment).await;
    for damage in [
        "DELETE FROM states",
        "UPDATE states SET state = 'null'",
        "UPDATE states SET state = '{}'",
        "UPDATE states SET state = regexp_replace(
            state, '\"two_factor\":\\{[^}]*\\}', '\"two_factor\":{\"status\":\"disabled\"}')",
        "UPDATE states SET version = version - 1",
        "UPDATE states SET version = version + 1",
        "UPDATE states SET tip = sha256(tip)",
        "UPDATE states SET tip = ''",
        "UPDATE states SET mac = ''",
        "UPDATE states SET shape = shape - 1",
        "UPDATE states SET key_id = 2",
        "UPDATE states SET key_id = 0",
        "UPDATE states SET recorded_at = 'never'",
    ] {
        let changed = execute(&mut connection, damage).await;
        assert_eq!(changed, 1, "{damage}");
        let found = tables_found_by(&store, &deployment).await;
        assert_eq!(found, ["states"], "{damage}");
        // A reader and a command alike.
        session.get("/session").await.expect(200);
        ada.challenge(&visitor).await;
        let found = tables_found_by(&store, &deployment).await;
        assert!(found.is_empty(), "{damage}: {found:?}");
    }
    deployment.verify().await;
}

#[tokio::test]
async fn the_row_of_a_revoked_member_of_staff_revives_nobody() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let session = ada.sign_in(&deployment.visitor()).await;
    ada.enable_two_factor(&session, deployment.clock.now())
        .await;
    let id = deployment.account_id("ada@example.com").await;
    let mut connection = owner(&deployment).await;
    let path = format!("/support/accounts/{id}");
    for tables in [&["staff"][..], &["staff", "states"]] {
        let revoked = deployment.support().await;
        keep(&mut connection, tables).await;
        let list = deployment.run(&["staff", "list", "--json"], "").await;
        let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
        for member in list["staff"].as_array().unwrap() {
            let id = member["id"].as_str().unwrap();
            let output = deployment.run(&["staff", "revoke", id], "").await;
            assert!(output.status.success(), "{output:?}");
        }
        put_back(&mut connection, tables).await;
        revoked
            .get(&path)
            .await
            .expect_problem(401, "unauthenticated");
        let unlock = json!({ "reason": "because" });
        revoked
            .post(&format!("{path}/unlock"), unlock)
            .await
            .expect_problem(401, "unauthenticated");
        let found = tables_found(&deployment).await;
        assert!(found.contains(&"staff"), "{found:?}");
        let rebuilt = deployment.run(&["projections", "rebuild"], "").await;
        assert!(rebuilt.status.success(), "{rebuilt:?}");
        deployment.verify().await;
    }
    deployment.clock.turn(Duration::minutes(1));
    ada.challenge(&deployment.visitor()).await;
}
