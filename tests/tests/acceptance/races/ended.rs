//! What ended is nobody's, on any server, from the moment the answer leaves.
//!
//! Together these tests race 1,000 endings against session checks on a second process.
//!
//! Checks: revoke_is_immediate (ASVS-8.3.2), factor_change_ends_others (ASVS-7.4.3),
//! logout_kills_token (ASVS-7.4.1), factor_revocation_immediate (ASVS-6.5.6).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use acceptance::{Answer, Caller, Deployment, OTHER_PASSWORD, Options, PASSWORD};
use chrono::Duration;
use serde_json::json;
use sqlx::Connection;
use tokio::task::JoinHandle;

use crate::evidence::support::{execute, owner};
use crate::races::crowd::{empty_mailbox, somebody_waits};
use crate::surface::world::{revoke_staff, staff_id, staff_token};

async fn two_servers() -> Deployment {
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    Deployment::with(options).await
}

/// Between two checks: endings hash passwords as well, and share the processor.
const PACE: std::time::Duration = std::time::Duration::from_millis(30);

/// Session checks, one after the other.
struct Watch {
    ended: Arc<AtomicBool>,
    checks: JoinHandle<Vec<(Instant, u16)>>,
}

impl Watch {
    fn begin(owner: &Caller) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (owner, end) = (owner.clone(), Arc::clone(&ended));
        let checks = tokio::spawn(async move {
            let mut checks = Vec::new();
            while !end.load(Ordering::Relaxed) {
                let began = Instant::now();
                checks.push((began, owner.get("/session").await.status.as_u16()));
                tokio::time::sleep(PACE).await;
            }
            checks
        });
        Self { ended, checks }
    }

    /// Two checks more; none that began after `answered` may succeed. How many did before it.
    async fn finish(self, owner: &Caller, answered: Instant) -> usize {
        for _ in 0..2 {
            owner
                .get("/session")
                .await
                .expect_problem(401, "unauthenticated");
        }
        self.ended.store(true, Ordering::Relaxed);
        let checks = self.checks.await.unwrap();
        let late = checks.iter().filter(|(began, _)| *began >= answered);
        let late = late.map(|(_, status)| *status).collect::<Vec<_>>();
        assert!(late.iter().all(|status| *status == 401), "{late:?}");
        assert!(
            checks.iter().all(|(_, status)| [200, 401].contains(status)),
            "{checks:?}"
        );
        checks.iter().filter(|(_, status)| *status == 200).count()
    }
}

/// Ends the session of `owner` by `ending` at the first server while the second one is asked about
/// it all the time. Whether the race was one: that the session was live when it began.
async fn race(
    deployment: &Deployment,
    owner: &Caller,
    ending: impl Future<Output = Answer>,
) -> (Answer, bool) {
    let elsewhere = owner.at(&deployment.servers[1].url);
    elsewhere.get("/session").await.expect(200);
    let watch = Watch::begin(&elsewhere);
    let answer = ending.await;
    let answered = Instant::now();
    let live = watch.finish(&elsewhere, answered).await;
    (answer, live > 0)
}

/// Scenario:
/// 1. An owner is signed in; two servers run.
/// 2. The password is reset at the first server, while the second is asked about the session
///    all the time.
/// 3. No check that began after the answer had arrived succeeds. 200 rounds.
#[tokio::test]
async fn no_session_check_on_another_server_succeeds_after_a_reset_was_answered() {
    let deployment = two_servers().await;
    let mut ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let mut races = 0;
    for round in 0..200 {
        deployment.clock.turn(Duration::hours(3));
        empty_mailbox(&deployment);
        let email = json!({ "email": ada.email });
        visitor.post("/password-reset", email).await.expect(202);
        let owner = ada.sign_in(&visitor).await;
        let token = deployment.mailed_token(&ada.email, "reset").await;
        ada.password = [OTHER_PASSWORD, PASSWORD][round % 2].to_owned();
        let body = json!({ "token": token, "new_password": ada.password });
        let ending = visitor.post("/password-reset/confirm", body);
        let (answer, was_live) = race(&deployment, &owner, ending).await;
        answer.expect(204);
        races += usize::from(was_live);
    }
    assert!(races > 100, "only {races} rounds were races");
    deployment.verify().await;
}

/// Scenario:
/// 1. An owner is signed in twice; two servers run.
/// 2. The password is changed in the one session at the first server, while the second is asked
///    about the other session all the time.
/// 3. No check that began after the answer had arrived succeeds; the session in which the password
///    was changed goes on. 200 rounds.
#[tokio::test]
async fn no_check_of_another_session_succeeds_after_a_password_change_was_answered() {
    let deployment = two_servers().await;
    let mut ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner = ada.sign_in(&visitor).await;
    let mut races = 0;
    for round in 0..200 {
        let other = ada.sign_in(&visitor).await;
        let new = [OTHER_PASSWORD, PASSWORD][round % 2].to_owned();
        let body = json!({ "current_password": ada.password, "new_password": new });
        let ending = owner.put("/settings/password", body);
        let (answer, was_live) = race(&deployment, &other, ending).await;
        answer.expect(204);
        ada.password = new;
        races += usize::from(was_live);
    }
    assert!(races > 100, "only {races} rounds were races");
    owner.get("/session").await.expect(200);
    deployment.verify().await;
}

