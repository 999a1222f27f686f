//! The life of two-factor, told by product.md, with a browser and a phone: once with scripts and
//! once without.

use acceptance::chromium::View;
use acceptance::{Authenticator, Chromium, Deployment, OTHER_PASSWORD, Options, PASSWORD};

const ADA: &str = "ada@example.com";

pub(crate) async fn deployment() -> Deployment {
    let contact = "help@example.com";
    Deployment::with(Options::default().setting("COUNTERSIGN_SUPPORT_CONTACT", contact)).await
}

/// Ada, her browser, and her phone.
struct Ada<'d> {
    deployment: &'d Deployment,
    browser: Chromium,
    phone: Option<Authenticator>,
    password: &'static str,
}

impl<'d> Ada<'d> {
    async fn with(deployment: &'d Deployment, view: View) -> Self {
        Self {
            browser: Chromium::with(&deployment.site(), view).await,
            deployment,
            phone: None,
            password: PASSWORD,
        }
    }

    async fn register(&self) {
        let browser = &self.browser;
        browser.open("/").await;
        browser.follow("Create an account").await;
        browser.fill("Email address", ADA).await;
        browser.press("Send the link").await;
        browser.sees("Look into your mailbox").await;
        let token = self.deployment.mailed_token(ADA, "verify").await;
        browser.open(&format!("/verify/{token}")).await;
        browser.fill("New password", self.password).await;
        browser.press("Create the account").await;
        browser.sees("Your account is ready").await;
    }

    async fn present_password(&self) {
        self.browser.open("/login").await;
        self.browser.fill("Email address", ADA).await;
        self.browser.fill("Password", self.password).await;
        self.browser.press("Sign in").await;
    }

    /// The next code that the phone shows, typed with a space as it is shown.
    fn next_code(&self) -> String {
        self.deployment.clock.turn_to_next_step();
        let phone = self.phone.as_ref().expect("a phone with an entry");
        let code = phone.code(self.deployment.clock.now());
        format!("{} {}", &code[..3], &code[3..])
    }

    async fn sign_in(&self) {
        self.present_password().await;
        if self.phone.is_some() {
            self.browser.sees("Enter the code").await;
            self.browser.fill("Code", &self.next_code()).await;
            self.browser.press("Sign in").await;
        }
        self.browser
            .sees("You are signed in as ada@example.com")
            .await;
    }

    async fn sign_out(&self) {
        self.browser.press("Sign out").await;
        self.browser.sees("You are signed out").await;
    }

    async fn settings(&self) {
        self.browser.follow("Settings").await;
        self.browser.follow("Two-Factor Authentication").await;
    }

    /// Scans the code off the screen, and compares the key that the link reveals.
    async fn enable(&mut self) {
        self.settings().await;
        self.browser.fill("Current password", self.password).await;
        self.browser.press("Enable 2FA").await;
        self.browser.sees("Scan the QR code").await;
        let uri = self.browser.qr_code().await;
        assert!(
            uri.starts_with("otpauth://totp/Countersign:ada%40example.com?"),
            "{uri}"
        );
        let secret = secret_in(&uri);
        self.browser
            .press("You cannot scan it? Reveal the secret key")
            .await;
        let revealed = self.browser.text().await.replace([' ', '\n'], "");
        assert!(revealed.contains(&secret), "{revealed}");

        self.phone = Some(Authenticator { secret });
        let wrong = self.phone.as_ref().unwrap();
        let wrong = wrong.wrong_code(self.deployment.clock.now());
        self.browser.fill("Code", &wrong).await;
        self.browser.press("Enable").await;
        self.browser.sees("That costs nothing").await;
        assert_eq!(self.browser.qr_code().await, uri, "another QR code");
        self.browser.fill("Code", &self.next_code()).await;
        self.browser.press("Enable").await;
        self.browser
            .sees("Two-factor authentication is on since")
            .await;
    }

    async fn disable(&mut self) {
        self.settings().await;
        self.browser.fill("Current password", self.password).await;
        self.browser.press("Disable").await;
        self.browser.sees("Two-factor authentication is off").await;
        self.phone = None;
    }

