//! Fields and addresses that are filled in by password managers, in haste, twice, or by somebody
//! who means ill.

use std::time::{Duration, Instant};

use acceptance::{OTHER_PASSWORD, PASSWORD};
use reqwest::Method;
use serde_json::json;

use crate::pages::html;
use crate::pages::tour::{READING, SIGNED_IN, Tour};
use crate::pages::visitor::{Visitor, location};
use crate::surface::world::{World, contents};

/// Name, type and `autocomplete` of every field that somebody fills in.
fn fields(page: &str, action: &str) -> Vec<(String, String, String)> {
    let form = html::form(page, action).unwrap();
    let inputs = html::tags(form).filter(|tag| tag.starts_with("input"));
    let told = |tag: &str, name| html::attribute(tag, name).unwrap_or_default();
    inputs
        .filter(|tag| told(tag, "type") != "hidden")
        .map(|tag| {
            (
                told(tag, "name"),
                told(tag, "type"),
                told(tag, "autocomplete"),
            )
        })
        .collect()
}

/// Checks: pw_field_masked (ASVS-6.2.6), pw_manager_friendly (ASVS-6.2.7).
#[tokio::test]
async fn pw_manager_friendly_and_pw_field_masked_on_every_page_with_a_password() {
    let mut tour = Tour::start().await;
    let fay = json!({ "email": "fay@example.com" });
    tour.world
        .deployment
        .visitor()
        .post("/accounts", fay)
        .await
        .expect(202);
    let token = tour
        .world
        .deployment
        .mailed_token("fay@example.com", "verify")
        .await;
    let link = format!("/verify/{token}");
    let (login, change) = ("/login", "/settings/password");
    let start = "/settings/two-factor/enrollment";
    let known = ("current_password", "password", "current-password");
    let new = ("new_password", "password", "new-password");
    for (mut somebody, page, action, expected) in [
        (
            tour.visitor.clone(),
            login,
            login,
            vec![
                ("email", "text", "username"),
                ("password", "password", "current-password"),
            ],
        ),
        (
            tour.owner.clone(),
            change,
            change,
            vec![("username", "text", "username"), known, new],
        ),
        (
            tour.owner.clone(),
            "/settings/two-factor",
            start,
            vec![known],
        ),
        (tour.visitor.clone(), &link, &link, vec![new]),
    ] {
        let page = somebody.get(page).await.expect(200);
        let found = fields(&page.text, action);
        let found = found
            .iter()
            .map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str()));
        assert_eq!(found.collect::<Vec<_>>(), expected, "{action}");
    }
    let known = tour.owner.get("/.well-known/change-password").await;
    assert_eq!(location(&known), change);
}

/// Checks: redress_link_present (NIST-2.4.4-A).
#[tokio::test]
async fn redress_link_present_on_every_page_of_somebody_who_cannot_get_in() {
    let mut tour = Tour::start().await;
    for (what, page) in tour.visitors_pages().await {
        if ["/support", "/audit"].contains(&&*what) {
            continue;
        }
        let links = html::values(&page.text, "href");
        assert!(
            links.contains(&"mailto:help@example.com".to_owned()),
            "{what}"
        );
    }
}

/// Checks: too_fast_form_is_slowed (ASVS-2.4.2).
#[tokio::test]
async fn too_fast_form_is_slowed_where_it_has_mail_sent_to_strangers() {
    let world = World::start().await;
    let mut program = Visitor::new(&world.deployment);
    for path in ["/register", "/reset", "/unblock"] {
        let began = Instant::now();
        let page = program.get(path).await.expect(200);
        let email = [("email", "fay@example.com")];
        program.fill(&page, path, &email).await.expect(303);
        // To the millisecond, as which the form holds its time.
        assert!(began.elapsed() >= Duration::from_millis(999), "{path}");
        world.deployment.clock.turn(READING);
        let began = Instant::now();
        program.fill(&page, path, &email).await.expect(303);
        assert!(began.elapsed() < Duration::from_secs(1), "{path}");
    }
}

/// Checks: get_is_safe (ASVS-3.5.3), no_session_from_get (ASVS-7.6.2).
#[tokio::test]
async fn get_is_safe_the_database_is_the_same_after_every_page_was_read() {
    let mut tour = Tour::start().await;
    let api = tour.world.deployment.visitor();
    let mut paths = SIGNED_IN.map(str::to_owned).to_vec();
    paths.extend(["/login", "/register", "/reset", "/unblock", "/logout"].map(str::to_owned));
    for (ask, email, page) in [
        ("/accounts", "fay@example.com", "verify"),
        ("/password-reset", "ada@example.com", "reset"),
        ("/unblock", "ada@example.com", "unblock"),
    ] {
        api.post(ask, json!({ "email": email })).await.expect(202);
        let token = tour.world.deployment.mailed_token(email, page).await;
        paths.push(format!("/{page}/{token}"));
    }
    let before = contents(&tour.world.deployment).await;
    for path in &paths {
        for method in [Method::GET, Method::HEAD] {
            for somebody in [&mut tour.visitor, &mut tour.owner] {
                let answer = somebody.send(method.clone(), path, None).await;
                assert!([200, 303].contains(&answer.status.as_u16()), "{path}");
            }
        }
    }
    assert_eq!(contents(&tour.world.deployment).await, before);
    assert!(
        !tour
            .visitor
            .cookies
            .contains_key(crate::promises::browser::SESSION)
    );
}

