//! What is no form of ours, and no page.

use reqwest::Method;

use crate::pages::html;
use crate::pages::tour::Tour;
use crate::pages::visitor::location;
use crate::surface::world::NOBODYS_ID;

#[tokio::test]
async fn a_body_that_is_no_form_or_too_large_is_refused_before_anything_is_looked_at() {
    let mut tour = Tour::start().await;
    for (somebody, page, form) in [
        (&mut tour.visitor, "/login", "/login"),
        (&mut tour.owner, "/settings/password", "/settings/password"),
        (&mut tour.support, "/support", "/support/search"),
    ] {
        let page = somebody.get(page).await.expect(200);
        let token = html::form_token(&page.text, form);
        let body = format!("form_token={token}");
        for kind in [
            "application/json",
            "text/plain",
            "multipart/form-data; boundary=x",
        ] {
            let body = Some((kind, body.clone().into_bytes()));
            let answer = somebody.send(Method::POST, form, body).await;
            assert_eq!(answer.status, 415, "{form} {kind}");
        }
        let answer = somebody.send(Method::POST, form, None).await;
        assert_eq!(answer.status, 415, "{form}");
        let long = "x".repeat(64 * 1024);
        somebody.post(form, &[("email", &long)]).await.expect(413);
        let twice = [("form_token", &*token), ("form_token", &token)];
        somebody.post(form, &twice).await.expect(400);
    }
}

#[tokio::test]
async fn an_address_that_is_no_page_says_so_on_a_page_with_the_request_id() {
    let mut tour = Tour::start().await;
    let asking = tour.visitor.clone().with_header("x-request-id", "lost-1");
    for path in [
        "/nowhere",
        "/settings/",
        "/login/code/x",
        "/%ff",
        "/..%2f",
        "/verify/%ff",
    ] {
        let answer = asking.clone().get(path).await.expect(404);
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        assert_eq!(answer.headers["x-request-id"], "lost-1");
        assert!(answer.text.contains("<code>lost-1</code>"), "{path}");
    }
    for (method, path) in [
        (Method::DELETE, "/login"),
        (Method::PUT, "/settings/password"),
        (Method::POST, "/settings"),
        (Method::POST, "/"),
        (Method::PATCH, "/audit"),
        (Method::OPTIONS, "/login"),
    ] {
        let answer = tour.owner.send(method.clone(), path, None).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert!(answer.headers.contains_key("allow"), "{method} {path}");
        assert!(answer.text.contains("<!doctype html>"), "{method} {path}");
    }
}

#[tokio::test]
async fn the_address_of_a_form_opened_by_hand_leads_to_its_page() {
    let mut tour = Tour::start().await;
    for (path, page) in [
        ("/settings/sessions/end", "/settings/sessions"),
        ("/settings/sessions/end-others", "/settings/sessions"),
        ("/settings/two-factor/enrollment", "/settings/two-factor"),
        (
            "/settings/two-factor/enrollment/confirm",
            "/settings/two-factor",
        ),
        (
            "/settings/two-factor/enrollment/cancel",
            "/settings/two-factor",
        ),
        ("/settings/two-factor/disable", "/settings/two-factor"),
        ("/.well-known/change-password", "/settings/password"),
        ("/support/sign-in", "/support"),
        ("/support/sign-out", "/support"),
        ("/support/search", "/support"),
        ("/audit/sign-in", "/audit"),
        ("/audit/sign-out", "/audit"),
    ] {
        let answer = tour.owner.get(path).await;
        assert_eq!(location(&answer), page, "{path}");
    }
    assert_eq!(tour.owner.get("/").await.status, 200);
}

/// Checks: logout_on_every_page (ASVS-7.4.4, NIST-5.1-logoff).
#[tokio::test]
async fn logout_on_every_page_also_on_one_that_says_that_something_is_wrong() {
    let mut tour = Tour::start().await;
    let page = tour.owner.get("/nowhere").await.expect(404).text;
    assert!(html::form(&page, "/logout").is_some());
}

#[tokio::test]
async fn a_page_that_refuses_a_member_of_staff_leads_back_to_their_desk() {
    let mut tour = Tour::start().await;
    for (staff, desk, path) in [
        (&mut tour.support, "/support", "/support/accounts"),
        (&mut tour.auditor, "/audit", "/audit/accounts"),
    ] {
        let page = staff.get(&format!("{path}/{NOBODYS_ID}")).await;
        let links = html::values(&page.expect(404).text, "href");
        assert!(links.contains(&desk.to_owned()), "{links:?}");
    }
}
