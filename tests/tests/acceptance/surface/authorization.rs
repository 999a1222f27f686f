//! Who may call what, and that nobody reaches what is another's.

use acceptance::Caller;
use chrono::Duration;
use serde_json::json;

use crate::surface::contract::{CALLS, Who};
use crate::surface::problems::{assert_problem, without_request_id};
use crate::surface::world::{
    NOBODYS_ID, World, account_contents, account_id, revoke_staff, staff_id, staff_token,
};

/// A caller and what they are; `None` is nobody, in spite of what they present.
struct Caste(&'static str, Caller, Option<Who>);

async fn castes(world: &World) -> Vec<Caste> {
    let deployment = &world.deployment;
    let visitor = deployment.visitor();
    let staff = |token: &str| visitor.clone().with_bearer(token);
    let mut castes = Vec::new();
    for (role, name) in [("support", "Rita"), ("auditor", "Rolf")] {
        let token = staff_token(deployment, role, name, "90d").await;
        revoke_staff(deployment, &staff_id(deployment, name).await).await;
        castes.push(Caste("revoked staff", staff(&token), None));
    }
    for (role, name) in [("support", "Eva"), ("auditor", "Emil")] {
        let token = staff_token(deployment, role, name, "1h").await;
        castes.push(Caste("expired staff", staff(&token), None));
    }
    let ended = world.ada.sign_in(&visitor).await;
    ended.post("/logout", json!({})).await.expect(204);
    let bea = deployment.create_account("bea@example.com").await;
    let login = json!({ "email": bea.email, "password": bea.password });
    let cookie = visitor.post("/login", login).await.expect(200);
    let cookie = cookie.cookie("__Host-countersign_session").unwrap();
    let browser = visitor.clone().with_header("sec-fetch-site", "same-origin");
    let browser = browser.with_header("cookie", &format!("__Host-countersign_session={cookie}"));
    deployment.clock.turn(Duration::hours(2));
    castes.extend([
        Caste("visitor", visitor.clone(), None),
        Caste("garbage", visitor.clone().with_bearer("cs_staff_x"), None),
        Caste("ended session", ended, None),
        Caste("owner by bearer", world.owner.clone(), Some(Who::Owner)),
        Caste("owner by cookie", browser, Some(Who::Owner)),
        Caste("support", world.support.clone(), Some(Who::Support)),
        Caste("auditor", world.auditor.clone(), Some(Who::Auditor)),
    ]);
    castes
}

/// Checks: role_x_route_matrix (ASVS-8.2.1), staff_expired_refused (NIST-4.4-A..B),
/// forged_token_401 (ASVS-7.2.1, OWASP-SESS-1).
#[tokio::test]
async fn role_x_route_matrix_every_call_is_for_those_whom_the_contract_names_and_nobody_else() {
    let world = World::start().await;
    for Caste(name, caller, is) in castes(&world).await {
        for call in &CALLS {
            for id in [&world.ada_id, NOBODYS_ID] {
                let what = format!("{} by {name}", call.name());
                let body = call.has_body().then(|| json!({}));
                let answer = caller.send(call.method(), &call.path_for(id), body).await;
                let status = answer.status.as_u16();
                if call.who == Who::Visitor {
                    assert_problem(&answer, 400, "invalid_request", &what);
                } else if is == Some(call.who) {
                    let ended = call.path == "/logout" && status == 401;
                    assert!(
                        ended || ![401, 403].contains(&status),
                        "{what}: {}",
                        answer.text
                    );
                    assert!(status < 500, "{what}: {}", answer.text);
                } else if is.is_some() {
                    assert_problem(&answer, 403, "forbidden", &what);
                } else {
                    assert_problem(&answer, 401, "unauthenticated", &what);
                    assert_eq!(answer.headers["www-authenticate"], "Bearer", "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_says_the_same_of_an_account_that_exists_and_of_one_that_does_not() {
    let world = World::start().await;
    for caller in [world.deployment.visitor(), world.owner.clone()] {
        for call in CALLS
            .iter()
            .filter(|call| call.path.contains("accounts/{id}"))
        {
            let body = call.has_body().then(|| json!({ "reason": "x" }));
            let ask = async |id: &str| {
                let answer = caller
                    .send(call.method(), &call.path_for(id), body.clone())
                    .await;
                without_request_id(&answer)
            };
            assert_eq!(
                ask(&world.ada_id).await,
                ask(NOBODYS_ID).await,
                "{}",
                call.name()
            );
        }
    }
}

async fn assert_sees_nothing_of(eve: &Caller, world: &World) {
    let mine = eve.get("/sessions").await.expect(200);
    assert_eq!(mine.json["sessions"].as_array().unwrap().len(), 1);
    for path in ["/session", "/settings", "/sessions"] {
        let answer = eve.get(path).await.expect(200);
        assert!(
            !answer.text.contains(&world.ada_id),
            "{path}: {}",
            answer.text
        );
        assert!(
            !answer.text.contains(&world.ada.email),
            "{path}: {}",
            answer.text
        );
    }
}

/// Checks: bola_suite (ASVS-8.2.2).
#[tokio::test]
async fn bola_suite_one_owner_never_reaches_what_is_anothers() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    let eve_person = world.deployment.create_account("eve@example.com").await;
    let eve = eve_person.sign_in(&visitor).await;
    let second = world.ada.sign_in(&visitor).await;
    let sessions = world.owner.get("/sessions").await.expect(200);
    let ids = sessions.json["sessions"].as_array().unwrap().clone();
    assert_eq!(ids.len(), 2);
    world.ada.start_enrollment(&world.owner).await;
    let before = account_contents(&world.deployment).await;

    let unknown = eve
        .delete(&format!("/sessions/{NOBODYS_ID}"))
        .await
        .expect(404);
    for session in &ids {
        let answer = eve
            .delete(&format!("/sessions/{}", session["id"].as_str().unwrap()))
            .await;
        assert_eq!(without_request_id(&answer), without_request_id(&unknown));
    }
    assert_sees_nothing_of(&eve, &world).await;
    let code = json!({ "code": "000000" });
    let answer = eve
        .post("/settings/two-factor/enrollment/confirm", code)
        .await;
    answer.expect_problem(409, "no_enrollment");
    assert_eq!(account_contents(&world.deployment).await, before);

    eve.delete("/sessions").await.expect(204);
    eve.delete("/settings/two-factor/enrollment")
        .await
        .expect(204);
    world.owner.get("/session").await.expect(200);
    second.get("/session").await.expect(200);
    let settings = world.owner.get("/settings").await.expect(200);
    assert_eq!(settings.json["two_factor"]["status"], "enrolling");
}

#[tokio::test]
async fn an_owner_reads_nothing_about_themselves_through_the_calls_of_staff() {
    let world = World::start().await;
    let id = account_id(&world.owner).await;
    for path in [
        format!("/support/accounts/{id}"),
        format!("/audit/accounts/{id}/events"),
        format!("/audit/accounts/{id}/state"),
        "/audit/events".to_owned(),
        "/audit/checkpoint".to_owned(),
        "/audit/events/0/proof".to_owned(),
        "/audit/consistency?from=1".to_owned(),
        "/audit/tile/0/000.p/1".to_owned(),
    ] {
        let answer = world.owner.get(&path).await;
        assert_problem(&answer, 403, "forbidden", &path);
    }
}
