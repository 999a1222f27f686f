//! What no tree answers.

use serde_json::Value;

use crate::log::auditing::{checkpoint, lengthen, unlimited};

const HUGE: [&str; 4] = [
    "9223372036854775806",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999999999",
];

#[tokio::test]
async fn a_position_that_the_tree_has_not_is_not_found() {
    let deployment = unlimited().await;
    lengthen(&deployment, 3).await;
    let auditor = deployment.auditor().await;
    let size = checkpoint(&deployment, &auditor).await.size;
    let last = size - 1;
    let path = |position: &str, size| format!("/audit/events/{position}/proof?size={size}");
    auditor
        .get(&path(&last.to_string(), size))
        .await
        .expect(200);
    for (position, size) in [(size, size), (last, last), (3, 3), (3, 1), (0, 0)] {
        let answer = auditor.get(&path(&position.to_string(), size)).await;
        answer.expect_problem(404, "not_found");
    }
    for position in HUGE {
        let answer = auditor.get(&path(position, size)).await;
        answer.expect_problem(404, "not_found");
        let path = format!("/audit/events/{position}/proof");
        let answer = auditor.get(&path).await;
        answer.expect_problem(404, "not_found");
    }
    for position in ["-1", "+1", "1.0", "1e0", "0x1", "", "%20", "%00", "null"] {
        let answer = auditor.get(&path(position, size)).await;
        answer.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_size_that_the_log_never_had_is_pointed_at() {
    let deployment = unlimited().await;
    lengthen(&deployment, 3).await;
    let auditor = deployment.auditor().await;
    let refused = async |path: &str, pointer: &str| {
        let answer = auditor.get(path).await;
        let answer = answer.expect_problem(400, "invalid_request");
        let errors = answer.json["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1, "{path}: {}", answer.text);
        assert_eq!(errors[0]["pointer"], pointer, "{path}: {}", answer.text);
    };
    for size in ["1000", HUGE[0], HUGE[1]] {
        refused(&format!("/audit/events/0/proof?size={size}"), "/size").await;
        let path = format!("/audit/consistency?from=1&to={size}");
        refused(&path, "/to").await;
        refused(&format!("/audit/consistency?from={size}"), "/from").await;
    }
    refused("/audit/consistency?from=0", "/from").await;
    refused("/audit/consistency?from=0&to=0", "/from").await;
    refused("/audit/consistency?from=1&to=0", "/from").await;
    refused("/audit/consistency?from=5&to=4", "/from").await;
    for (query, pointer) in [
        ("from=-1", "/from"),
        ("from=1&to=-1", "/to"),
        ("from=9223372036854775808", "/from"),
        ("from=1&to=99999999999999999999999999", "/to"),
        ("from=", "/from"),
        ("from=1&from=1", ""),
        ("from=1&size=1", ""),
        ("to=1", ""),
        ("", ""),
    ] {
        refused(&format!("/audit/consistency?{query}"), pointer).await;
    }
    for (query, pointer) in [
        ("size=-1", "/size"),
        ("size=9223372036854775808", "/size"),
        ("size=x", "/size"),
        ("to=1", ""),
    ] {
        refused(&format!("/audit/events/0/proof?{query}"), pointer).await;
    }
}

#[tokio::test]
async fn nobody_but_an_auditor_is_given_a_proof() {
    let deployment = unlimited().await;
    let ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner = ada.sign_in(&visitor).await;
    let (support, auditor) = (deployment.support().await, deployment.auditor().await);
    for path in [
        "/audit/checkpoint",
        "/audit/events/0/proof",
        "/audit/events/99999/proof",
        "/audit/consistency?from=1",
        "/audit/consistency?from=0",
        "/audit/tile/0/000.p/1",
        "/audit/tile/entries/000.p/1",
        "/audit/tile/none",
    ] {
        for (caller, status, code) in [
            (&visitor, 401, "unauthenticated"),
            (&owner, 403, "forbidden"),
            (&support, 403, "forbidden"),
        ] {
            let answer = caller.get(path).await.expect_problem(status, code);
            assert_eq!(answer.json.get("errors"), None::<&Value>, "{path}");
        }
        let answer = auditor.get(path).await;
        assert!(![401, 403].contains(&answer.status.as_u16()), "{path}");
    }
}
