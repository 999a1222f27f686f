//! Methods: each path has those of the contract and no other.

use std::collections::BTreeSet;

use reqwest::Method;

use crate::surface::contract::{methods_of, paths};
use crate::surface::problems::assert_problem;
use crate::surface::raw;
use crate::surface::world::{NOBODYS_ID, World, contents};

const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "BREW",
];

/// Checks: method_matrix (ASVS-4.1.4, ASVS-13.4.4).
#[tokio::test]
async fn method_matrix_every_path_has_the_methods_of_the_contract_and_refuses_all_others() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    let before = contents(&world.deployment).await;
    for path in paths() {
        let mut allowed = methods_of(path);
        if allowed.contains("GET") {
            allowed.insert("HEAD");
        }
        let url = path.replace("{id}", NOBODYS_ID);
        for method in METHODS {
            let what = format!("{method} {path}");
            let answer = visitor
                .send(Method::from_bytes(method.as_bytes()).unwrap(), &url, None)
                .await;
            if allowed.contains(method) {
                // Without a body and without credentials, but there.
                let status = answer.status.as_u16();
                assert!([401, 415].contains(&status), "{what}: {status}");
                continue;
            }
            if method == "HEAD" {
                assert_eq!(answer.status, 405, "{what}");
            } else {
                assert_problem(&answer, 405, "method_not_allowed", &what);
            }
            let allow = answer.headers["allow"].to_str().unwrap();
            let allow = allow.split(',').map(str::trim).collect::<BTreeSet<_>>();
            assert_eq!(allow, allowed, "{what}");
        }
    }
    assert_eq!(contents(&world.deployment).await, before);
}

#[tokio::test]
async fn connect_and_absolute_targets_open_no_way_elsewhere() {
    let world = World::start().await;
    let url = &world.deployment.servers[0].url;
    let connect = raw::exchange(url, &raw::request("CONNECT example.com:443", &[], b"")).await;
    assert!(
        !raw::statuses(&connect).iter().any(|status| *status < 400),
        "{connect}"
    );
    let proxied = raw::request("GET http://example.com/", &[], b"");
    let proxied = raw::exchange(url, &proxied).await;
    // Our own start page, which leads a visitor to our own sign-in.
    assert_eq!(raw::statuses(&proxied), [303], "{proxied}");
    assert!(proxied.contains("\r\nlocation: /login\r\n"), "{proxied}");
    let upgrade = [
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAA",
    ];
    let upgrade = raw::exchange(
        url,
        &raw::request("GET /api/v1/audit/events", &upgrade, b""),
    )
    .await;
    assert_eq!(raw::statuses(&upgrade), [401], "{upgrade}");
}
