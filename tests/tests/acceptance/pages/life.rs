//! Everything that can happen to an account, as the pages tell it, in every language.

use acceptance::{Authenticator, Deployment, OTHER_PASSWORD, Person};
use serde_json::json;

use crate::pages::tour::listed_apps;
use crate::pages::visitor::Visitor;
use crate::surface::world::{World, all_settled, staff_token};

const MISSING: [&str; 3] = ["Unknown localization", "{ $", "{$"];

/// Signs in, turns two-factor on and off, resets, waits, is unlocked.
async fn live(world: &World) -> Person {
    let (deployment, ada) = (&world.deployment, &world.ada);
    let clock = &deployment.clock;
    let visitor = deployment.visitor();
    ada.start_enrollment(&world.owner).await;
    world
        .owner
        .delete("/settings/two-factor/enrollment")
        .await
        .expect(204);
    let app = ada.start_enrollment(&world.owner).await;
    let confirm = "/settings/two-factor/enrollment/confirm";
    let wrong = json!({ "code": app.wrong_code(clock.now()) });
    world.owner.post(confirm, wrong).await.expect(401);
    let code = json!({ "code": app.code(clock.now()) });
    world.owner.post(confirm, code).await.expect(200);
    clock.turn_to_next_step();
    give_codes(world, &app).await;
    let password = json!({ "current_password": ada.password });
    world
        .owner
        .post("/settings/two-factor/disable", password)
        .await
        .expect(204);
    ada.sign_in(&visitor).await;
    world.owner.delete("/sessions").await.expect(204);
    let change = json!({ "current_password": ada.password, "new_password": OTHER_PASSWORD });
    world
        .owner
        .put("/settings/password", change)
        .await
        .expect(204);
    let mut changed = ada.clone();
    OTHER_PASSWORD.clone_into(&mut changed.password);
    changed
        .sign_in(&visitor)
        .await
        .post("/logout", json!({}))
        .await
        .expect(204);
    reset(deployment, &mut changed).await;
    guess(deployment).await;
    changed
}

async fn give_codes(world: &World, app: &Authenticator) {
    let clock = &world.deployment.clock;
    let visitor = world.deployment.visitor();
    let used = app.code(clock.now());
    world.ada.sign_in_with(&visitor, &used).await;
    for code in [used, app.wrong_code(clock.now())] {
        let challenge = world.ada.challenge(&visitor).await;
        let body = json!({ "challenge": challenge, "code": code });
        visitor.post("/login/second-factor", body).await.expect(401);
    }
}

async fn reset(deployment: &Deployment, person: &mut Person) {
    let visitor = deployment.visitor();
    for (ask, confirm, page) in [
        ("/password-reset", "/password-reset/confirm", "reset"),
        ("/unblock", "/unblock/confirm", "unblock"),
    ] {
        visitor
            .post(ask, json!({ "email": person.email }))
            .await
            .expect(202);
        let token = deployment.mailed_token(&person.email, page).await;
        let mut body = json!({ "token": token });
        if page == "reset" {
            "a fourth quiet lantern".clone_into(&mut person.password);
            body["new_password"] = json!(person.password);
        }
        visitor.post(confirm, body).await.expect(204);
    }
}

async fn guess(deployment: &Deployment) {
    let guess = json!({ "email": "ada@example.com", "password": "wrong", "transport": "bearer" });
    for _ in 0..6 {
        deployment.visitor().post("/login", guess.clone()).await;
    }
}

/// Everybody's pages about it, in one language.
async fn tell(world: &World, ada: &Person, language: &str) {
    let start = Visitor::new(&world.deployment).with_header("accept-language", language);
    let (mut support, mut auditor) = (start.clone(), start.clone());
    for (staff, desk, role) in [
        (&mut support, "support", "support"),
        (&mut auditor, "audit", "auditor"),
    ] {
        let token = staff_token(&world.deployment, role, language, "90d").await;
        staff.sit_down(desk, &token).await.expect(303);
    }
    let account = format!("/audit/accounts/{}", world.ada_id);
    let length = world
        .deployment
        .events(&world.auditor, &world.ada_id)
        .await
        .len();
    let mut paths = vec![account.clone()];
    paths.extend((1..=length).map(|at| format!("{account}/state?at={at}")));
    for path in paths {
        let page = auditor.get(&path).await.expect(200).text;
        assert!(
            !MISSING.iter().any(|text| page.contains(text)),
            "{path}: {page}"
        );
    }
    let account = format!("/support/accounts/{}", world.ada_id);
    for path in [account.clone(), format!("{account}/unlock")] {
        let page = support.get(&path).await.expect(200).text;
        assert!(
            !MISSING.iter().any(|text| page.contains(text)),
            "{path}: {page}"
        );
    }
    let mut owner = start;
    owner.sign_in(ada).await.expect(303);
    let page = owner.get("/settings").await.expect(200).text;
    assert!(!MISSING.iter().any(|text| page.contains(text)), "{page}");
}

#[tokio::test]
async fn every_event_every_state_and_every_wait_is_told_in_every_language() {
    let world = World::with(listed_apps()).await;
    let ada = live(&world).await;
    let mut support = Visitor::new(&world.deployment);
    let token = staff_token(&world.deployment, "support", "Toni", "90d").await;
    support.sit_down("support", &token).await.expect(303);
    let account = format!("/support/accounts/{}", world.ada_id);
    let page = support.get(&account).await.expect(200).text;
    assert!(
        page.contains("Wrong passwords from unknown browsers"),
        "{page}"
    );
    assert!(!MISSING.iter().any(|text| page.contains(text)), "{page}");
    let unlock = json!({ "reason": "asked on the phone" });
    world
        .support
        .post(&format!("{account}/unlock"), unlock)
        .await
        .expect(200);
    all_settled(&world.deployment).await;
    for language in ["en", "de"] {
        tell(&world, &ada, language).await;
    }
    let events = world.deployment.events(&world.auditor, &world.ada_id).await;
    let mut types = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect::<Vec<_>>();
    types.sort_unstable();
    types.dedup();
    // All but `PasswordRehashed`, which needs settings that have changed.
    assert_eq!(types.len(), 18, "{types:?}");
}