/// Checks: hpp_corpus (ASVS-15.3.7).
#[tokio::test]
async fn hpp_corpus_a_field_or_a_part_of_an_address_that_stands_there_twice_is_refused() {
    let mut tour = Tour::start().await;
    let page = tour.visitor.get("/login").await.expect(200);
    for twice in ["email", "password", "return_to", "form_token"] {
        let token = html::form_token(&page.text, "/login");
        let mut fields = vec![
            ("email", "ada@example.com"),
            ("password", PASSWORD),
            ("return_to", "/settings"),
            ("form_token", &*token),
        ];
        let again = fields.iter().find(|(name, _)| *name == twice).copied();
        fields.extend(again);
        tour.visitor.post("/login", &fields).await.expect(400);
    }
    let state = format!("/audit/accounts/{}/state", tour.world.ada_id);
    for path in [
        format!("{state}?at=1&at=2"),
        format!("{state}?instant=2026-01-01T00:00&instant=2026-01-01T00:00"),
        format!("/audit/accounts/{}?after=1&after=2", tour.world.ada_id),
    ] {
        tour.auditor.get(&path).await.expect(400);
    }
}

/// Nothing that can be written into an address is a fault of ours.
#[tokio::test]
async fn an_address_out_of_all_bounds_is_refused_and_never_an_error() {
    let mut tour = Tour::start().await;
    let account = format!("/audit/accounts/{}", tour.world.ada_id);
    let largest = u64::MAX.to_string();
    let long = "9".repeat(4000);
    for value in [
        "-1",
        "0",
        "9223372036854775808",
        &largest,
        &long,
        "1e3",
        "%00",
        "%ff",
        "+1",
    ] {
        for query in ["?after=", "/state?at=", "/state?instant="] {
            let path = format!("{account}{query}{value}");
            let answer = tour.auditor.get(&path).await;
            assert!(answer.status.as_u16() < 500, "{path}: {}", answer.text);
        }
    }
    for instant in [
        "%2B262142-12-31T23:59:59Z",
        "-262143-01-01T00:00",
        "0000-01-01T00:00",
        "2026-06-30T23:59:60Z",
    ] {
        for name in ["at", "instant"] {
            let path = format!("{account}/state?{name}={instant}");
            let answer = tour.auditor.get(&path).await;
            assert!(answer.status.as_u16() < 500, "{path}: {}", answer.text);
        }
    }
    for path in [
        "/verify/%00",
        "/reset/%e2%80%ae",
        "/unblock/'",
        "/login?return_to=%00%ff",
    ] {
        let answer = tour.visitor.get(path).await;
        assert!(answer.status.as_u16() < 500, "{path}: {}", answer.text);
    }
}

/// Nothing that can be written into a field is a fault of ours, or comes back as markup.
#[tokio::test]
async fn what_somebody_types_is_shown_as_typed_or_refused_and_never_an_error() {
    let mut tour = Tour::start().await;
    let (unlock, sign_out) = (
        format!("/support/accounts/{}/unlock", tour.world.ada_id),
        "/support/sign-out",
    );
    let start = "/settings/two-factor/enrollment";
    let page = tour.owner.submit(
        "/settings/two-factor",
        start,
        &[("current_password", PASSWORD)],
    );
    page.await.expect(200);
    for typed in [
        "\0",
        "<script>alert(1)</script>",
        "\"'><svg onload=x>",
        "\u{202e}\u{feff}",
        "{{7*7}}",
        "%s%n",
        "'; DROP TABLE events; --",
        &"\u{1f4a9}".repeat(2000),
    ] {
        let mut answers = Vec::new();
        for path in ["/login", "/register", "/reset", "/unblock"] {
            let page = tour.visitor.get(path).await.expect(200);
            tour.world.deployment.clock.turn(READING);
            answers.push(
                tour.visitor
                    .fill(&page, path, &[("email", typed), ("password", typed)])
                    .await,
            );
        }
        let search = [("email", typed)];
        answers.push(
            tour.support
                .submit("/support", "/support/search", &search)
                .await,
        );
        let reason = [("reason", typed), ("ticket", typed)];
        let desk = tour.support.get("/support").await;
        answers.push(
            tour.support
                .post_with(&desk, sign_out, &unlock, &reason)
                .await,
        );
        let password = [("current_password", PASSWORD), ("new_password", typed)];
        let change = "/settings/password";
        if typed.chars().count() < 15 || typed.chars().count() > 256 {
            answers.push(tour.owner.submit(change, change, &password).await);
        }
        for answer in answers {
            let status = answer.status.as_u16();
            assert!(
                (400..500).contains(&status),
                "{typed:?}: {status} {}",
                answer.text
            );
            assert!(!answer.text.contains("<script>alert") && !answer.text.contains("<svg onload"));
            assert!(!answer.text.contains(">49<"));
        }
    }
    tour.owner.get("/settings").await.expect(200);
}

/// Ten wrong current passwords in one session; the session lives, and the pages say until when.
#[tokio::test]
async fn guesses_at_the_current_password_wait_on_the_pages_too() {
    let mut tour = Tour::start().await;
    let change = "/settings/password";
    let wrong = [
        ("current_password", "wrong"),
        ("new_password", OTHER_PASSWORD),
    ];
    for _ in 0..10 {
        tour.owner.submit(change, change, &wrong).await.expect(401);
    }
    let right = [
        ("current_password", PASSWORD),
        ("new_password", OTHER_PASSWORD),
    ];
    let answer = tour.owner.submit(change, change, &right).await.expect(429);
    assert!(answer.headers.contains_key("retry-after"));
    assert!(answer.text.contains("Too many attempts. Try again in"));
    let two_factor = "/settings/two-factor";
    let start = "/settings/two-factor/enrollment";
    let answer = tour.owner.submit(two_factor, start, &right[..1]).await;
    assert!(!answer.expect(429).text.contains("otpauth"));
    tour.owner.get("/settings").await.expect(200);
}
