//! Text that would mean something to SQL, a shell, a template or a browser.

use serde_json::json;

use crate::surface::problems::assert_problem;
use crate::surface::world::World;

const TEXTS: [&str; 15] = [
    "' OR '1'='1",
    "'; DROP TABLE events; --",
    "\\'; SELECT pg_sleep(20); --",
    "${7*7}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "$(reboot)",
    "`reboot`",
    "../../etc/passwd",
    "%00",
    "%n%n%n",
    "=cmd|' /C calc'!A0",
    "\u{0}",
    "\u{1b}[31m",
    "😀\u{10ffff}",
];

/// Checks: error_leak_scan (ASVS-16.5.1).
#[tokio::test]
async fn what_would_mean_something_to_an_interpreter_is_only_text() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    for text in TEXTS {
        let body = json!({ "email": world.ada.email, "password": text, "transport": "bearer" });
        let answer = visitor.post("/login", body).await;
        assert!(
            [401, 429].contains(&answer.status.as_u16()),
            "{text}: {}",
            answer.text
        );
        for (path, field) in [
            ("/unblock/confirm", "token"),
            ("/login/second-factor", "challenge"),
        ] {
            let mut body = json!({ field: text });
            if field == "challenge" {
                body["code"] = json!(text);
            }
            let answer = visitor.post(path, body).await;
            assert!(
                [401, 410].contains(&answer.status.as_u16()),
                "{text}: {}",
                answer.text
            );
            assert_problem(&answer, answer.status.as_u16(), answer.code(), text);
        }
        let session = visitor
            .clone()
            .with_header("cookie", "__Host-countersign_session=' OR 1=1");
        session
            .get("/session")
            .await
            .expect_problem(401, "unauthenticated");
    }
    world.owner.get("/session").await.expect(200);
    world.deployment.verify().await;
}
