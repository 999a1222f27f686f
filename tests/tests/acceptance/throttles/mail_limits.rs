//! How much mail visitors can cause: by address and by source, and never told.

use acceptance::{Deployment, Mail};
use chrono::Duration;
use serde_json::json;

use crate::throttles::guessing::{settle, two_servers, two_servers_without_source_limits};

async fn ask(deployment: &Deployment, path: &str, email: &str, source: &str) {
    let visitor = deployment.visitor_at(email.len() % deployment.servers.len());
    let visitor = visitor.with_header("x-forwarded-for", source);
    let answer = visitor
        .post(path, json!({ "email": email }))
        .await
        .expect(202);
    let status = match path {
        "/accounts" => "verification_sent",
        "/password-reset" => "reset_sent",
        _ => "unblock_sent",
    };
    assert_eq!(answer.json, json!({ "status": status }));
}

async fn mails_to(deployment: &Deployment, email: &str) -> usize {
    settle(deployment).await;
    let mails: Vec<Mail> = deployment.mails();
    mails.iter().filter(|mail| mail.to == email).count()
}

/// Checks: throttle_as_documented (ASVS-6.3.1): reset and verification mail.
#[tokio::test]
async fn an_address_is_sent_three_mails_an_hour_and_ten_a_day_by_whomever_and_whatever_for() {
    let deployment = Deployment::with(two_servers()).await;
    deployment.create_account("ada@example.com").await;
    let addresses = ["ada@example.com", "newcomer@example.com"];
    let expected = [3, 6, 9, 10, 10];
    for (hour, total) in expected.into_iter().enumerate() {
        for (n, path) in [
            "/password-reset",
            "/password-reset",
            "/password-reset",
            "/password-reset",
            "/password-reset",
        ]
        .into_iter()
        .enumerate()
        {
            let source = format!("192.0.{hour}.{n}");
            ask(&deployment, path, addresses[0], &source).await;
            ask(&deployment, "/accounts", addresses[1], &source).await;
        }
        for email in addresses {
            assert_eq!(
                mails_to(&deployment, email).await,
                total,
                "{email} in hour {hour}"
            );
        }
        deployment.clock.turn(Duration::hours(1));
    }
    // A day after the first.
    deployment.clock.turn(Duration::hours(19));
    for (email, path) in addresses.into_iter().zip(["/password-reset", "/accounts"]) {
        ask(&deployment, path, email, "192.0.2.1").await;
        assert_eq!(
            mails_to(&deployment, email).await,
            11,
            "{email} a day later"
        );
    }
}

/// A stranger who registers an owner's address over and over does not keep the owner from a link.
#[tokio::test]
async fn mail_that_an_address_is_taken_uses_up_nothing_of_the_mail_that_helps_its_owner() {
    let deployment = Deployment::with(two_servers()).await;
    deployment.create_account("ada@example.com").await;
    for n in 0..5 {
        ask(
            &deployment,
            "/accounts",
            "ada@example.com",
            &format!("192.0.2.{n}"),
        )
        .await;
    }
    assert_eq!(mails_to(&deployment, "ada@example.com").await, 3);
    ask(
        &deployment,
        "/password-reset",
        "ada@example.com",
        "192.0.3.1",
    )
    .await;
    ask(&deployment, "/unblock", "ada@example.com", "192.0.3.1").await;
    assert_eq!(mails_to(&deployment, "ada@example.com").await, 5);
    deployment.mailed_token("ada@example.com", "reset").await;
    deployment.mailed_token("ada@example.com", "unblock").await;
}

