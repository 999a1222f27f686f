//! What must never happen: that a code is accepted twice, or one of another device or account.

use acceptance::{Caller, Deployment, Options};
use chrono::Duration;

use super::protected::{Protected, confirm, present};

/// Checks: factor_revocation_immediate (ASVS-6.5.6).
#[tokio::test]
async fn no_code_of_a_replaced_device_is_accepted() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    ada.disable(&ada.owner).await.expect(204);
    deployment.clock.turn_to_next_step();
    let new = ada.person.start_enrollment(&ada.owner).await;
    let old_code = ada.authenticator.code(deployment.clock.now());
    confirm(&ada.owner, &old_code)
        .await
        .expect_problem(401, "invalid_code");
    let code = new.code(deployment.clock.now());
    confirm(&ada.owner, &code).await.expect(200);
    let old_code = ada.fresh_code(&deployment);
    ada.attempt(&old_code)
        .await
        .expect_problem(401, "invalid_code");
}

#[tokio::test]
async fn no_code_of_an_enrollment_that_was_begun_anew_is_accepted() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let first = ada.start_enrollment(&owner).await;
    let second = ada.start_enrollment(&owner).await;
    assert_ne!(first.secret, second.secret);
    let now = deployment.clock.now();
    confirm(&owner, &first.code(now))
        .await
        .expect_problem(401, "invalid_code");
    confirm(&owner, &second.code(now)).await.expect(200);
}

/// Checks: chk_nist_2_2_2_c (NIST-2.2.2-C).
///
/// The claim holds for as long as the code could be accepted, on every server and over restarts.
#[tokio::test]
async fn no_code_is_accepted_twice() {
    let mut deployment = Deployment::with(Options::default().servers(2)).await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let code = ada.fresh_code(&deployment);
    ada.person.sign_in_with(&ada.visitor, &code).await;
    let twice = async |ada: &Protected, visitor: &Caller| {
        let challenge = ada.person.challenge(visitor).await;
        let answer = present(visitor, &challenge, &code).await;
        answer.expect_problem(401, "invalid_code");
    };
    twice(&ada, &deployment.visitor_at(0)).await;
    twice(&ada, &deployment.visitor_at(1)).await;
    deployment.servers[0].terminate().await;
    deployment.restart(0).await;
    twice(&ada, &deployment.visitor_at(0)).await;
    // One step later it would still be within the window.
    deployment.clock.turn(Duration::seconds(32));
    twice(&ada, &deployment.visitor_at(1)).await;
    let next = ada.fresh_code(&deployment);
    let visitor = deployment.visitor();
    ada.person.sign_in_with(&visitor, &next).await;
}

/// Checks: confirm_code_spent (RFC6238-5.2-once).
#[tokio::test]
async fn no_code_that_confirmed_an_enrollment_signs_in_afterwards() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner = ada.sign_in(&visitor).await;
    deployment.clock.turn_to_next_step();
    let authenticator = ada.start_enrollment(&owner).await;
    let code = authenticator.code(deployment.clock.now());
    confirm(&owner, &code).await.expect(200);
    let challenge = ada.challenge(&visitor).await;
    present(&visitor, &challenge, &code)
        .await
        .expect_problem(401, "invalid_code");
    deployment.clock.turn_to_next_step();
    present(&visitor, &challenge, &code)
        .await
        .expect_problem(401, "invalid_code");
}

/// Each step is accepted once per account, whatever it was used for.
#[tokio::test]
async fn no_step_that_the_old_device_spent_confirms_the_new_one() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let code = ada.fresh_code(&deployment);
    let owner = ada.person.sign_in_with(&ada.visitor, &code).await;
    let now = deployment.clock.now();
    ada.disable(&owner).await.expect(204);
    let new = ada.person.start_enrollment(&owner).await;
    confirm(&owner, &new.code(now))
        .await
        .expect_problem(401, "invalid_code");
    confirm(&owner, &new.code(now + Duration::seconds(30)))
        .await
        .expect(200);
}

#[tokio::test]
async fn no_spent_code_is_accepted_in_another_spelling() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let code = ada.fresh_code(&deployment);
    ada.person.sign_in_with(&ada.visitor, &code).await;
    let (front, back) = code.split_at(3);
    let spellings = [
        format!("{front} {back}"),
        format!("{front}-{back}"),
        format!("  {code} "),
        format!("{front}\u{a0}{back}"),
    ];
    for spelling in spellings {
        ada.attempt(&spelling)
            .await
            .expect_problem(401, "invalid_code");
    }
}

#[tokio::test]
async fn no_code_of_an_earlier_step_is_accepted_after_a_later_one_was_spent() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    deployment.clock.turn(Duration::minutes(5));
    deployment.clock.turn_to_next_step();
    let now = deployment.clock.now();
    let step = Duration::seconds(30);
    let [previous, present, next] =
        [now - step, now, now + step].map(|t| ada.authenticator.code(t));
    ada.attempt(&next).await.expect(200);
    for spent in [&next, &present, &previous] {
        ada.attempt(spent).await.expect_problem(401, "invalid_code");
    }
}

/// A code proves a factor of its own account alone.
#[tokio::test]
async fn no_code_of_one_account_completes_the_sign_in_of_another() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let ben = Protected::open(&deployment, "ben@example.com").await;
    deployment.clock.turn_to_next_step();
    let (of_ada, of_ben) = (ada.challenge().await, ben.challenge().await);
    let code = ada.authenticator.code(deployment.clock.now());
    ben.present(&of_ben, &code)
        .await
        .expect_problem(401, "invalid_code");
    ada.present(&of_ada, &code).await.expect(200);
}
