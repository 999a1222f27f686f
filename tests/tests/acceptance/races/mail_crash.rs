//! A mail that a commit promised arrives, whoever dies in between.
//!
//! Checks: notification_atomic (ANOT-1).

use std::time::{Duration, Instant};

use acceptance::{Deployment, OTHER_PASSWORD, Options};
use serde_json::json;

use crate::races::mail_server::MailServer;

/// Scenario:
/// 1. Mail goes out by SMTP. The owner changes the password; the mail server takes the connection
///    and says nothing, so that the notice has been committed, and taken, and not delivered.
/// 2. The server is killed with `kill -9`, and started anew; the mail server answers again.
/// 3. Once the dead one's lease of 120 seconds is over, the notice arrives.
/// 4. It arrives once, and the outbox is empty.
#[tokio::test]
async fn a_notice_whose_sender_was_killed_before_delivery_arrives_after_the_restart() {
    let mut mail = MailServer::start().await;
    let mut deployment = killed_before_delivery(&mut mail).await;
    mail.answer_again();

    deployment.restart(0).await;
    deployment.clock.turn(chrono::Duration::seconds(121));
    let text = mail.delivered().await;
    assert!(text.contains("To: ada@example.com"), "{text}");
    assert!(text.contains("password"), "{text}");
    emptied(&deployment).await;
    assert_eq!(mail.count(), 1);
    deployment.verify().await;
}

/// A deployment whose one server was killed with a notice committed, taken and not delivered.
async fn killed_before_delivery(mail: &mut MailServer) -> Deployment {
    let options = Options::default()
        .setting("COUNTERSIGN_SMTP_URL", &mail.url)
        .setting("COUNTERSIGN_MAIL_FROM", "accounts@example.com")
        .setting("COUNTERSIGN_SUPPORT_CONTACT", "help@example.com");
    let mut deployment = Deployment::with(options).await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    mail.be_silent();
    let body = json!({ "current_password": ada.password, "new_password": OTHER_PASSWORD });
    owner.put("/settings/password", body).await.expect(204);
    mail.connected().await;
    deployment.servers[0].kill().await;
    assert_eq!(outbox(&deployment).await, 1);
    deployment
}

/// Scenario:
/// 1. Two servers. Somebody asks for a reset at the first one, which is killed with `kill -9` as
///    soon as it has answered: the wish may wait, be worked on, or have become a mail by then.
/// 2. Once the leases of whatever the dead one had taken are over, the second server has mailed a
///    link, and the link works.
/// 3. Ten rounds.
#[tokio::test]
async fn a_reset_that_was_asked_for_at_a_server_that_dies_at_once_is_mailed_all_the_same() {
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let mut deployment = Deployment::with(options).await;
    let ada = deployment.create_account("ada@example.com").await;
    for round in 0..10 {
        deployment.clock.turn(chrono::Duration::hours(3));
        crate::races::crowd::empty_mailbox(&deployment);
        let email = json!({ "email": ada.email });
        deployment
            .visitor()
            .post("/password-reset", email)
            .await
            .expect(202);
        tokio::time::sleep(Duration::from_millis(round)).await;
        deployment.servers[0].kill().await;
        deployment.clock.turn(chrono::Duration::seconds(121));
        let token = deployment.mailed_token(&ada.email, "reset").await;
        let body = json!({ "token": token, "new_password": OTHER_PASSWORD });
        let alive = deployment.visitor_at(1);
        alive
            .post("/password-reset/confirm", body)
            .await
            .expect(204);
        deployment.restart(0).await;
    }
    deployment.clock.turn(chrono::Duration::seconds(121));
    emptied(&deployment).await;
    deployment.verify().await;
}

async fn outbox(deployment: &Deployment) -> i64 {
    let mut connection = deployment.connection("countersign_owner").await;
    crate::races::crash::count(&mut connection, "SELECT count(*) FROM outbox").await
}

async fn emptied(deployment: &Deployment) {
    let began = Instant::now();
    while outbox(deployment).await > 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "mail waits");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
