//! Staff tokens end at once, everywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use acceptance::{Deployment, Options};
use chrono::Duration;

use crate::surface::world::{World, revoke_staff, staff_id, staff_token};

/// Checks: revoke_is_immediate (ASVS-8.3.2).
#[tokio::test]
async fn revoke_is_immediate_on_every_server_from_the_next_request_on() {
    let deployment = Deployment::with(Options::default().servers(2)).await;
    for round in 0..4 {
        let name = format!("Nora {round}");
        let token = staff_token(&deployment, "auditor", &name, "90d").await;
        let id = staff_id(&deployment, &name).await;
        let callers = [0, 1].map(|server| deployment.visitor_at(server).with_bearer(&token));
        for caller in &callers {
            caller.get("/audit/events?limit=1").await.expect(200);
        }
        let revoked = Arc::new(AtomicBool::new(false));
        let hammering = callers.clone().map(|caller| {
            let revoked = Arc::clone(&revoked);
            tokio::spawn(async move {
                loop {
                    let begun_after = revoked.load(Ordering::SeqCst);
                    let answer = caller.get("/audit/events?limit=1").await;
                    if begun_after {
                        return answer.status.as_u16();
                    }
                    assert!(
                        [200, 401].contains(&answer.status.as_u16()),
                        "{}",
                        answer.text
                    );
                }
            })
        });
        revoke_staff(&deployment, &id).await;
        revoked.store(true, Ordering::SeqCst);
        for answers in hammering {
            assert_eq!(answers.await.unwrap(), 401);
        }
        for caller in callers {
            let answer = caller.get("/audit/events").await;
            answer.expect_problem(401, "unauthenticated");
        }
    }
}

/// Checks: staff_expired_refused (NIST-4.4-A..B).
#[tokio::test]
async fn staff_expired_refused_at_the_second_its_time_is_over() {
    let world = World::start().await;
    let token = staff_token(&world.deployment, "support", "Eva", "1h").await;
    let eva = world.deployment.visitor().with_bearer(&token);
    let path = format!("/support/accounts/{}", world.ada_id);
    world.deployment.clock.turn(Duration::minutes(59));
    eva.get(&path).await.expect(200);
    world.deployment.clock.turn(Duration::minutes(2));
    eva.get(&path).await.expect_problem(401, "unauthenticated");
    world.support.get(&path).await.expect(200);
}
