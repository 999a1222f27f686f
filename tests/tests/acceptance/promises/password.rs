//! `PUT /settings/password`, and the current password as a proof.

use acceptance::{Deployment, OTHER_PASSWORD, PASSWORD};
use chrono::Duration;
use serde_json::json;

use super::protected::{DISABLE, ENROLLMENT, PASSWORD_SETTING, change_password, current, login};
use super::shape::{problem_without_request, retry_after};

/// Checks: pw_change_works (ASVS-6.2.2).
#[tokio::test]
async fn a_changed_password_replaces_the_old_one_and_ends_every_other_session() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let (owner, other) = (ada.sign_in(&visitor).await, ada.sign_in(&visitor).await);
    let answer = change_password(&owner, PASSWORD, OTHER_PASSWORD).await;
    assert!(answer.expect(204).text.is_empty());
    other
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
    let sessions = owner.get("/sessions").await.expect(200);
    assert_eq!(sessions.json["sessions"].as_array().unwrap().len(), 1);
    login(&visitor, &ada.email, PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");
    login(&visitor, &ada.email, OTHER_PASSWORD)
        .await
        .expect(200);
    deployment.verify().await;
}

/// Checks: pw_change_needs_current (ASVS-6.2.3).
#[tokio::test]
async fn a_wrong_current_password_changes_nothing_and_the_session_lives() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let answer = change_password(&owner, OTHER_PASSWORD, OTHER_PASSWORD).await;
    let expected = answer.expect_problem(401, "invalid_credentials");
    // What the new one is worth is told to nobody who does not know the current one.
    let answer = change_password(&owner, OTHER_PASSWORD, "short").await;
    let answer = answer.expect_problem(401, "invalid_credentials");
    assert_eq!(
        problem_without_request(&answer),
        problem_without_request(&expected)
    );
    let body = json!({ "new_password": OTHER_PASSWORD });
    owner
        .put(PASSWORD_SETTING, body)
        .await
        .expect_problem(400, "invalid_request");
    owner.get("/session").await.expect(200);
    ada.sign_in(&deployment.visitor()).await;
}

/// Ten within an hour, whatever they were given for; the session lives.
#[tokio::test]
async fn ten_wrong_current_passwords_in_a_session_are_enough_for_an_hour() {
    let deployment = Deployment::start().await;
    let ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let (owner, other) = (ada.sign_in(&visitor).await, ada.sign_in(&visitor).await);
    let wrong = json!({ "current_password": OTHER_PASSWORD });
    for number in 0..10 {
        let answer = if number % 2 == 0 {
            owner.post(ENROLLMENT, wrong.clone()).await
        } else {
            change_password(&owner, OTHER_PASSWORD, OTHER_PASSWORD).await
        };
        answer.expect_problem(401, "invalid_credentials");
    }
    let answer = owner.post(ENROLLMENT, current(&ada)).await;
    let answer = answer.expect_problem(429, "too_many_attempts");
    let wait = retry_after(&answer);
    assert!(wait > Duration::minutes(58) && wait <= Duration::hours(1));
    change_password(&owner, PASSWORD, OTHER_PASSWORD)
        .await
        .expect_problem(429, "too_many_attempts");
    owner.get("/session").await.expect(200);
    owner.get("/settings").await.expect(200);

    // Another session and the way in are not touched.
    let now = deployment.clock.now();
    ada.sign_in(&visitor).await;
    other.post(ENROLLMENT, current(&ada)).await.expect(201);
    deployment.clock.turn(wait);
    ada.enable_two_factor(&owner, now + wait).await;
    for _ in 0..10 {
        owner
            .post(DISABLE, wrong.clone())
            .await
            .expect_problem(401, "invalid_credentials");
    }
    owner
        .post(DISABLE, current(&ada))
        .await
        .expect_problem(429, "too_many_attempts");
    deployment.verify().await;
}

/// The end of the window: failures of an hour ago count for nothing.
#[tokio::test]
async fn nine_wrong_current_passwords_leave_a_tenth_try() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let wrong = json!({ "current_password": OTHER_PASSWORD });
    for _ in 0..9 {
        owner
            .post(ENROLLMENT, wrong.clone())
            .await
            .expect_problem(401, "invalid_credentials");
    }
    owner.post(ENROLLMENT, current(&ada)).await.expect(201);
    deployment.clock.turn(Duration::minutes(61));
    for _ in 0..9 {
        owner
            .post(ENROLLMENT, wrong.clone())
            .await
            .expect_problem(401, "invalid_credentials");
    }
    owner.post(ENROLLMENT, current(&ada)).await.expect(201);
}
