//! What ended after the backup was made, and would live again.

use acceptance::Deployment;
use serde_json::json;

use super::backups::{RECOVER, back_up, damaged, gaps, restore, serve_refuses};
use crate::evidence::command_line::{fails, said_json};
use crate::evidence::support::{each, execute, owner};
use crate::pages::visitor::Visitor;

#[tokio::test]
async fn what_ended_after_the_backup_does_not_live_again() {
    let mut deployment = Deployment::start().await;
    let ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let signed_in = ada.sign_in(&visitor).await;
    let authenticator = ada
        .enable_two_factor(&signed_in, deployment.clock.now())
        .await;
    deployment.clock.turn_to_next_step();
    for (path, email) in [
        ("/password-reset", "ada@example.com"),
        ("/unblock", "ada@example.com"),
        ("/accounts", "bob@example.com"),
    ] {
        let body = json!({ "email": email });
        visitor.post(path, body).await.expect(202);
    }
    let reset = deployment.mailed_token(&ada.email, "reset").await;
    let unblock = deployment.mailed_token(&ada.email, "unblock").await;
    let verify = deployment.mailed_token("bob@example.com", "verify").await;
    let challenge = ada.challenge(&visitor).await;
    let staff = deployment.staff_token("auditor", "Uli").await;
    let mut uli = Visitor::new(&deployment);
    uli.sit_down("audit", &staff).await.expect(303);
    let backup = back_up(&mut deployment).await;

    // All of it ends, and a code is spent.
    let visitor = deployment.visitor();
    let signed_in = signed_in.at(&deployment.servers[0].url);
    signed_in.post("/logout", json!({})).await.expect(204);
    let code = authenticator.code(deployment.clock.now());
    ada.sign_in_with(&visitor, &code).await;
    let id = said_json(&deployment, "staff list").await["staff"][0]["id"].clone();
    said_json(
        &deployment,
        &format!("staff revoke {}", id.as_str().unwrap()),
    )
    .await;

    restore(&mut deployment, &backup).await;
    serve_refuses(&deployment).await;
    fails(&deployment, "audit export --all --output x", 1, "recover").await;
    let verdict = damaged(&deployment, "").await;
    let kind = "not the log of a kept checkpoint";
    assert_eq!(verdict["damaged"][0]["kind"], kind, "{verdict}");

    let told = said_json(&deployment, RECOVER).await;
    assert_eq!(told["accounts"], 1, "{told}");
    assert_eq!(told["links"], 2, "{told}");
    assert_eq!(told["staff_sessions"], 1, "{told}");
    assert_eq!(each(&told["staff_in_force"], "name"), ["Uli"]);
    assert_eq!(told["epoch"], 2);
    let gaps = gaps(&deployment, "").await;
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0]["acknowledged"], true);
    assert_eq!(gaps[0]["size"], told["size"]);
    assert_eq!(gaps[0]["lost_size"], told["lost"][0]["size"]);

    deployment.restart(0).await;
    let visitor = deployment.visitor();
    let signed_in = signed_in.at(&deployment.servers[0].url);
    signed_in.get("/settings").await.expect(401);
    let old = json!({ "challenge": challenge, "code": code, "transport": "bearer" });
    visitor
        .post("/login/second-factor", old)
        .await
        .expect_problem(401, "challenge_expired");
    let password = acceptance::OTHER_PASSWORD;
    for (path, body) in [
        (
            "/password-reset/confirm",
            json!({ "token": reset, "new_password": password }),
        ),
        ("/unblock/confirm", json!({ "token": unblock })),
        (
            "/accounts/verify",
            json!({ "token": verify, "password": password, "transport": "bearer" }),
        ),
    ] {
        let answer = visitor.post(path, body).await;
        answer.expect_problem(410, "token_expired");
    }
    let mut desk = Visitor::new(&deployment);
    desk.cookies = uli.cookies;
    let door = desk.get("/audit").await.expect(200);
    assert!(door.text.contains("/audit/sign-in"), "{}", door.text);
    let mut connection = owner(&deployment).await;
    let devices = "SELECT count(*) FROM devices";
    let devices: i64 = sqlx::query_scalar(devices)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(devices, 0);

    let fresh = ada.challenge(&visitor).await;
    let spent = json!({ "challenge": fresh, "code": code, "transport": "bearer" });
    visitor
        .post("/login/second-factor", spent)
        .await
        .expect_problem(401, "invalid_code");
    deployment.clock.turn_to_next_step();
    let next = authenticator.code(deployment.clock.now());
    ada.sign_in_with(&visitor, &next).await;
    deployment.verify().await;

    assert_told_to_auditors(&deployment, &ada.email).await;
}

/// The recovery, and what it ended, stand in the account's history.
async fn assert_told_to_auditors(deployment: &Deployment, email: &str) {
    let auditor = deployment.auditor().await;
    let account = deployment.account_id(email).await;
    let events = deployment.events(&auditor, &account).await;
    let recovered = events
        .iter()
        .position(|event| event["type"] == "AccountRecovered")
        .unwrap();
    assert_eq!(events[recovered]["actor"]["kind"], "system");
    assert_eq!(events[recovered + 1]["data"]["cause"], "recovered");
}

#[tokio::test]
async fn every_token_of_staff_is_revoked_if_asked() {
    let mut deployment = Deployment::start().await;
    let staff = deployment.auditor().await;
    deployment.support().await;
    assert!(deployment.servers[0].terminate().await.success());
    let told = said_json(&deployment, &format!("{RECOVER} --revoke-staff")).await;
    assert_eq!(told["staff_revoked"].as_array().unwrap().len(), 2);
    assert_eq!(told["staff_in_force"], json!([]));
    deployment.restart(0).await;
    let url = deployment.servers[0].url.clone();
    staff.at(&url).get("/audit/events").await.expect(401);
}

#[tokio::test]
async fn a_mail_that_waits_is_sent_unless_it_has_a_link() {
    // Nobody delivers: the folder for mail cannot be written.
    let mut deployment = Deployment::start().await;
    let ada = deployment.register("ada@example.com").await;
    let folder = deployment.data_dir().join("mail");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "").unwrap();
    let owner_of = ada.sign_in(&deployment.visitor()).await;
    ada.enable_two_factor(&owner_of, deployment.clock.now())
        .await;
    let body = json!({ "email": ada.email });
    let visitor = deployment.visitor();
    visitor.post("/password-reset", body).await.expect(202);
    let mut connection = owner(&deployment).await;
    let waiting = "SELECT count(*) FROM outbox";
    let mut count = 0_i64;
    while count < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        count = sqlx::query_scalar(waiting)
            .fetch_one(&mut connection)
            .await
            .unwrap();
    }
    execute(
        &mut connection,
        "UPDATE outbox SET due_at = due_at + interval '1 hour'",
    )
    .await;
    deployment.servers[0].kill().await;
    let told = said_json(&deployment, RECOVER).await;
    assert_eq!(told["links"], 1, "{told}");
    let left: i64 = sqlx::query_scalar(waiting)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(left, 1);
    std::fs::remove_file(&folder).unwrap();
}