/// Scenario:
/// 1. An owner is signed in twice; two servers run.
/// 2. Two-factor is turned on in the one session at the first server, while the second is asked
///    about the other session all the time. No check that began after the answer succeeds.
/// 3. The owner signs in elsewhere with a code, and two-factor is turned off in the first session:
///    the same. 150 rounds, 300 races.
#[tokio::test]
async fn no_check_of_another_session_succeeds_after_two_factor_was_turned_on_or_off() {
    let deployment = two_servers().await;
    let ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner = ada.sign_in(&visitor).await;
    let mut races = 0;
    for _ in 0..150 {
        let other = ada.sign_in(&visitor).await;
        let authenticator = ada.start_enrollment(&owner).await;
        let body = json!({ "code": authenticator.code(deployment.clock.now()) });
        let ending = owner.post("/settings/two-factor/enrollment/confirm", body);
        let (answer, was_live) = race(&deployment, &other, ending).await;
        answer.expect(200);
        races += usize::from(was_live);

        deployment.clock.turn_to_next_step();
        let code = authenticator.code(deployment.clock.now());
        let other = ada.sign_in_with(&visitor, &code).await;
        let body = json!({ "current_password": ada.password });
        let ending = owner.post("/settings/two-factor/disable", body);
        let (answer, was_live) = race(&deployment, &other, ending).await;
        answer.expect(204);
        races += usize::from(was_live);
        deployment.clock.turn_to_next_step();
    }
    assert!(races > 150, "only {races} of 300 were races");
    owner.get("/session").await.expect(200);
    deployment.verify().await;
}

/// Scenario:
/// 1. An owner is signed in and has turned two-factor on; two servers run.
/// 2. Support unlocks the account at the first server, while the second is asked about the session
///    all the time.
/// 3. No check that began after the answer had arrived succeeds. 300 rounds.
#[tokio::test]
async fn no_session_check_on_another_server_succeeds_after_an_unlock_was_answered() {
    let deployment = two_servers().await;
    let ada = deployment.register("ada@example.com").await;
    let (visitor, support) = (deployment.visitor(), deployment.support().await);
    let id = deployment.account_id(&ada.email).await;
    let path = format!("/support/accounts/{id}/unlock");
    let mut races = 0;
    for _ in 0..300 {
        let owner = ada.sign_in(&visitor).await;
        ada.enable_two_factor(&owner, deployment.clock.now()).await;
        deployment.clock.turn_to_next_step();
        let body = json!({ "reason": "lost the phone, showed a passport" });
        let ending = support.post(&path, body);
        let (answer, was_live) = race(&deployment, &owner, ending).await;
        answer.expect(200);
        races += usize::from(was_live);
    }
    assert!(races > 150, "only {races} rounds were races");
    deployment.verify().await;
}

/// Scenario:
/// 1. Support unlocks an account, and waits for the row of its state, which somebody has.
/// 2. Meanwhile this member of staff is revoked, and that is answered.
/// 3. Whoever has the row changes nothing and lets go of it. The unlock is refused, and two-factor
///    is on as before.
#[tokio::test]
async fn an_unlock_that_waited_while_its_member_of_staff_was_revoked_changes_nothing() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let session = ada.sign_in(&deployment.visitor()).await;
    ada.enable_two_factor(&session, deployment.clock.now())
        .await;
    let account = deployment.account_id(&ada.email).await;
    let token = staff_token(&deployment, "support", "Nora", "90d").await;
    let nora = deployment.visitor().with_bearer(&token);
    let id = staff_id(&deployment, "Nora").await;

    let (mut connection, mut watch) = (owner(&deployment).await, owner(&deployment).await);
    let mut holding = connection.begin().await.unwrap();
    let state = format!("SELECT FROM states WHERE aggregate_id = '{account}' FOR UPDATE");
    execute(&mut holding, &state).await;
    let path = format!("/support/accounts/{account}/unlock");
    let unlock = nora.post(&path, json!({ "reason": "lost the phone" }));
    let revoked_meanwhile = async {
        somebody_waits(&mut watch).await;
        revoke_staff(&deployment, &id).await;
        holding.rollback().await.unwrap();
    };
    let (answer, ()) = tokio::join!(unlock, revoked_meanwhile);
    answer.expect_problem(401, "unauthenticated");
    let settings = session.get("/settings").await.expect(200);
    assert_eq!(settings.text_at("/two_factor/status"), "enabled");
    deployment.verify().await;
}
