//! Reading changes nothing.

use acceptance::{Caller, OTHER_PASSWORD};
use reqwest::Method;
use serde_json::json;

use crate::surface::contract::CALLS;
use crate::surface::world::{NOBODYS_ID, World, account_contents, contents};

const SESSION: &str = "__Host-countersign_session";
const DEVICE: &str = "__Host-countersign_device";

async fn read_everything(world: &World, caller: &Caller) {
    for call in CALLS.iter().filter(|call| !call.changes_state()) {
        for id in [&world.ada_id, NOBODYS_ID] {
            for method in [Method::GET, Method::HEAD] {
                let answer = caller.send(method, &call.path_for(id), None).await;
                assert!(
                    answer.headers.get("set-cookie").is_none(),
                    "{}",
                    call.name()
                );
                assert!(answer.status.as_u16() < 500, "{}", call.name());
            }
        }
    }
}

/// Mailed links too: their pages have a form, and only its POST spends the token.
async fn open_every_link(world: &World, tokens: &[(&str, String)]) {
    for (page, token) in tokens {
        for prefix in ["/../../", "/"] {
            let answer = world
                .deployment
                .visitor()
                .get(&format!("{prefix}{page}/{token}"))
                .await;
            for cookie in [SESSION, DEVICE] {
                assert_eq!(answer.cookie(cookie), None, "{page}");
            }
            assert!(answer.status.as_u16() < 500, "{page}");
        }
    }
}

/// Checks: get_is_safe (ASVS-3.5.3, OWASP-RESET-3), no_session_from_get (ASVS-7.6.2).
#[tokio::test]
async fn get_is_safe_the_database_is_the_same_after_everything_was_read() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    let mut tokens = Vec::new();
    for (path, email, page) in [
        ("/password-reset", "ada@example.com", "reset"),
        ("/unblock", "ada@example.com", "unblock"),
        ("/accounts", "bob@example.com", "verify"),
    ] {
        visitor
            .post(path, json!({ "email": email }))
            .await
            .expect(202);
        tokens.push((page, world.deployment.mailed_token(email, page).await));
    }
    let before = contents(&world.deployment).await;
    read_everything(&world, &visitor).await;
    read_everything(&world, &world.owner).await;
    open_every_link(&world, &tokens).await;
    assert_eq!(contents(&world.deployment).await, before);

    let accounts = account_contents(&world.deployment).await;
    read_everything(&world, &world.support).await;
    read_everything(&world, &world.auditor).await;
    assert_eq!(account_contents(&world.deployment).await, accounts);

    let reset = tokens[0].1.clone();
    let body = json!({ "token": reset, "new_password": OTHER_PASSWORD });
    visitor
        .post("/password-reset/confirm", body)
        .await
        .expect(204);
}
