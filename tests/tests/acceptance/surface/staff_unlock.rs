//! Unlocking: under a name and with a reason, once, and the owner hears of it.

use acceptance::{Authenticator, Caller};
use serde_json::{Value, json};

use crate::surface::world::{World, account_id, all_settled, staff_id};

fn unlock_path(world: &World) -> String {
    format!("/support/accounts/{}/unlock", world.ada_id)
}

fn reason() -> Value {
    json!({ "reason": "Lost phone; showed \u{1f4f1} passport", "ticket": "HELP-7" })
}

async fn with_two_factor(world: &World) -> Authenticator {
    world
        .ada
        .enable_two_factor(&world.owner, world.deployment.clock.now())
        .await
}

async fn unlocks(world: &World) -> Vec<Value> {
    let mut events = world.deployment.events(&world.auditor, &world.ada_id).await;
    events.retain(|event| event["type"] == "AccountUnlocked");
    events
}

/// Promise 7, as staff and auditors see it.
#[tokio::test]
async fn an_unlock_lifts_everything_and_stands_in_the_history_under_a_name_with_a_reason() {
    let world = World::start().await;
    with_two_factor(&world).await;
    let visitor = world.deployment.visitor();
    let challenge = world.ada.challenge(&visitor).await;
    let asking = world.support.clone().with_header("x-request-id", "case-7");
    let answer = asking
        .post(&unlock_path(&world), reason())
        .await
        .expect(200);
    assert_eq!(answer.json.as_object().unwrap().len(), 1);
    assert_eq!(answer.json["account"]["id"], world.ada_id);
    assert_eq!(answer.json["account"]["two_factor"], "disabled");
    assert_eq!(answer.json["account"]["locked"], false);

    world
        .owner
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
    let code = json!({ "challenge": challenge, "code": "000000" });
    let code = visitor.post("/login/second-factor", code).await;
    code.expect_problem(401, "challenge_expired");
    let owner = world.ada.sign_in(&visitor).await;
    assert_eq!(account_id(&owner).await, world.ada_id);
    world.deployment.mail(&world.ada.email, "unlocked").await;

    let unlocked = unlocks(&world).await;
    assert_eq!(unlocked.len(), 1);
    let event = &unlocked[0];
    let sam = staff_id(&world.deployment, "Sam Support").await;
    assert_eq!(
        event["actor"],
        json!({ "kind": "support", "id": sam, "name": "Sam Support" })
    );
    assert_eq!(event["request"]["id"], "case-7");
    assert_eq!(event["data"]["reason"], reason()["reason"]);
    assert_eq!(event["data"]["ticket"], "HELP-7");
    assert_eq!(event["data"]["two_factor_was_on"], true);
    world.deployment.verify().await;
}

#[tokio::test]
async fn an_unlock_needs_a_reason_an_account_and_something_to_unlock() {
    let world = World::start().await;
    let path = unlock_path(&world);
    let answer = world.support.post(&path, reason()).await;
    answer.expect_problem(409, "nothing_to_unlock");
    with_two_factor(&world).await;
    for empty in ["", " ", "\t\n", "\u{2003}"] {
        let answer = world.support.post(&path, json!({ "reason": empty })).await;
        let answer = answer.expect_problem(422, "reason_required");
        assert_eq!(answer.json["errors"][0]["pointer"], "/reason");
    }
    let control = json!({ "reason": "a\u{1b}[31m" });
    world
        .support
        .post(&path, control)
        .await
        .expect_problem(400, "invalid_request");
    let nobody = format!(
        "/support/accounts/{}/unlock",
        crate::surface::world::NOBODYS_ID
    );
    world
        .support
        .post(&nobody, reason())
        .await
        .expect_problem(404, "not_found");
    for key in ["a b", "\u{e4}", &"k".repeat(256)] {
        let keyed = world.support.clone().with_header("idempotency-key", key);
        keyed
            .post(&path, reason())
            .await
            .expect_problem(400, "invalid_request");
    }
    world.owner.get("/session").await.expect(200);
    assert_eq!(unlocks(&world).await.len(), 0);
    let settings = world.owner.get("/settings").await.expect(200);
    assert_eq!(settings.json["two_factor"]["status"], "enabled");
}

#[tokio::test]
async fn a_repeat_with_the_same_key_gets_the_first_answer_and_changes_nothing() {
    let world = World::start().await;
    with_two_factor(&world).await;
    let path = unlock_path(&world);
    let keyed = world
        .support
        .clone()
        .with_header("idempotency-key", "case-7");
    let first = keyed.post(&path, reason()).await.expect(200);
    let owner = world.ada.sign_in(&world.deployment.visitor()).await;
    world.deployment.clock.turn_to_next_step();
    world
        .ada
        .enable_two_factor(&owner, world.deployment.clock.now())
        .await;
    let again = keyed.post(&path, reason()).await.expect(200);
    assert_eq!(again.text, first.text);

    for other in [
        json!({ "reason": "another" }),
        json!({ "reason": reason()["reason"] }),
        json!({ "reason": reason()["reason"], "ticket": "HELP-8" }),
    ] {
        let answer = keyed.post(&path, other).await;
        answer.expect_problem(422, "idempotency_key_reused");
    }
    let bob = world.deployment.create_account("bob@example.com").await;
    let bob = account_id(&bob.sign_in(&world.deployment.visitor()).await).await;
    let other = keyed
        .post(&format!("/support/accounts/{bob}/unlock"), reason())
        .await;
    other.expect_problem(422, "idempotency_key_reused");
    owner.get("/session").await.expect(200);
    assert_eq!(unlocks(&world).await.len(), 1);
    all_settled(&world.deployment).await;
    let mails = world.deployment.mails();
    let unlocked = mails
        .iter()
        .filter(|mail| mail.subject.contains("unlocked"));
    assert_eq!(unlocked.count(), 1);
}

#[tokio::test]
async fn a_key_belongs_to_the_member_of_staff_who_used_it() {
    let world = World::start().await;
    with_two_factor(&world).await;
    let path = unlock_path(&world);
    let keyed = |caller: &Caller| caller.clone().with_header("idempotency-key", "k");
    keyed(&world.support)
        .post(&path, reason())
        .await
        .expect(200);
    let other = world.deployment.staff("support", "Olga").await;
    let answer = keyed(&other).post(&path, reason()).await;
    answer.expect_problem(409, "nothing_to_unlock");
    keyed(&world.support)
        .post(&path, reason())
        .await
        .expect(200);
}

#[tokio::test]
async fn simultaneous_repeats_on_two_servers_unlock_once_and_all_get_the_first_answer() {
    let two = acceptance::Options::default().servers(2);
    let world = World::with(two).await;
    with_two_factor(&world).await;
    let path = unlock_path(&world);
    let keyed = world
        .support
        .clone()
        .with_header("idempotency-key", "case-7");
    let calls = (0..8).map(|n| {
        let (caller, path) = (keyed.at(&world.deployment.servers[n % 2].url), path.clone());
        tokio::spawn(async move { caller.post(&path, reason()).await.expect(200).text })
    });
    let calls = calls.collect::<Vec<_>>();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(unlocks(&world).await.len(), 1);
    world.deployment.verify().await;
}
