//! Sessions: the list, ending them, how many there are, and how long they last.

use acceptance::{Caller, Deployment, Options, Person};
use chrono::Duration;
use serde_json::Value;

use super::protected::turn_to;
use super::shape::{assert_about, assert_uuid_v7, instant, members};

async fn id(owner: &Caller) -> String {
    owner
        .get("/session")
        .await
        .expect(200)
        .text_at("/session/id")
}

async fn listed(owner: &Caller) -> Vec<Value> {
    let answer = owner.get("/sessions").await.expect(200);
    assert_eq!(members(&answer.json), ["sessions"]);
    answer.json["sessions"].as_array().unwrap().clone()
}

async fn dead(owner: &Caller) {
    owner
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn the_list_has_address_and_browser_and_marks_the_current_one() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let firefox = deployment.visitor().with_header("user-agent", "Firefox/1");
    let (first, second) = (
        ada.sign_in(&deployment.visitor()).await,
        ada.sign_in(&firefox).await,
    );
    let sessions = listed(&first).await;
    assert_eq!(sessions.len(), 2);
    for session in &sessions {
        assert_eq!(
            members(session),
            [
                "created_at",
                "current",
                "factors",
                "id",
                "ip",
                "last_seen_at",
                "user_agent"
            ]
        );
        assert_uuid_v7(&session["id"]);
        assert_eq!(session["ip"], "127.0.0.1");
        assert_eq!(session["factors"], serde_json::json!(["password"]));
        assert_about(&session["created_at"], deployment.clock.now());
        assert_about(&session["last_seen_at"], deployment.clock.now());
    }
    let current = |sessions: &[Value]| {
        let mut current = sessions.iter().filter(|session| session["current"] == true);
        let id = current.next().unwrap()["id"].as_str().unwrap().to_owned();
        assert!(current.next().is_none());
        id
    };
    assert_eq!(current(&sessions), id(&first).await);
    let sessions = listed(&second).await;
    assert_eq!(current(&sessions), id(&second).await);
    let mine = sessions.iter().find(|session| session["current"] == true);
    assert_eq!(mine.unwrap()["user_agent"], "Firefox/1");
}

#[tokio::test]
async fn ending_one_session_or_all_others_leaves_the_rest() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let ben = deployment.create_account("ben@example.com").await;
    let visitor = deployment.visitor();
    let (mine, other, third) = (
        ada.sign_in(&visitor).await,
        ada.sign_in(&visitor).await,
        ada.sign_in(&visitor).await,
    );
    let of_ben = ben.sign_in(&visitor).await;
    let path = format!("/sessions/{}", id(&other).await);
    of_ben.delete(&path).await.expect_problem(404, "not_found");
    mine.delete(&path).await.expect(204);
    dead(&other).await;
    third.get("/session").await.expect(200);
    mine.delete(&path).await.expect_problem(404, "not_found");

    mine.delete("/sessions").await.expect(204);
    dead(&third).await;
    assert_eq!(listed(&mine).await.len(), 1);
    mine.delete("/sessions").await.expect(204);
    of_ben.get("/session").await.expect(200);
    // Ending the current one is signing out.
    let path = format!("/sessions/{}", id(&mine).await);
    mine.delete(&path).await.expect(204);
    dead(&mine).await;
    for path in ["/sessions/1", "/sessions/%00", "/sessions/me"] {
        let answer = of_ben.delete(path).await;
        assert!([400, 404].contains(&answer.status.as_u16()), "{path}");
    }
    deployment.verify().await;
}

#[tokio::test]
async fn the_oldest_session_makes_room_for_the_eleventh() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let mut owners = Vec::new();
    for _ in 0..11 {
        owners.push(ada.sign_in(&visitor).await);
    }
    dead(&owners[0]).await;
    owners[1].get("/session").await.expect(200);
    assert_eq!(listed(&owners[10]).await.len(), 10);
    // A session that has expired or was ended takes no room.
    owners[10].delete("/sessions").await.expect(204);
    owners.push(ada.sign_in(&visitor).await);
    owners[10].get("/session").await.expect(200);
    deployment.verify().await;
}

/// Checks: idle_timeout (ASVS-7.3.1), idle_reset_by_activity (NIST-5.2-A..C).
#[tokio::test]
async fn a_session_that_is_not_used_for_a_day_is_over() {
    let deployment = Deployment::with(Options::default().servers(2)).await;
    let ada = deployment.create_account("ada@example.com").await;
    let (used, unused) = (
        ada.sign_in(&deployment.visitor()).await,
        ada.sign_in(&deployment.visitor()).await,
    );
    deployment.clock.turn(Duration::hours(23));
    let answer = used.get("/session").await.expect(200);
    assert_about(
        &answer.json["session"]["last_seen_at"],
        deployment.clock.now(),
    );
    deployment.clock.turn(Duration::minutes(61));
    dead(&unused).await;
    used.at(&deployment.servers[1].url)
        .get("/session")
        .await
        .expect(200);
    assert_eq!(listed(&used).await.len(), 1);
    deployment.clock.turn(Duration::hours(24));
    dead(&used).await;
}

/// Checks: absolute_timeout (ASVS-7.3.2, NIST-5.1-E).
#[tokio::test]
async fn a_session_is_over_after_a_fortnight_however_much_it_is_used() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let expires_at = |answer: &acceptance::Answer| instant(&answer.json["session"]["expires_at"]);
    let end = expires_at(&owner.get("/session").await.expect(200));
    assert!((end - deployment.clock.now() - Duration::days(14)).abs() < Duration::minutes(1));
    for _ in 0..16 {
        deployment.clock.turn(Duration::hours(20));
        let answer = owner.get("/session").await.expect(200);
        assert_eq!(expires_at(&answer), end);
    }
    turn_to(&deployment, end - Duration::seconds(20));
    owner.get("/session").await.expect(200);
    turn_to(&deployment, end);
    dead(&owner).await;
    deployment.verify().await;
}

#[tokio::test]
async fn both_lifetimes_are_settings() {
    let options = Options::default()
        .setting("COUNTERSIGN_SESSION_IDLE", "10m")
        .setting("COUNTERSIGN_SESSION_LIFETIME", "25m");
    let deployment = Deployment::with(options).await;
    let ada = deployment.create_account("ada@example.com").await;
    let mut browser = super::browser::Browser::new(&deployment);
    let answer = browser.login(&ada).await.expect(200);
    let end = deployment.clock.now() + Duration::minutes(25);
    assert_about(&answer.json["session"]["expires_at"], end);
    let idle = ada.sign_in(&deployment.visitor()).await;
    for _ in 0..3 {
        deployment.clock.turn(Duration::minutes(8));
        browser.get("/session").await.expect(200);
    }
    dead(&idle).await;
    deployment.clock.turn(Duration::minutes(2));
    browser
        .get("/session")
        .await
        .expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn signing_in_ends_no_other_session_and_belongs_to_its_own_account() {
    let deployment = Deployment::start().await;
    let (ada, ben) = (
        deployment.create_account("ada@example.com").await,
        deployment.create_account("ben@example.com").await,
    );
    let owner = ada.sign_in(&deployment.visitor()).await;
    let account = |owner: Caller| async move {
        let answer = owner.get("/session").await.expect(200);
        answer.text_at("/account/email")
    };
    // The same browser, with another person before it.
    let mut browser = super::browser::Browser::new(&deployment);
    for person in [&ada, &ben] as [&Person; 2] {
        browser.login(person).await.expect(200);
        assert_eq!(account(browser.bare()).await, person.email);
    }
    assert_eq!(account(owner).await, ada.email);
}
