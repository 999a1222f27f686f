//! What scripts add to the pages: each page works without, and is more comfortable with them.

use acceptance::{Chromium, Deployment, PASSWORD};
use serde_json::Value;

use super::life::deployment;

async fn signed_in(deployment: &Deployment) -> Chromium {
    let ada = deployment.create_account("ada@example.com").await;
    let browser = Chromium::start(&deployment.site()).await;
    browser.open("/login").await;
    browser.fill("Email address", &ada.email).await;
    browser.fill("Password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.sees("Welcome").await;
    browser
}

async fn kind_of(browser: &Chromium, field: &str) -> Value {
    let script = format!("return document.getElementById('{field}').type");
    browser.ask(&script).await
}

#[tokio::test]
async fn a_password_can_be_shown_and_hidden_and_its_length_is_told_while_it_is_typed() {
    let deployment = deployment().await;
    let browser = signed_in(&deployment).await;
    browser.open("/settings/two-factor").await;
    let field = "current_password";
    assert_eq!(kind_of(&browser, field).await, "password");
    browser.press("Show").await;
    assert_eq!(kind_of(&browser, field).await, "text");
    browser.press("Hide").await;
    assert_eq!(kind_of(&browser, field).await, "password");
    browser.open("/settings/password").await;
    for (typed, told) in [
        ("fourteen char", "2 more characters"),
        ("fourteen chars", "One more character"),
        ("fifteen letters", "Long enough. Longer is stronger."),
        ("seventeen quiet lanterns", "Nice and long"),
    ] {
        browser.fill("New password", typed).await;
        browser.sees(told).await;
    }
    // It is told, and stands in nobody's way: the server has the last word.
    browser.fill("Current password", PASSWORD).await;
    browser.fill("New password", "short").await;
    browser.press("Change the password").await;
    browser.sees("The password is too short").await;
    browser.assert_quiet().await;
}

#[tokio::test]
async fn the_secret_key_can_be_copied_and_a_form_that_is_sent_twice_is_sent_once() {
    let deployment = deployment().await;
    let browser = signed_in(&deployment).await;
    browser.open("/settings/two-factor").await;
    browser.fill("Current password", PASSWORD).await;
    browser.press("Enable 2FA").await;
    browser.press("You cannot scan it?").await;
    browser.press("Copy").await;
    browser.sees("Copied").await;
    let prevented = "const form = document.querySelector('main form.card');
        let sent = 0;
        addEventListener('submit', (event) => {
            if (!event.defaultPrevented) sent += 1;
            event.preventDefault();
        });
        document.getElementById('code').value = '123456';
        form.requestSubmit();
        form.requestSubmit();
        return sent";
    assert_eq!(browser.ask(prevented).await, 1);
    browser.assert_quiet().await;
}

#[tokio::test]
async fn an_auditor_slides_through_a_history_and_the_number_follows() {
    let deployment = deployment().await;
    let owner = signed_in(&deployment).await;
    let account = deployment.account_id("ada@example.com").await;
    let browser = Chromium::start(&deployment.site()).await;
    let token = deployment.staff_token("auditor", "Alex").await;
    browser.open("/audit").await;
    browser.fill("Staff token", &token).await;
    browser.press("Sign in").await;
    browser.sees("Find a history").await;
    browser
        .open(&format!("/audit/accounts/{account}/state"))
        .await;
    let slide = "const slider = document.querySelector('[data-slides]');
        slider.value = '1';
        slider.dispatchEvent(new Event('input'));
        return [slider.hidden, document.getElementById('at').value]";
    let slid = browser.ask(slide).await;
    assert_eq!(slid, serde_json::json!([false, "1"]));
    browser.press("Show the state after this event").await;
    browser.sees("After event 1, of").await;
    browser.assert_quiet().await;
    owner.assert_quiet().await;
}