/// 1. A stranger asks for mail to an address until it has had enough of each kind.
/// 2. The stranger asks for mail to addresses of their own until none comes any more.
/// 3. How many came is the same whether or not the address has an account.
#[tokio::test]
async fn enum_throttle_what_a_source_has_left_tells_nothing_about_an_address() {
    let deployment = Deployment::with(two_servers()).await;
    deployment.create_account("known@example.com").await;
    let mut left = Vec::new();
    for (n, email) in ["known@example.com", "unknown@example.com"]
        .into_iter()
        .enumerate()
    {
        let source = format!("192.0.2.{n}");
        for path in ["/password-reset", "/accounts", "/unblock"] {
            for _ in 0..4 {
                ask(&deployment, path, email, &source).await;
            }
            settle(&deployment).await;
        }
        for own in 0..12 {
            ask(
                &deployment,
                "/accounts",
                &format!("own-{n}-{own}@example.com"),
                &source,
            )
            .await;
        }
        settle(&deployment).await;
        let own = format!("own-{n}-");
        left.push(
            deployment
                .mails()
                .iter()
                .filter(|mail| mail.to.starts_with(&own))
                .count(),
        );
    }
    assert_eq!(left, [8, 8]);
}

/// Checks: throttle_as_documented (ASVS-6.3.1): mail by source.
#[tokio::test]
async fn a_source_causes_twenty_mails_an_hour_to_whomever() {
    let deployment = Deployment::with(two_servers()).await;
    let address = |n: usize| format!("n{n}@example.com");
    for n in 0..25 {
        // All of a /64 are one.
        let source = format!("2001:db8:1:1::{n:x}");
        ask(&deployment, "/accounts", &address(n), &source).await;
    }
    settle(&deployment).await;
    assert_eq!(deployment.mails().len(), 20);
    ask(
        &deployment,
        "/accounts",
        "other@example.com",
        "2001:db8:1:2::1",
    )
    .await;
    assert_eq!(mails_to(&deployment, "other@example.com").await, 1);
    deployment.clock.turn(Duration::hours(1));
    ask(
        &deployment,
        "/accounts",
        "later@example.com",
        "2001:db8:1:1::1",
    )
    .await;
    assert_eq!(mails_to(&deployment, "later@example.com").await, 1);
}

#[tokio::test]
async fn without_limits_by_source_only_addresses_limit_mail() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    for n in 0..25 {
        ask(
            &deployment,
            "/accounts",
            &format!("n{n}@example.com"),
            "192.0.2.1",
        )
        .await;
    }
    for _ in 0..4 {
        ask(&deployment, "/accounts", "n0@example.com", "192.0.2.1").await;
    }
    settle(&deployment).await;
    assert_eq!(deployment.mails().len(), 27);
}

/// Strangers who ask in an owner's name use up the strangers' mail and no more: a mailed link makes the
/// owner's browser known, and what that asks for is counted apart.
#[tokio::test]
async fn an_owner_gets_a_reset_link_however_many_strangers_have_asked_for() {
    let deployment = Deployment::with(two_servers()).await;
    let ada = deployment.create_account("ada@example.com").await;
    for hour in 0..5 {
        for n in 0..4 {
            let source = format!("192.0.{hour}.{n}");
            ask(&deployment, "/password-reset", &ada.email, &source).await;
        }
        settle(&deployment).await;
        deployment.clock.turn(Duration::hours(1));
    }
    ask(&deployment, "/password-reset", &ada.email, "198.51.100.1").await;
    assert_eq!(
        mails_to(&deployment, &ada.email).await,
        10,
        "nothing for strangers"
    );
    ask(&deployment, "/unblock", &ada.email, "198.51.100.1").await;
    let token = deployment.mailed_token(&ada.email, "unblock").await;
    let visitor = deployment.visitor();
    let body = json!({ "token": token, "transport": "bearer" });
    let known = visitor.post("/unblock/confirm", body).await.expect(200);
    let cookie = format!(
        "__Host-countersign_device={}",
        known.text_at("/device_token")
    );
    let own = visitor
        .with_header("cookie", &cookie)
        .with_header("sec-fetch-site", "same-origin");
    let body = json!({ "email": ada.email });
    own.post("/password-reset", body.clone()).await.expect(202);
    assert_eq!(mails_to(&deployment, &ada.email).await, 12);
    for _ in 0..4 {
        own.post("/password-reset", body.clone()).await.expect(202);
    }
    assert_eq!(mails_to(&deployment, &ada.email).await, 14, "three an hour");
}
