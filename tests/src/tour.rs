//! A walk past every page, as its people meet them: for checks that hold on all of them, and for
//! pictures.

use chrono::{DateTime, Utc};

use crate::{Authenticator, Chromium, Deployment, OTHER_PASSWORD, PASSWORD, Person};

const OWNER: &str = "ada@example.com";

/// A deployment with its browser, and what is done at each stop.
#[derive(Debug)]
pub struct Tour<'t, See> {
    deployment: &'t Deployment,
    browser: &'t Chromium,
    see: See,
}

impl<'t, See: AsyncFnMut(&str, &Chromium)> Tour<'t, See> {
    /// Stops at every page and calls `see` there with the page's name.
    pub async fn walk(deployment: &'t Deployment, browser: &'t Chromium, see: See) {
        let mut tour = Self {
            deployment,
            browser,
            see,
        };
        tour.register().await;
        tour.sign_in_and_settings().await;
        let authenticator = tour.turn_two_factor_on().await;
        tour.sign_in_with_code(&authenticator).await;
        tour.links().await;
        tour.support().await;
        tour.audit().await;
    }

    async fn stop(&mut self, name: &str) {
        (self.see)(name, self.browser).await;
    }

    async fn at(&mut self, name: &str, path: &str) {
        self.browser.open(path).await;
        self.stop(name).await;
    }

    fn now(&self) -> DateTime<Utc> {
        self.deployment.clock.now()
    }

    async fn register(&mut self) {
        let browser = self.browser;
        self.at("login", "/login").await;
        browser.fill("Email address", OWNER).await;
        browser.fill("Password", PASSWORD).await;
        browser.press("Sign in").await;
        browser.sees("do not fit together").await;
        self.stop("login-wrong").await;
        self.at("register", "/register").await;
        browser.fill("Email address", OWNER).await;
        browser.press("Send the link").await;
        browser.sees("Look into your mailbox").await;
        self.stop("registered").await;
        let token = self.deployment.mailed_token(OWNER, "verify").await;
        self.at("verify", &format!("/verify/{token}")).await;
        browser.fill("New password", "short").await;
        browser.press("Create the account").await;
        browser.sees("too short").await;
        self.stop("verify-refused").await;
        browser.fill("New password", PASSWORD).await;
        browser.press("Create the account").await;
        browser.sees("Your account is ready").await;
        self.stop("verified").await;
        self.at("link-used", &format!("/verify/{token}")).await;
        self.at("not-found", "/nowhere").await;
    }

    async fn sign_in_and_settings(&mut self) {
        let browser = self.browser;
        browser.open("/login").await;
        self.present_password().await;
        browser.sees("Welcome").await;
        self.stop("home").await;
        let elsewhere = Person {
            email: OWNER.to_owned(),
            password: PASSWORD.to_owned(),
            device_token: String::new(),
        };
        elsewhere.sign_in(&self.deployment.visitor()).await;
        browser.follow("Settings").await;
        browser.sees("Recent activity").await;
        self.stop("settings").await;
        self.at("sessions", "/settings/sessions").await;
        self.at("password", "/settings/password").await;
        browser.fill("Current password", OTHER_PASSWORD).await;
        browser.fill("New password", OTHER_PASSWORD).await;
        browser.press("Change the password").await;
        browser.sees("not your current password").await;
        self.stop("password-wrong").await;
    }

