//! Changes that ride on a cookie come from our own pages, or not at all.

use acceptance::{Caller, Options};
use serde_json::json;

use crate::surface::contract::{CALLS, Call};
use crate::surface::problems::assert_problem;
use crate::surface::world::{NOBODYS_ID, World, contents};

const OWN: &str = "https://accounts.example";

/// Where a request says that it comes from, and whether that passes.
const FROM: [(&[(&str, &str)], bool); 17] = [
    (&[("sec-fetch-site", "same-origin")], true),
    (&[("sec-fetch-site", "none")], true),
    (&[("sec-fetch-site", "same-site")], false),
    (&[("sec-fetch-site", "cross-site")], false),
    (
        &[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://evil.example"),
        ],
        true,
    ),
    (&[("sec-fetch-site", "cross-site"), ("origin", OWN)], false),
    (&[("sec-fetch-site", "same-site"), ("origin", OWN)], false),
    (&[("sec-fetch-site", "nonsense"), ("origin", OWN)], false),
    (&[("origin", OWN)], true),
    (&[("origin", "https://evil.example")], false),
    (&[("origin", "http://accounts.example")], false),
    (&[("origin", "https://accounts.example:8443")], false),
    (&[("origin", "https://app.accounts.example")], false),
    (
        &[("origin", "https://accounts.example.evil.example")],
        false,
    ),
    (&[("origin", "null")], false),
    (&[("referer", "https://accounts.example/settings")], false),
    (&[], false),
];

async fn with_public_url() -> World {
    World::with(Options::default().setting("COUNTERSIGN_PUBLIC_URL", OWN)).await
}

fn from(caller: &Caller, headers: &[(&str, &str)]) -> Caller {
    headers
        .iter()
        .fold(caller.clone(), |caller, (name, value)| {
            caller.with_header(name, value)
        })
}

async fn browser(world: &World) -> Caller {
    let body = json!({ "email": world.ada.email, "password": world.ada.password });
    let visitor = world.deployment.visitor();
    let answer = visitor.post("/login", body).await.expect(200);
    let session = answer.cookie("__Host-countersign_session").unwrap();
    let device = answer.cookie("__Host-countersign_device").unwrap();
    let cookies =
        format!("__Host-countersign_session={session}; __Host-countersign_device={device}");
    visitor.with_header("cookie", &cookies)
}

fn changes() -> impl Iterator<Item = Call> {
    CALLS.into_iter().filter(Call::changes_state)
}

/// Checks: headers_absent_refused (ASVS-3.5.2, OWASP-CSRF-1).
#[tokio::test]
async fn headers_absent_refused_a_change_with_a_cookie_must_come_from_our_own_pages() {
    let world = with_public_url().await;
    let browser = browser(&world).await;
    let before = contents(&world.deployment).await;
    for call in changes() {
        for (headers, passes) in FROM {
            let what = format!("{} from {headers:?}", call.name());
            let body = call.has_body().then(|| call.body().into());
            let asking = from(&browser, headers);
            if passes {
                // With no body at all: it gets past, and no further.
                let body = call.has_body().then(|| json!({}));
                if body.is_some() {
                    let answer = asking
                        .send(call.method(), &call.path_for(NOBODYS_ID), body)
                        .await;
                    assert_ne!(answer.code(), "cross_site_request", "{what}");
                }
                continue;
            }
            let answer = asking
                .send(call.method(), &call.path_for(NOBODYS_ID), body)
                .await;
            assert_problem(&answer, 403, "cross_site_request", &what);
            assert!(answer.headers.get("set-cookie").is_none(), "{what}");
        }
    }
    assert_eq!(contents(&world.deployment).await, before);
    from(&browser, FROM[0].0).get("/session").await.expect(200);
}

#[tokio::test]
async fn a_browser_on_our_own_pages_can_change_what_it_may() {
    let world = with_public_url().await;
    for (headers, _) in FROM.into_iter().filter(|(_, passes)| *passes) {
        let asking = from(&browser(&world).await, headers);
        asking
            .delete("/settings/two-factor/enrollment")
            .await
            .expect(204);
        asking.post("/logout", json!({})).await.expect(204);
    }
}

#[tokio::test]
async fn signing_in_with_any_cookie_at_all_must_come_from_our_own_pages_too() {
    let world = with_public_url().await;
    let visitor = world.deployment.visitor();
    for cookie in [
        format!("__Host-countersign_device={}", world.ada.device_token),
        "theme=dark".to_owned(),
        String::new(),
    ] {
        let somebody = visitor.clone().with_header("cookie", &cookie);
        for (headers, passes) in FROM {
            let what = format!("{cookie} from {headers:?}");
            let answer = from(&somebody, headers)
                .post("/login", world.ada.login())
                .await;
            if passes {
                answer.expect(200);
            } else {
                assert_problem(&answer, 403, "cross_site_request", &what);
            }
        }
    }
}

#[tokio::test]
async fn a_bearer_token_needs_no_origin_and_reading_needs_none_either() {
    let world = with_public_url().await;
    let browser = browser(&world).await;
    for (headers, _) in FROM {
        let bearer = from(&world.owner, headers);
        bearer
            .delete("/settings/two-factor/enrollment")
            .await
            .expect(204);
        let both = bearer.with_header("cookie", "theme=dark");
        both.delete("/settings/two-factor/enrollment")
            .await
            .expect(204);
        from(&browser, headers).get("/session").await.expect(200);
        let search = json!({ "email": world.ada.email });
        from(&world.support, headers)
            .post("/support/accounts/search", search)
            .await
            .expect(200);
    }
}

/// Checks: simple_request_refused (ASVS-3.5.2).
#[tokio::test]
async fn no_simple_request_reaches_a_call_even_without_cookies() {
    let world = with_public_url().await;
    let visitor = world.deployment.visitor();
    let before = contents(&world.deployment).await;
    let body = serde_json::to_vec(&world.ada.login()).unwrap();
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
    ] {
        for (headers, _) in FROM {
            let answer = from(&visitor, headers)
                .send_raw(reqwest::Method::POST, "/login", kind, body.clone())
                .await;
            assert_problem(&answer, 415, "unsupported_media_type", &format!("{kind:?}"));
        }
    }
    assert_eq!(contents(&world.deployment).await, before);
}