    async fn is_asked_to_sign_in(&self) {
        self.browser.open("/settings").await;
        self.browser.sees("Sign in").await;
        assert_eq!(self.browser.path().await, "/login?return_to=%2Fsettings");
    }

    async fn reset(&mut self, new_password: &'static str) {
        let browser = &self.browser;
        browser.open("/reset").await;
        browser.sees("Do not reset your password.").await;
        browser.fill("Email address", ADA).await;
        browser.press("Send the link").await;
        browser.sees("Look into your mailbox").await;
        let token = self.deployment.mailed_token(ADA, "reset").await;
        browser.open(&format!("/reset/{token}")).await;
        browser.sees("Do not reset your password.").await;
        browser.fill("New password", new_password).await;
        browser.press("Change the password").await;
        browser.sees("Your password is changed").await;
        self.password = new_password;
    }
}

pub(crate) fn secret_in(uri: &str) -> String {
    let (_, rest) = uri.split_once("secret=").unwrap();
    rest.split('&').next().unwrap().to_owned()
}

async fn support_unlocks(deployment: &Deployment, browser: &Chromium) {
    let token = deployment.staff_token("support", "Sam Support").await;
    browser.open("/support").await;
    browser.fill("Staff token", &token).await;
    browser.press("Sign in").await;
    browser.fill("Email address", ADA).await;
    browser.press("Find").await;
    browser.sees("Two-factor authentication is on").await;
    browser.follow("Unlock this account").await;
    browser
        .sees("Two-factor authentication is turned off. The password alone signs in.")
        .await;
    browser
        .fill("Reason", "phone lost, seen by video call")
        .await;
    browser.fill("Ticket", "HD-1207").await;
    browser.press("Unlock").await;
    browser.sees("The account is unlocked").await;
    browser.sees("Support unlocked the account.").await;
}

/// Steps 1 to 7, one after the other.
async fn the_whole_life(view: View) {
    let deployment = deployment().await;
    let mut ada = Ada::with(&deployment, view.clone()).await;
    ada.register().await;
    ada.sign_in().await;
    ada.enable().await;
    ada.sign_out().await;
    ada.sign_in().await;

    // A new phone: off with the old one at hand, and on again.
    let old_phone = ada.phone.clone().unwrap();
    ada.disable().await;
    ada.enable().await;
    assert_ne!(ada.phone.as_ref().unwrap().secret, old_phone.secret);

    // The phone is lost, and this browser is still signed in.
    let lost = ada.phone.clone();
    ada.disable().await;
    ada.sign_out().await;
    ada.sign_in().await;
    ada.enable().await;
    assert_ne!(ada.phone.as_ref().unwrap().secret, lost.unwrap().secret);

    // A reset ends every session, and leaves two-factor on.
    ada.reset(OTHER_PASSWORD).await;
    ada.is_asked_to_sign_in().await;
    ada.present_password().await;
    ada.browser.sees("Lost your device?").await;
    ada.browser.sees("Do not reset your password.").await;
    ada.browser.sees("help@example.com").await;

    // Locked out: support unlocks, and the password alone signs in.
    let desk = Chromium::with(&deployment.site(), view).await;
    support_unlocks(&deployment, &desk).await;
    ada.phone = None;
    ada.sign_in().await;
    ada.browser.follow("Settings").await;
    ada.browser.sees("Support unlocked the account.").await;
    deployment.mail(ADA, "Support unlocked your account").await;
    ada.browser.assert_quiet().await;
    desk.assert_quiet().await;
    assert!(ada.browser.storage_is_empty().await);
    deployment.verify().await;
}

#[tokio::test]
async fn the_whole_life_of_two_factor_in_a_browser() {
    the_whole_life(View::desktop()).await;
}

#[tokio::test]
async fn the_whole_life_of_two_factor_on_a_phone_with_scripts_off() {
    the_whole_life(View::phone().without_scripts()).await;
}
