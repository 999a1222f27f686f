//! What a form's body may be, and what only looks like one.

use acceptance::{Deployment, PASSWORD};
use reqwest::Method;
use serde_json::Value;

use crate::pages::html;
use crate::pages::visitor::{Visitor, location};
use crate::promises::browser::SESSION;
use crate::surface::raw;
use crate::surface::world::World;

/// A password that is no UTF-8 would be another one once the parser had mended it.
#[tokio::test]
async fn a_form_that_is_no_utf_8_is_refused_and_not_mended() {
    let deployment = Deployment::start().await;
    let mut visitor = Visitor::new(&deployment);
    let page = visitor.get("/login").await.expect(200);
    let token = html::form_token(&page.text, "/login");
    for field in [
        "email=a%40b.example&password=%FF%FE",
        "email=%C3&password=x",
    ] {
        let body = format!("form_token={token}&{field}").into_bytes();
        let kind = "application/x-www-form-urlencoded";
        let answer = visitor.send(Method::POST, "/login", Some((kind, body)));
        assert!(answer.await.expect(400).text.contains("not one of ours"));
    }
}

#[tokio::test]
async fn a_body_whose_length_only_turns_out_to_be_too_large_is_told_so() {
    let deployment = Deployment::start().await;
    let chunk = format!("{:x}\r\n{}\r\n", 70_000, "a".repeat(70_000));
    let headers = [
        "Content-Type: application/x-www-form-urlencoded",
        "Sec-Fetch-Site: same-origin",
        "Transfer-Encoding: chunked",
    ];
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: localhost\r\n{}\r\n\r\n",
        headers.join("\r\n")
    );
    let request = [head.as_bytes(), chunk.as_bytes(), b"0\r\n\r\n"].concat();
    let answer = raw::exchange(&deployment.servers[0].url, &request).await;
    assert_eq!(raw::statuses(&answer), [413], "{answer}");
}

/// At sign-in, what has not the form of a code is told so and spends no attempt.
#[tokio::test]
async fn what_is_no_code_is_no_attempt_at_sign_in() {
    let world = World::start().await;
    let now = world.deployment.clock.now();
    world.ada.enable_two_factor(&world.owner, now).await;
    let mut ada = Visitor::new(&world.deployment);
    ada.sign_in(&world.ada).await.expect(303);
    let events = || world.deployment.events(&world.auditor, &world.ada_id);
    let before = events().await.len();
    for typed in ["", "12345", "1234567", "12 34 5x"] {
        let code = [("code", typed)];
        let answer = ada.submit("/login/code", "/login/code", &code).await;
        assert!(answer.expect(400).text.contains("A code has six digits."));
    }
    let after: Vec<Value> = events().await;
    assert_eq!(after.len(), before, "{:?}", after.last());
}

/// Nobody could sign the session before out of this browser any more.
#[tokio::test]
async fn signing_in_over_a_session_ends_the_session_before() {
    let world = World::start().await;
    let mut ada = Visitor::new(&world.deployment);
    ada.sign_in(&world.ada).await.expect(303);
    let mut before = ada.clone();
    let page = ada.get("/reset").await.expect(200);
    let fields = [("email", &*world.ada.email), ("password", PASSWORD)];
    let again = ada.post_with(&page, "/reset", "/login", &fields).await;
    assert_eq!(location(&again), "/");
    assert_ne!(ada.cookies[SESSION], before.cookies[SESSION]);
    assert_eq!(location(&before.get("/").await), "/login");
    ada.get("/").await.expect(200);
}

/// Checks: ASVS-3.2.1.
#[tokio::test]
async fn a_page_is_no_image_no_frame_and_no_script_of_another_page() {
    let world = World::start().await;
    let mut ada = Visitor::new(&world.deployment);
    ada.sign_in(&world.ada).await.expect(303);
    for (place, status) in [
        ("document", 200),
        ("empty", 200),
        ("image", 403),
        ("iframe", 403),
        ("script", 403),
    ] {
        let mut fetching = ada.clone().with_header("sec-fetch-dest", place);
        let answer = fetching.get("/settings").await;
        assert_eq!(answer.status, status, "{place}");
    }
}

#[tokio::test]
async fn an_application_leads_to_a_button_that_signs_out_and_back_to_it() {
    let options = acceptance::Options::default();
    let apps = options.setting("COUNTERSIGN_APP_URLS", "https://app.example");
    let world = World::with(apps).await;
    let mut ada = Visitor::new(&world.deployment);
    ada.sign_in(&world.ada).await.expect(303);
    let path = "/logout?return_to=https%3A%2F%2Fapp.example%2Fbye";
    let page = ada.get(path).await.expect(200);
    ada.get("/settings").await.expect(200);
    let main = page.text.split("<main").nth(1).unwrap();
    let form = html::form(main, "/logout").unwrap();
    let fields = html::hidden_fields(form);
    let fields = fields.iter().map(|(name, value)| (&**name, &**value));
    let answer = ada.post("/logout", &fields.collect::<Vec<_>>()).await;
    assert_eq!(location(&answer), "https://app.example/bye");
    assert_eq!(
        location(&ada.get(path).await),
        "/login?return_to=%2Flogout%3Freturn_to%3Dhttps%253A%252F%252Fapp.example%252Fbye"
    );
    let login = ada.get("/login?return_to=%2Flogout").await.expect(200);
    assert!(!login.text.contains("name=\"return_to\""));
}
