//! Once an enrollment is confirmed, neither its QR code nor its secret is on any page, also none
//! that the browser keeps.

use acceptance::chromium::View;
use acceptance::{Authenticator, Chromium, Deployment, PASSWORD};

use super::life::{deployment, secret_in};

async fn enrolled(deployment: &Deployment, browser: &Chromium) -> String {
    let ada = deployment.register("ada@example.com").await;
    browser.open("/login").await;
    browser.fill("Email address", &ada.email).await;
    browser.fill("Password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.open("/settings/two-factor").await;
    browser.fill("Current password", PASSWORD).await;
    browser.press("Enable 2FA").await;
    let secret = secret_in(&browser.qr_code().await);
    let phone = Authenticator {
        secret: secret.clone(),
    };
    let code = phone.code(deployment.clock.now());
    browser.fill("Code", &code).await;
    browser.press("Enable").await;
    browser.sees("Two-factor authentication is on since").await;
    secret
}

async fn assert_shows_no_secret(browser: &Chromium, secret: &str) {
    let html = browser.html().await;
    let url = browser.url().await;
    assert!(!html.contains(secret), "the secret is on {url}");
    assert!(!html.contains("QR code\""), "a QR code is on {url}");
}

async fn the_back_button_shows_neither(view: View) {
    let deployment = deployment().await;
    let browser = Chromium::with(&deployment.site(), view).await;
    let secret = enrolled(&deployment, &browser).await;
    for _ in 0..4 {
        browser.back().await;
        assert_shows_no_secret(&browser, &secret).await;
    }
    for page in [
        "/settings/two-factor/enrollment",
        "/settings/two-factor",
        "/settings",
        "/",
    ] {
        browser.open(page).await;
        assert_shows_no_secret(&browser, &secret).await;
    }
    let cookies = browser.cookies().await;
    assert!(cookies.iter().all(|cookie| !cookie.value.contains(&secret)));
    assert!(browser.storage_is_empty().await);
}

#[tokio::test]
async fn after_confirming_the_back_button_shows_neither_qr_code_nor_secret() {
    the_back_button_shows_neither(View::desktop()).await;
}

#[tokio::test]
async fn after_confirming_the_back_button_shows_neither_with_scripts_off() {
    the_back_button_shows_neither(View::desktop().without_scripts()).await;
}
