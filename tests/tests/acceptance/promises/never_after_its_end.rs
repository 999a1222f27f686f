//! What must never happen: that a session, a challenge, a link or an enrollment works after the event
//! that ended it, even for one request.

use acceptance::{Caller, Deployment, OTHER_PASSWORD, Options};
use chrono::Duration;
use serde_json::json;

use super::protected::{
    CONFIRM, Protected, change_password, confirm, login, present, reset, reset_link,
};

/// Every change of a credential of an account with two-factor on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    PasswordChanged,
    PasswordReset,
    TwoFactorOff,
    Unlocked,
}

const CHANGES: [Change; 4] = [
    Change::PasswordChanged,
    Change::PasswordReset,
    Change::TwoFactorOff,
    Change::Unlocked,
];

impl Change {
    async fn make(self, deployment: &Deployment, ada: &Protected) {
        match self {
            Self::PasswordChanged => {
                let from = &ada.person.password;
                change_password(&ada.owner, from, OTHER_PASSWORD)
                    .await
                    .expect(204);
            }
            Self::PasswordReset => {
                let token = reset_link(deployment, &ada.person.email, 1).await;
                reset(&ada.visitor, &token, OTHER_PASSWORD)
                    .await
                    .expect(200);
            }
            Self::TwoFactorOff => {
                ada.disable(&ada.owner).await.expect(204);
            }
            Self::Unlocked => {
                ada.unlock(deployment).await.expect(200);
            }
        }
    }

    fn ends_the_session_that_asks(self) -> bool {
        matches!(self, Self::PasswordReset | Self::Unlocked)
    }
}

/// Checks: factor_change_ends_others (ASVS-7.4.3).
#[tokio::test]
async fn no_session_works_after_the_change_of_a_credential_that_ended_it() {
    let deployment = Deployment::with(Options::default().servers(2)).await;
    for (number, change) in CHANGES.into_iter().enumerate() {
        let ada = Protected::open(&deployment, &format!("ada{number}@example.com")).await;
        let other = ada.sign_in(&deployment).await;
        other.get("/session").await.expect(200);
        change.make(&deployment, &ada).await;
        for server in &deployment.servers {
            let answer = other.at(&server.url).get("/session").await;
            answer.expect_problem(401, "unauthenticated");
        }
        let asking = ada.owner.get("/session").await;
        if change.ends_the_session_that_asks() {
            asking.expect_problem(401, "unauthenticated");
        } else {
            asking.expect(200);
        }
    }
}

#[tokio::test]
async fn no_challenge_works_after_a_change_of_a_credential() {
    let deployment = Deployment::with(Options::default().servers(2)).await;
    for (number, change) in CHANGES.into_iter().enumerate() {
        let ada = Protected::open(&deployment, &format!("ada{number}@example.com")).await;
        let challenge = ada.challenge().await;
        change.make(&deployment, &ada).await;
        let code = ada.fresh_code(&deployment);
        for server in &deployment.servers {
            let answer = present(&ada.visitor.at(&server.url), &challenge, &code).await;
            assert_eq!(answer.status, 401, "{change:?}: {}", answer.text);
            assert_eq!(answer.code(), "challenge_expired", "{change:?}");
        }
    }
}

#[tokio::test]
async fn no_reset_link_works_after_a_change_of_a_credential() {
    let deployment = Deployment::start().await;
    for (number, change) in CHANGES.into_iter().enumerate() {
        let email = format!("ada{number}@example.com");
        let person = deployment.create_account(&email).await;
        let ada = Protected::protect(&deployment, person).await;
        if change != Change::PasswordReset {
            let token = reset_link(&deployment, &email, 1).await;
            change.make(&deployment, &ada).await;
            let answer = reset(&ada.visitor, &token, OTHER_PASSWORD).await;
            assert_eq!(answer.status, 410, "{change:?}: {}", answer.text);
            continue;
        }
        // Several links are valid until one is used; then all are spent.
        let first = reset_link(&deployment, &email, 1).await;
        let second = reset_link(&deployment, &email, 2).await;
        reset(&ada.visitor, &first, OTHER_PASSWORD)
            .await
            .expect(200);
        for token in [&first, &second] {
            let answer = reset(&ada.visitor, token, OTHER_PASSWORD).await;
            answer.expect_problem(410, "token_expired");
        }
    }
}

#[tokio::test]
async fn no_reset_link_and_no_other_session_works_after_two_factor_went_on() {
    let deployment = Deployment::start().await;
    let person = deployment.create_account("ada@example.com").await;
    let other = person.sign_in(&deployment.visitor()).await;
    let token = reset_link(&deployment, "ada@example.com", 1).await;
    let ada = Protected::protect(&deployment, person).await;
    other
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
    ada.owner.get("/session").await.expect(200);
    reset(&ada.visitor, &token, OTHER_PASSWORD)
        .await
        .expect_problem(410, "token_expired");
}

/// An enrollment is pending in a session; what was begun with the old credential is void.
#[tokio::test]
async fn no_pending_enrollment_outlives_a_change_of_a_credential() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let authenticator = ada.start_enrollment(&owner).await;
    change_password(&owner, &ada.password, OTHER_PASSWORD)
        .await
        .expect(204);
    let code = authenticator.code(deployment.clock.now());
    confirm(&owner, &code)
        .await
        .expect_problem(409, "no_enrollment");

    let ada = acceptance::Person {
        password: OTHER_PASSWORD.to_owned(),
        ..ada
    };
    ada.start_enrollment(&owner).await;
    let token = reset_link(&deployment, &ada.email, 1).await;
    reset(&deployment.visitor(), &token, acceptance::PASSWORD)
        .await
        .expect(200);
    let answer = login(&deployment.visitor(), &ada.email, acceptance::PASSWORD).await;
    let owner = deployment
        .visitor()
        .with_bearer(&answer.expect(200).text_at("/session/token"));
    let settings = owner.get("/settings").await.expect(200);
    assert_eq!(settings.json["two_factor"], json!({ "status": "disabled" }));
    owner
        .post(CONFIRM, json!({ "code": code }))
        .await
        .expect_problem(409, "no_enrollment");
}

/// Checks: logout_kills_token (ASVS-7.4.1).
#[tokio::test]
async fn no_session_works_after_it_was_signed_out_ended_or_expired() {
    let deployment = Deployment::with(Options::default().servers(2)).await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let dead = async |owner: &Caller| {
        for server in &deployment.servers {
            let answer = owner.at(&server.url).get("/session").await;
            answer.expect_problem(401, "unauthenticated");
        }
    };
    let owner = ada.sign_in(&visitor).await;
    owner.post("/logout", json!({})).await.expect(204);
    dead(&owner).await;
    owner
        .post("/logout", json!({}))
        .await
        .expect_problem(401, "unauthenticated");

    let (owner, other) = (ada.sign_in(&visitor).await, ada.sign_in(&visitor).await);
    let id = other.get("/session").await.text_at("/session/id");
    owner.delete(&format!("/sessions/{id}")).await.expect(204);
    dead(&other).await;
    let other = ada.sign_in(&visitor).await;
    owner.delete("/sessions").await.expect(204);
    dead(&other).await;
    owner.get("/session").await.expect(200);
    deployment.clock.turn(Duration::days(15));
    dead(&owner).await;
}
