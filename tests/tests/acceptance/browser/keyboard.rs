//! With the keyboard alone: everything is reached by Tab, the focus is seen wherever it is, and
//! Enter does it.

use acceptance::chromium::Key;
use acceptance::{Authenticator, Chromium, Deployment, PASSWORD};

use super::life::{deployment, secret_in};

const ADA: &str = "ada@example.com";

/// Tabs to what has this label, and looks at the focus on every step.
async fn reach(browser: &Chromium, label: &str) {
    for _ in 0..40 {
        browser.key(Key::Tab).await;
        let focus = browser.focus().await;
        let seen = browser.focus_is_visible().await;
        assert!(seen, "the focus on {focus:?} is not to be seen");
        assert!(!focus.label.is_empty(), "{focus:?} has no name");
        if focus.label.starts_with(label) {
            return;
        }
    }
    panic!("{label} is not reached");
}

async fn register(browser: &Chromium, deployment: &Deployment) {
    browser.open("/login").await;
    reach(browser, "Create an account").await;
    browser.key(Key::Enter).await;
    browser.sees("We send a link").await;
    reach(browser, "Email address").await;
    browser.types(ADA).await;
    browser.key(Key::Enter).await;
    browser.sees("Look into your mailbox").await;
    let token = deployment.mailed_token(ADA, "verify").await;
    browser.open(&format!("/verify/{token}")).await;
    reach(browser, "New password").await;
    browser.types(PASSWORD).await;
    browser.key(Key::Enter).await;
    browser.sees("Your account is ready").await;
}

async fn present_password(browser: &Chromium) {
    browser.sees("I forgot my password").await;
    reach(browser, "Email address").await;
    browser.types(ADA).await;
    reach(browser, "Password").await;
    browser.types(PASSWORD).await;
    browser.key(Key::Enter).await;
}

#[tokio::test]
async fn the_keyboard_alone_registers_signs_in_and_turns_two_factor_on() {
    let deployment = deployment().await;
    let browser = Chromium::start(&deployment.site()).await;
    register(&browser, &deployment).await;
    present_password(&browser).await;
    browser.sees("Welcome").await;
    reach(&browser, "Settings").await;
    browser.key(Key::Enter).await;
    browser.sees("Recent activity").await;
    reach(&browser, "Two-Factor Authentication").await;
    browser.key(Key::Enter).await;
    browser.sees("Turn it on").await;
    reach(&browser, "Current password").await;
    browser.types(PASSWORD).await;
    reach(&browser, "Show").await;
    browser.key(Key::Space).await;
    assert_eq!(browser.filled("Current password").await, PASSWORD);
    reach(&browser, "Enable 2FA").await;
    browser.key(Key::Enter).await;
    browser.sees("Scan the QR code").await;
    let phone = Authenticator {
        secret: secret_in(&browser.qr_code().await),
    };
    reach(&browser, "Code from your authenticator app").await;
    browser.types(&phone.code(deployment.clock.now())).await;
    browser.key(Key::Enter).await;
    browser.sees("Two-factor authentication is on since").await;
    reach(&browser, "Sign out").await;
    browser.key(Key::Enter).await;
    present_password(&browser).await;
    // The field for the code has the focus already.
    browser.sees("Enter the code").await;
    assert_eq!(
        browser.focus().await.label,
        "Code from your authenticator app"
    );
    deployment.clock.turn_to_next_step();
    browser.types(&phone.code(deployment.clock.now())).await;
    browser.key(Key::Enter).await;
    browser.sees("Welcome").await;
    browser.assert_quiet().await;
}
