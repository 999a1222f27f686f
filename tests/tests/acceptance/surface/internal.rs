//! The operators' listener, and that nothing of it is public.

use acceptance::{Answer, Caller};

use crate::surface::problems::assert_problem;
use crate::surface::world::World;

async fn at(url: &str, path: &str) -> Answer {
    // A caller speaks below /api/v1; dots lead out of it.
    Caller::of(url).get(&format!("/../..{path}")).await
}

/// Checks: internal_not_public (ASVS-13.4.5).
#[tokio::test]
async fn health_and_metrics_are_on_the_internal_listener_and_the_api_is_not() {
    let world = World::start().await;
    let server = &world.deployment.servers[0];
    for path in ["/livez", "/readyz", "/metrics"] {
        at(&server.url, path).await.expect(404);
        let below = world.deployment.visitor().get(path).await;
        assert_problem(&below, 404, "not_found", path);
        let answer = at(&server.internal_url, path).await.expect(200);
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(answer.headers.get("server").is_none());
    }
    for path in ["/api/v1/session", "/api/v1/audit/events", "/openapi.json"] {
        let answer = at(&server.internal_url, path).await;
        assert_problem(&answer, 404, "not_found", path);
    }
}

#[tokio::test]
async fn metrics_count_by_route_and_hold_nothing_that_a_client_sent() {
    let world = World::start().await;
    let canary = "kanarienvogel4711";
    let visitor = world.deployment.visitor();
    let method = reqwest::Method::from_bytes(b"KANARIENVOGEL4711").unwrap();
    visitor.send(method, "/session", None).await.expect(405);
    visitor.get(&format!("/{canary}")).await.expect(404);
    visitor
        .delete(&format!("/sessions/{canary}"))
        .await
        .expect(401);
    let metrics = at(&world.deployment.servers[0].internal_url, "/metrics")
        .await
        .expect(200);
    assert!(
        metrics.text.contains("/api/v1/sessions/{id}"),
        "{}",
        metrics.text
    );
    let text = metrics.text.to_lowercase();
    for secret in [canary, "cs_", &world.ada.email, &world.ada_id, "127.0.0.1"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

/// Checks: probe_paths (ASVS-13.4.1), probe_dirs (ASVS-13.4.3), unknown_ext_404 (ASVS-13.4.7),
/// cache_deception_corpus (ASVS-14.2.5).
#[tokio::test]
async fn paths_that_scanners_try_are_not_there() {
    let world = World::start().await;
    let url = &world.deployment.servers[0].url;
    for path in [
        "/.git/HEAD",
        "/.env",
        "/.well-known/security.txt~",
        "/api/",
        "/api/v1/",
        "/api/v2/session",
        "/api/v1/session/",
        "/api/v1/session.json",
        "/api/v1/settings/x.css",
        "/api/v1/session;x.css",
        "/api/v1/session%2fx.css",
        "/api/v1//session",
        "/api/v1/SESSION",
        "/api/v1/sessions/x.css/y",
        "/swagger.json",
        "/docs",
        "/debug/pprof",
        "/admin",
        "/server-status",
        "/api/v1/%2e%2e/openapi.json",
        "/openapi.json/",
        "/api/v1/support/accounts",
        "/api/v1/audit",
        "/api/v1/accounts/me",
    ] {
        let raw = crate::surface::raw::request(&format!("GET {path}"), &[], b"");
        let answer = crate::surface::raw::exchange(url, &raw).await;
        let statuses = crate::surface::raw::statuses(&answer);
        assert!(
            [vec![404], vec![405]].contains(&statuses),
            "{path}: {answer}"
        );
        assert!(!answer.contains("\"account\""), "{path}: {answer}");
    }
}
