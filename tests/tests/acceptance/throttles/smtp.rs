//! Mail by a real server: what arrives, and what happens while it cannot.

use std::time::Instant;

use acceptance::{Deployment, PASSWORD, Person};
use chrono::Duration;
use serde_json::json;
use uuid::Uuid;

use crate::throttles::guessing::{figure, settle};
use crate::throttles::mail_server::{MailServer, SENDER, SUPPORT};

const DEPTH: &str = "countersign_outbox_mails";
const AGE: &str = "countersign_outbox_age_seconds";
const FAILURES: &str = "countersign_mail_failures_total";

async fn ask(deployment: &Deployment, path: &str, email: &str) {
    deployment
        .visitor()
        .post(path, json!({ "email": email }))
        .await
        .expect(202);
}

/// Opens an account by the mailed link.
async fn register(deployment: &Deployment, server: &MailServer, email: &str) -> Person {
    ask(deployment, "/accounts", email).await;
    let token = server.accepts(email, "Confirm").await.token("verify");
    let body = json!({ "token": token, "password": PASSWORD, "transport": "bearer" });
    let answer = deployment
        .visitor()
        .post("/accounts/verify", body)
        .await
        .expect(200);
    Person {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        device_token: answer.text_at("/device_token"),
    }
}

#[tokio::test]
async fn every_kind_of_mail_arrives_and_names_support() {
    let server = MailServer::start();
    let deployment = Deployment::with(server.options()).await;
    let visitor = deployment.visitor();
    let ada = register(&deployment, &server, "ada@example.com").await;
    ask(&deployment, "/accounts", &ada.email).await;
    server
        .accepts(&ada.email, "You already have an account")
        .await;

    let owner = ada.sign_in(&visitor).await;
    let authenticator = ada.enable_two_factor(&owner, deployment.clock.now()).await;
    server
        .accepts(&ada.email, "Two-factor authentication was turned on")
        .await;
    let challenge = ada.challenge(&visitor).await;
    let code = authenticator.wrong_code(deployment.clock.now());
    let wrong = json!({ "challenge": challenge, "code": code });
    visitor
        .post("/login/second-factor", wrong)
        .await
        .expect(401);
    server
        .accepts(&ada.email, "A sign-in with your password was stopped")
        .await;

    ask(&deployment, "/password-reset", &ada.email).await;
    let mail = server.accepts(&ada.email, "Reset your password").await;
    let words = mail.words();
    for said in [
        "WARNING: two-factor authentication is on, and a password reset leaves it on",
        "If the device for two-factor authentication is lost, do NOT reset the password",
        "A session that is still signed in",
        "Support, who can unlock your account",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
    let confirm =
        json!({ "token": mail.token("reset"), "new_password": "a new and longer phrase 7" });
    visitor
        .post("/password-reset/confirm", confirm)
        .await
        .expect(204);
    server.accepts(&ada.email, "Your password was reset").await;

    let account = deployment.account_id(&ada.email).await;
    let unlock = json!({ "reason": "lost the phone" });
    let path = format!("/support/accounts/{account}/unlock");
    deployment
        .support()
        .await
        .post(&path, unlock)
        .await
        .expect(200);
    server
        .accepts(&ada.email, "Support unlocked your account")
        .await;

    settle(&deployment).await;
    let mails = server.accepted();
    assert_eq!(mails.len(), 7, "each once");
    for mail in mails {
        assert_eq!(mail.envelope["from"], SENDER);
        assert!(mail.text.contains(SUPPORT), "{}", mail.text);
    }
    let relative = std::fs::exists(deployment.data_dir().join("mail"));
    assert!(
        !relative.unwrap(),
        "with a mail server, nothing is written to files"
    );
}

/// Nothing is lost, nobody waits for it, operators see it, and it goes out once.
#[tokio::test]
async fn while_the_mail_server_puts_off_drops_or_is_down_mail_waits_and_sign_in_does_not() {
    let mut server = MailServer::start();
    let deployment = Deployment::with(server.options()).await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let mut failures = figure(&deployment, FAILURES).await;
    assert!(failures < 0.5);
    for (n, trouble) in ["transient", "disconnect", "down"].into_iter().enumerate() {
        match trouble {
            "down" => server.go_down(),
            how => server.behave(how),
        }
        let email = format!("n{n}@example.com");
        ask(&deployment, "/accounts", &email).await;
        failures = more_failures(&deployment, failures).await;
        assert_eq!(
            figure(&deployment, DEPTH).await.to_string(),
            "1",
            "{trouble}"
        );
        let began = Instant::now();
        ada.sign_in(&visitor).await;
        assert!(
            began.elapsed().as_secs() < 5,
            "{trouble}: {:?}",
            began.elapsed()
        );

        deployment.clock.turn(Duration::minutes(5));
        more_failures(&deployment, failures).await;
        let age = figure(&deployment, AGE).await;
        assert!((300.0..400.0).contains(&age), "{trouble}: {age}");

        match trouble {
            "down" => server.come_back(),
            _ => server.behave(""),
        }
        // The second pause is 20 s.
        deployment.clock.turn(Duration::seconds(20));
        let mail = server.accepts(&email, "Confirm").await;
        settle(&deployment).await;
        assert!(figure(&deployment, AGE).await < 0.001);
        failures = figure(&deployment, FAILURES).await;
        let body = json!({ "token": mail.token("verify"), "password": PASSWORD });
        visitor.post("/accounts/verify", body).await.expect(204);
    }
    assert_eq!(server.accepted().len(), 3, "each once");
    assert!(
        !deployment.log(0).contains("@example.com"),
        "addresses stay out of logs"
    );
}

/// Waits for one more failed attempt than before; how many there are.
async fn more_failures(deployment: &Deployment, before: f64) -> f64 {
    let began = Instant::now();
    loop {
        let failures = figure(deployment, FAILURES).await;
        if failures > before {
            return failures;
        }
        assert!(began.elapsed().as_secs() < 20, "no attempt was made");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A server that takes the connection and then says nothing holds up mail alone.
#[tokio::test]
async fn a_silent_mail_server_slows_down_neither_sign_in_nor_requests_for_mail() {
    let server = MailServer::start();
    let deployment = Deployment::with(server.options()).await;
    let ada = deployment.create_account("ada@example.com").await;
    server.behave("silence");
    let began = Instant::now();
    for n in 0..5 {
        ask(&deployment, "/accounts", &format!("n{n}@example.com")).await;
        ada.sign_in(&deployment.visitor()).await;
    }
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
    assert!(figure(&deployment, DEPTH).await > 0.5);
}

/// Two servers, the first stuck in the middle of a batch until others may take what it took.
#[tokio::test]
#[ignore = "waits for the time limit of a delivery, half a minute"]
async fn a_worker_that_was_held_up_beyond_its_lease_sends_nothing_that_another_has_taken() {
    let server = MailServer::start();
    let mut deployment = Deployment::with(server.options()).await;
    server.behave("transient");
    for n in 0..5 {
        ask(&deployment, "/accounts", &format!("n{n}@example.com")).await;
    }
    while figure(&deployment, FAILURES).await < 4.5 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    server.behave("silence");
    // All five at once, and then the lease of all five.
    deployment.clock.turn(Duration::minutes(1));
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    deployment.add_server().await;
    deployment.clock.turn(Duration::minutes(3));
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    server.behave("");
    let began = Instant::now();
    while figure(&deployment, DEPTH).await > 0.5 {
        assert!(began.elapsed().as_secs() < 90, "mail is stuck");
        deployment.clock.turn(Duration::seconds(10));
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    // The second's turn with the silent server ends later.
    while !deployment.log(1).contains("mail could not be sent") {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(server.accepted().len(), 5, "each once");
}

/// A promise outlives the process that made it.
#[tokio::test]
async fn mail_that_waits_goes_out_after_the_server_was_killed() {
    let mut server = MailServer::start();
    let mut deployment = Deployment::with(server.options()).await;
    server.go_down();
    for n in 0..3 {
        ask(&deployment, "/accounts", &format!("n{n}@example.com")).await;
    }
    deployment.servers[0].kill().await;
    server.come_back();
    deployment.restart(0).await;
    // What the dead server had taken is free again after its lease.
    deployment.clock.turn(Duration::minutes(3));
    for n in 0..3 {
        server
            .accepts(&format!("n{n}@example.com"), "Confirm")
            .await;
    }
    settle(&deployment).await;
    assert_eq!(server.accepted().len(), 3);
}

/// Such as one that somebody changed in the database.
#[tokio::test]
async fn a_mail_that_cannot_be_read_holds_up_no_other() {
    let unreadable = ["sealed = '\\x00'", "key_id = -1", "created_at = 'infinity'"];
    let mut server = MailServer::start();
    let deployment = Deployment::with(server.options()).await;
    server.go_down();
    for n in 0..5 {
        ask(&deployment, "/accounts", &format!("n{n}@example.com")).await;
        more_failures(&deployment, f64::from(n)).await;
    }
    let mut connection = deployment.connection("countersign_owner").await;
    let mails = sqlx::query_scalar::<_, Uuid>("SELECT mail_id FROM outbox ORDER BY created_at");
    let mails = mails.fetch_all(&mut connection).await.unwrap();
    let taken_too_often = ["attempts = 2147483647"];
    for (change, mail) in unreadable.iter().chain(&taken_too_often).zip(mails) {
        let change = format!("UPDATE outbox SET {change} WHERE mail_id = '{mail}'");
        sqlx::query(&change).execute(&mut connection).await.unwrap();
    }
    server.come_back();
    deployment.clock.turn(Duration::minutes(1));
    for n in 3..5 {
        server
            .accepts(&format!("n{n}@example.com"), "Confirm")
            .await;
    }
    assert!(deployment.log(0).contains("a mail could not be worked on"));
    assert!(
        figure(&deployment, DEPTH).await > 2.5,
        "they are kept for their owners"
    );
}

/// The same of what visitors ask for.
#[tokio::test]
async fn a_request_that_cannot_be_read_holds_up_no_other() {
    let server = MailServer::start();
    let deployment = Deployment::with(server.options()).await;
    let mut connection = deployment.connection("countersign_owner").await;
    let unreadable = "INSERT INTO jobs (job_id, key_id, sealed, due_at, attempts) VALUES
        (gen_random_uuid(), -1, '\\x00', '2000-01-01', 0),
        (gen_random_uuid(), 1, '\\x00', '2000-01-01', 2147483647)";
    sqlx::query(unreadable)
        .execute(&mut connection)
        .await
        .unwrap();
    ask(&deployment, "/accounts", "a@example.com").await;
    server.accepts("a@example.com", "Confirm").await;
    let left = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM jobs");
    assert_eq!(left.fetch_one(&mut connection).await.unwrap(), 0);
    assert!(deployment.log(0).contains("a job failed"));
}

/// Servers are repaired as well; but after five days a mail says nothing that is still true.
#[tokio::test]
async fn mail_refused_for_good_is_tried_again_seldom_and_given_up_after_five_days() {
    let server = MailServer::start();
    let deployment = Deployment::with(server.options()).await;
    server.behave("permanent");
    ask(&deployment, "/accounts", "a@example.com").await;
    let failures = more_failures(&deployment, 0.0).await;
    server.behave("");
    deployment.clock.turn(Duration::hours(6));
    server.accepts("a@example.com", "Confirm").await;
    settle(&deployment).await;

    let b = deployment.create_account("b@example.com").await;
    server.behave("permanent");
    // That an account exists is true for longer than a link.
    ask(&deployment, "/accounts", &b.email).await;
    more_failures(&deployment, failures).await;
    deployment.clock.turn(Duration::days(5));
    settle(&deployment).await;
    assert!(deployment.log(0).contains("mail given up"));
    assert_eq!(server.accepted().len(), 1);
}

#[tokio::test]
async fn a_link_that_has_expired_while_it_waited_is_not_sent() {
    let server = MailServer::start();
    let deployment = Deployment::with(server.options()).await;
    server.behave("transient");
    ask(&deployment, "/accounts", "a@example.com").await;
    more_failures(&deployment, 0.0).await;
    server.behave("");
    deployment.clock.turn(Duration::hours(25));
    settle(&deployment).await;
    assert!(deployment.log(0).contains("its link has expired"));
    assert_eq!(server.accepted().len(), 0);
}

/// Whatever goes wrong after a mail was accepted, it is not sent twice.
#[tokio::test]
async fn a_mail_server_that_hangs_up_after_accepting_gets_no_mail_twice() {
    let server = MailServer::start();
    let deployment = Deployment::with(server.options()).await;
    server.behave("hangup");
    ask(&deployment, "/accounts", "a@example.com").await;
    server.accepts("a@example.com", "Confirm").await;
    settle(&deployment).await;
    assert!(figure(&deployment, FAILURES).await < 0.5);
    assert_eq!(server.accepted().len(), 1);
}

#[tokio::test]
async fn mail_test_prints_the_server_s_own_words() {
    let mut server = MailServer::start();
    let deployment = Deployment::with(server.options()).await;
    let arguments = ["mail", "test", "ada@example.com"];
    let sent = deployment.run(&arguments, "").await;
    assert!(sent.status.success(), "{sent:?}");
    server.accepts("ada@example.com", "Test mail").await;

    server.behave("550 5.7.1 Not from here, says the postmaster");
    let refused = deployment.run(&arguments, "").await;
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains("550 5.7.1 Not from here, says the postmaster"),
        "{said}"
    );
    assert!(refused.stdout.is_empty());

    server.go_down();
    let unreachable = deployment.run(&arguments, "").await;
    assert_eq!(unreachable.status.code(), Some(1));
    let said = String::from_utf8(unreachable.stderr).unwrap();
    assert!(said.contains("cannot be used"), "{said}");
    assert_eq!(server.accepted().len(), 1);
}