    async fn turn_two_factor_on(&mut self) -> Authenticator {
        let browser = self.browser;
        self.at("two-factor-off", "/settings/two-factor").await;
        browser.fill("Current password", PASSWORD).await;
        browser.press("Enable 2FA").await;
        browser.sees("Scan the QR code").await;
        self.stop("enrollment").await;
        let uri = browser.qr_code().await;
        let (_, rest) = uri.split_once("secret=").unwrap();
        let secret = rest.split('&').next().unwrap().to_owned();
        let authenticator = Authenticator { secret };
        browser.press("You cannot scan it?").await;
        let wrong = authenticator.wrong_code(self.now());
        browser.fill("Code", &wrong).await;
        browser.press("Enable").await;
        browser.sees("costs nothing").await;
        self.stop("enrollment-wrong-code").await;
        self.at("enrollment-pending", "/settings/two-factor").await;
        let code = authenticator.code(self.now());
        browser.fill("Code", &code).await;
        browser.press("Enable").await;
        browser.sees("Two-factor authentication is on since").await;
        self.stop("two-factor-on").await;
        browser.press("Sign out").await;
        browser.sees("You are signed out").await;
        self.stop("signed-out").await;
        authenticator
    }

    async fn sign_in_with_code(&mut self, authenticator: &Authenticator) {
        let browser = self.browser;
        self.present_password().await;
        browser.sees("Lost your device?").await;
        self.stop("code").await;
        let wrong = authenticator.wrong_code(self.now());
        browser.fill("Code", &wrong).await;
        browser.press("Sign in").await;
        browser.sees("was not accepted").await;
        self.stop("code-wrong").await;
    }

    async fn present_password(&self) {
        self.browser.fill("Email address", OWNER).await;
        self.browser.fill("Password", PASSWORD).await;
        self.browser.press("Sign in").await;
    }

    /// The mailed links of an account that is there.
    async fn links(&mut self) {
        let browser = self.browser;
        self.at("reset", "/reset").await;
        browser.fill("Email address", OWNER).await;
        browser.press("Send the link").await;
        browser.sees("Look into your mailbox").await;
        self.stop("reset-requested").await;
        let token = self.deployment.mailed_token(OWNER, "reset").await;
        self.at("reset-link", &format!("/reset/{token}")).await;
        self.at("unblock", "/unblock").await;
        browser.fill("Email address", OWNER).await;
        browser.press("Send the link").await;
        browser.sees("Look into your mailbox").await;
        let token = self.deployment.mailed_token(OWNER, "unblock").await;
        self.at("unblock-link", &format!("/unblock/{token}")).await;
        browser.press("Let this browser through").await;
        browser.sees("This browser is let through").await;
        self.stop("unblocked").await;
    }

    async fn support(&mut self) {
        let browser = self.browser;
        self.at("support-door", "/support").await;
        let token = self.deployment.staff_token("support", "Sam").await;
        browser.fill("Staff token", &token).await;
        browser.press("Sign in").await;
        browser.sees("Find an account").await;
        self.stop("support").await;
        browser.fill("Email address", "nobody@example.com").await;
        browser.press("Find").await;
        browser.sees("no account with this address").await;
        self.stop("support-not-found").await;
        browser.fill("Email address", OWNER).await;
        browser.press("Find").await;
        browser.sees("Why can this person not sign in?").await;
        self.stop("support-account").await;
        browser.follow("Unlock this account").await;
        browser.sees("This is what will happen").await;
        self.stop("unlock").await;
        browser
            .fill("Reason", "phone lost; seen by video call")
            .await;
        browser.fill("Ticket", "HD-1207").await;
        browser.press("Unlock").await;
        browser.sees("The account is unlocked").await;
        self.stop("unlocked").await;
    }

    async fn audit(&mut self) {
        let browser = self.browser;
        let account = self.deployment.account_id(OWNER).await;
        self.at("audit-door", "/audit").await;
        let token = self.deployment.staff_token("auditor", "Alex").await;
        browser.fill("Staff token", &token).await;
        browser.press("Sign in").await;
        browser.sees("Find a history").await;
        self.stop("audit").await;
        browser.fill("Account id", &account).await;
        browser.press("Find").await;
        browser.sees("History of an account").await;
        self.stop("audit-history").await;
        browser.follow("State at a point").await;
        browser.sees("After event").await;
        self.stop("audit-state").await;
    }
}
