//! What a stranger is answered says nothing about whether an address has an account. The times are
//! measured in `timing`, the answers of throttles compared in `strangers`.

use acceptance::{Answer, Deployment, PASSWORD};
use chrono::Duration;
use serde_json::json;

use crate::throttles::guessing::{
    Guesser, settle, sit_out, two_servers, two_servers_without_source_limits, without_its_request,
};

/// One address of each kind: with an account, with two-factor, registered but never verified,
/// reset a moment ago, and unknown.
async fn addresses(deployment: &Deployment) -> [&'static str; 5] {
    let visitor = deployment.visitor();
    deployment.create_account("ada@example.com").await;
    let bob = deployment.create_account("bob@example.com").await;
    let owner = bob.sign_in(&visitor).await;
    bob.enable_two_factor(&owner, deployment.clock.now()).await;
    let asked = json!({ "email": "una@example.com" });
    visitor.post("/accounts", asked).await.expect(202);
    deployment.mailed_token("una@example.com", "verify").await;
    let cyd = deployment.create_account("cyd@example.com").await;
    crate::throttles::known_devices::reset(deployment, &cyd).await;
    [
        "ada@example.com",
        "bob@example.com",
        "una@example.com",
        "cyd@example.com",
        "nobody@example.com",
    ]
}

fn all_alike(answers: &[Answer]) {
    let told = answers.iter().map(without_its_request).collect::<Vec<_>>();
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
}

/// Checks: enum_login (ASVS-6.3.8, OWASP-AUTH-1), enum_throttle.
#[tokio::test]
async fn enum_login_is_the_same_answer_for_every_kind_of_address() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let addresses = addresses(&deployment).await;
    let guessers = addresses.map(|email| Guesser::stranger(&deployment, email));
    let mut failures = Vec::new();
    for round in 0..5 {
        let mut answers = Vec::new();
        for guesser in &guessers {
            let failure = guesser.fail().await;
            if round == 4 {
                failures.push((guesser, failure.began, failure.ended));
            }
            answers.push(failure.answer);
        }
        all_alike(&answers);
    }
    let mut refused = Vec::new();
    for guesser in &guessers {
        // Old passwords and right ones are refused as well.
        refused.push(guesser.present(PASSWORD).await.answer.expect(429));
        refused.push(guesser.refused().await.answer);
    }
    all_alike(&refused);
    assert_eq!(failures.len(), 5);
}

/// Checks: enum_throttle (ASVS-6.3.8). A wait begins when the hash is done, or it would tell whether
/// there was one: with a hash of half a second that shows from outside.
#[tokio::test]
async fn enum_throttle_the_wait_of_an_unknown_address_begins_as_late_as_that_of_a_known_one() {
    let options = two_servers()
        .setting("COUNTERSIGN_HASH_MEMORY_KIB", "131072")
        .setting("COUNTERSIGN_HASH_ITERATIONS", "3");
    let deployment = Deployment::with(options).await;
    deployment.create_account("ada@example.com").await;
    for email in ["ada@example.com", "nobody@example.com"] {
        let guesser = Guesser::stranger(&deployment, email);
        let fifth = guesser.fail_times(5).await;
        let took = fifth.ended - fifth.began;
        crate::throttles::guessing::turn_to(
            &deployment,
            fifth.began + Duration::seconds(30) + took / 4,
        );
        let refused = guesser.guess().await;
        assert_eq!(
            refused.answer.status.as_u16(),
            429,
            "{email}: the wait began before the hash"
        );
        sit_out(&[(&guesser, &fifth)], Duration::seconds(30)).await;
    }
}

/// Checks: enum_signup (ASVS-6.3.8).
#[tokio::test]
async fn enum_signup_is_the_same_answer_for_every_kind_of_address() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let addresses = addresses(&deployment).await;
    let mut answers = Vec::new();
    for _ in 0..5 {
        for email in addresses {
            let asked = json!({ "email": email });
            answers.push(
                deployment
                    .visitor()
                    .post("/accounts", asked)
                    .await
                    .expect(202),
            );
        }
    }
    all_alike(&answers);
    assert_eq!(answers[0].json, json!({ "status": "verification_sent" }));
    // Whether a password is refused says nothing either: it is asked for after the mail.
    deployment
        .mail("ada@example.com", "already have an account")
        .await;
    deployment.mail("nobody@example.com", "Confirm").await;
}

/// Checks: enum_reset (ASVS-6.3.8, OWASP-RESET-1).
#[tokio::test]
async fn enum_reset_is_the_same_answer_for_every_kind_of_address() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let addresses = addresses(&deployment).await;
    for (path, status) in [
        ("/password-reset", "reset_sent"),
        ("/unblock", "unblock_sent"),
    ] {
        let mut answers = Vec::new();
        for _ in 0..5 {
            for email in addresses {
                let asked = json!({ "email": email });
                answers.push(deployment.visitor().post(path, asked).await.expect(202));
            }
        }
        all_alike(&answers);
        assert_eq!(answers[0].json, json!({ "status": status }));
    }
}

/// Checks: enum_reset (ASVS-6.3.8). A source has twenty mails an hour. If asking for an address
/// without an account cost nothing, the twentieth, to an address of one's own, would tell.
#[tokio::test]
async fn enum_reset_what_a_request_costs_a_source_is_the_same_for_every_kind_of_address() {
    let deployment = Deployment::with(two_servers()).await;
    deployment.create_account("ada@example.com").await;
    for path in ["/password-reset", "/unblock"] {
        let mut arrived = Vec::new();
        for asked_for in ["ada@example.com", "nobody@example.com"] {
            let source = format!("192.0.2.{}", 1 + deployment.mails().len());
            let visitor = deployment.visitor().with_header("x-forwarded-for", &source);
            let ask = async |path: &str, email: &str| {
                let answer = visitor.post(path, json!({ "email": email })).await;
                answer.expect(202);
            };
            let before = deployment.mails().len();
            for n in 0..19 {
                let own = format!("own{n}-{before}@example.org");
                ask("/accounts", &own).await;
            }
            settle(&deployment).await;
            ask(path, asked_for).await;
            settle(&deployment).await;
            let mine = format!("mine-{before}@example.org");
            ask("/accounts", &mine).await;
            settle(&deployment).await;
            arrived.push(deployment.mails().iter().any(|mail| mail.to == mine));
        }
        assert_eq!(arrived, [false, false], "{path}");
    }
}
