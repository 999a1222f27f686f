//! Flags of read models flipped by somebody who writes to the database: no decision follows them,
//! and `projections check` tells (OWASP-ES-4: dba_flag_flip).

use acceptance::Deployment;
use serde_json::json;

use crate::evidence::support::{execute, owner, tables_found};

#[tokio::test]
async fn dba_flag_flip_two_factor_off_in_the_settings_still_asks_for_a_code() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let session = ada.sign_in(&visitor).await;
    let clock = &deployment.clock;
    let authenticator = ada.enable_two_factor(&session, clock.now()).await;
    let mut connection = owner(&deployment).await;
    let flip = "UPDATE settings SET two_factor = 'disabled', enabled_at = NULL";
    assert_eq!(execute(&mut connection, flip).await, 1);
    assert_eq!(tables_found(&deployment).await, ["settings"]);

    ada.challenge(&visitor).await;
    let body = json!({ "current_password": ada.password });
    session
        .post("/settings/two-factor/enrollment", body.clone())
        .await
        .expect_problem(409, "two_factor_already_enabled");
    let support = deployment.support().await;
    let search = json!({ "email": ada.email });
    let found = support
        .post("/support/accounts/search", search)
        .await
        .expect(200);
    assert_eq!(found.text_at("/accounts/0/two_factor"), "enabled");
    clock.turn_to_next_step();
    ada.sign_in_with(&visitor, &authenticator.code(clock.now()))
        .await;
    session
        .post("/settings/two-factor/disable", body)
        .await
        .expect(204);
    deployment.verify().await;
}

#[tokio::test]
async fn dba_flag_flip_two_factor_on_in_the_settings_keeps_nobody_out() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let session = ada.sign_in(&deployment.visitor()).await;
    let mut connection = owner(&deployment).await;
    let flip = "UPDATE settings SET two_factor = 'enabled', enabled_at = now()";
    execute(&mut connection, flip).await;
    assert_eq!(tables_found(&deployment).await, ["settings"]);
    ada.sign_in(&deployment.visitor()).await;
    let body = json!({ "current_password": ada.password });
    session
        .post("/settings/two-factor/disable", body)
        .await
        .expect_problem(409, "two_factor_not_enabled");
}

#[tokio::test]
async fn dba_flag_flip_a_role_a_name_or_an_end_changed_in_the_staff_table_ends_the_token() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    ada.sign_in(&deployment.visitor()).await;
    let account = deployment.account_id(&ada.email).await;
    let mut connection = owner(&deployment).await;
    execute(
        &mut connection,
        "CREATE TEMP TABLE kept_before AS TABLE staff",
    )
    .await;
    let auditor = deployment.auditor().await;
    let history = format!("/audit/accounts/{account}/events");
    let examination = format!("/support/accounts/{account}");
    auditor.get(&history).await.expect(200);
    for flip in [
        "role = 'support'",
        "name = 'Somebody Else'",
        "expires_at = expires_at + interval '10 years'",
        "expires_at = 'infinity'",
        "revoked_at = now()",
        "issued_at = issued_at - interval '1 day'",
        "mac = sha256(mac)",
    ] {
        execute(
            &mut connection,
            &format!(
                "DROP TABLE IF EXISTS kept; CREATE TEMP TABLE kept AS TABLE staff;
                UPDATE staff SET {flip} WHERE role = 'auditor'"
            ),
        )
        .await;
        for path in [&history, &examination] {
            auditor
                .get(path)
                .await
                .expect_problem(401, "unauthenticated");
        }
        assert_eq!(tables_found(&deployment).await, ["staff"], "{flip}");
        let rebuilt = deployment.run(&["projections", "rebuild"], "").await;
        assert!(rebuilt.status.success(), "{rebuilt:?}");
        auditor.get(&history).await.expect(200);
        auditor
            .get(&examination)
            .await
            .expect_problem(403, "forbidden");
        deployment.verify().await;
    }
}

#[tokio::test]
async fn a_staff_row_that_somebody_inserted_is_nobody() {
    let deployment = Deployment::start().await;
    let support = deployment.support().await;
    let mut connection = owner(&deployment).await;
    let insert = "INSERT INTO staff
        SELECT '00000000-0000-7000-8000-000000000007', 'Mallory', 'auditor', token_hash, issued_at,
            expires_at, NULL, mac, key_id FROM staff";
    assert_eq!(execute(&mut connection, insert).await, 1);
    assert_eq!(tables_found(&deployment).await, ["staff"]);
    let search = json!({ "email": "ada@example.com" });
    support
        .post("/support/accounts/search", search)
        .await
        .expect(200);
    let rebuilt = deployment.run(&["projections", "rebuild"], "").await;
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    deployment.verify().await;
}
