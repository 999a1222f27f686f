//! A recovery of what somebody has damaged: what can be recovered is, and the rest is named.

use acceptance::Deployment;
use serde_json::{Value, json};

use super::backups::{RECOVER, until_logged};
use crate::evidence::command_line::said_json;
use crate::evidence::support::{owner, tamper_with_events};

fn told(told: &Value) -> Vec<&str> {
    let damaged = told["damaged"].as_array().unwrap().iter();
    damaged.map(|stream| stream.as_str().unwrap()).collect()
}

#[tokio::test]
async fn one_damaged_account_keeps_no_other_from_being_recovered() {
    for damage in [
        "UPDATE events SET payload = '{}' WHERE aggregate_id = '{account}' AND sequence = 2",
        "DELETE FROM events WHERE aggregate_id = '{account}' AND sequence = 2",
        "DELETE FROM events WHERE aggregate_id = '{account}' AND sequence = 1",
        "ALTER TABLE events ALTER metadata DROP NOT NULL;
        UPDATE events SET metadata = NULL WHERE aggregate_id = '{account}' AND sequence = 2",
    ] {
        let mut deployment = Deployment::start().await;
        let (ada, bob) = (
            deployment.register("ada@example.com").await,
            deployment.register("bob@example.com").await,
        );
        let visitor = deployment.visitor();
        let (hers, his) = (ada.sign_in(&visitor).await, bob.sign_in(&visitor).await);
        let account = deployment.account_id(&ada.email).await;
        until_logged(&deployment).await;
        assert!(deployment.servers[0].terminate().await.success());
        let mut connection = owner(&deployment).await;
        let damage = format!("{damage}; DELETE FROM states WHERE aggregate_id = '{{account}}'");
        let damage = damage.replace("{account}", &account);
        tamper_with_events(&mut connection, &damage).await;

        let recovered = said_json(&deployment, RECOVER).await;
        assert_eq!(recovered["accounts"], 1, "{damage}: {recovered}");
        assert_eq!(told(&recovered), [format!("account/{account}")], "{damage}");
        deployment.restart(0).await;
        let url = deployment.servers[0].url.clone();
        his.at(&url).get("/settings").await.expect(401);
        let answer = hers.at(&url).get("/settings").await;
        assert!(!answer.status.is_success(), "{damage}: {}", answer.text);
        bob.sign_in(&deployment.visitor()).await;
    }
}

#[tokio::test]
async fn one_damaged_member_of_staff_keeps_no_other_from_being_signed_out() {
    for damage in [
        "UPDATE events SET payload = '{}' WHERE aggregate_id = '{staff}';
        DELETE FROM states WHERE aggregate_id = '{staff}'",
        "UPDATE staff SET name = 'Somebody else' WHERE staff_id = '{staff}'",
        "UPDATE data_keys SET wrapped = '' WHERE owner_id = '{staff}'",
    ] {
        let mut deployment = Deployment::start().await;
        for name in ["Sam", "Uli"] {
            deployment.staff_token("auditor", name).await;
        }
        let staff = said_json(&deployment, "staff list").await;
        let staff = staff["staff"][0]["id"].as_str().unwrap().to_owned();
        until_logged(&deployment).await;
        assert!(deployment.servers[0].terminate().await.success());
        let mut connection = owner(&deployment).await;
        let damage = damage.replace("{staff}", &staff);
        tamper_with_events(&mut connection, &damage).await;
        let line = format!("{RECOVER} --revoke-staff");
        let recovered = said_json(&deployment, &line).await;
        assert_eq!(told(&recovered), [format!("staff/{staff}")], "{damage}");
        let revoked = recovered["staff_revoked"].as_array().unwrap();
        assert_eq!(revoked.len(), 1, "{damage}: {recovered}");
    }
}

#[tokio::test]
async fn a_mail_that_nobody_can_open_is_dropped() {
    let mut deployment = Deployment::start().await;
    deployment.create_account("ada@example.com").await;
    until_logged(&deployment).await;
    assert!(deployment.servers[0].terminate().await.success());
    let mut connection = owner(&deployment).await;
    let mail = "INSERT INTO outbox (mail_id, key_id, sealed, due_at, created_at)
        SELECT gen_random_uuid(), key, '\\x00', now(), now() FROM unnest(ARRAY[1, 77, -1]) key";
    sqlx::raw_sql(mail).execute(&mut connection).await.unwrap();
    let recovered = said_json(&deployment, RECOVER).await;
    assert_eq!(recovered["links"], 3, "{recovered}");
    assert_eq!(recovered["damaged"], json!([]));
    deployment.restart(0).await;
    deployment.create_account("bob@example.com").await;
}
