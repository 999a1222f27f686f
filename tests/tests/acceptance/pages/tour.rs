//! One of everybody in a browser, and every page that they can come to.

use acceptance::{Answer, OTHER_PASSWORD, Options};
use reqwest::Method;
use serde_json::json;

use crate::pages::visitor::Visitor;
use crate::surface::world::{NOBODYS_ID, World, staff_token};

pub(crate) const APPS: [&str; 2] = ["https://app.example", "https://other.example:8443"];
pub(crate) const SUPPORT_CONTACT: &str = "help@example.com";

/// Pages of owners.
pub(crate) const SIGNED_IN: [&str; 5] = [
    "/",
    "/settings",
    "/settings/password",
    "/settings/sessions",
    "/settings/two-factor",
];

/// Longer than it takes a program to send a form.
pub(crate) const READING: chrono::Duration = chrono::Duration::seconds(2);

/// Everybody has their own browser.
pub(crate) struct Tour {
    pub(crate) world: World,
    pub(crate) visitor: Visitor,
    pub(crate) owner: Visitor,
    pub(crate) support: Visitor,
    pub(crate) auditor: Visitor,
}

/// What a page is called here, and its answer.
pub(crate) type Pages = Vec<(String, Answer)>;

pub(crate) fn listed_apps() -> Options {
    Options::default()
        .setting("COUNTERSIGN_PUBLIC_URL", "https://id.example")
        .setting("COUNTERSIGN_APP_URLS", &APPS.join(","))
        .setting("COUNTERSIGN_SUPPORT_CONTACT", SUPPORT_CONTACT)
}

impl Tour {
    pub(crate) async fn start() -> Self {
        Self::speaking("en").await
    }

    pub(crate) async fn speaking(language: &str) -> Self {
        let world = World::with(listed_apps()).await;
        let visitor = Visitor::new(&world.deployment).with_header("accept-language", language);
        let mut owner = visitor.clone();
        owner.sign_in(&world.ada).await.expect(303);
        let (mut support, mut auditor) = (visitor.clone(), visitor.clone());
        for (staff, desk, role) in [
            (&mut support, "support", "support"),
            (&mut auditor, "audit", "auditor"),
        ] {
            let token = staff_token(&world.deployment, role, &format!("Pat {desk}"), "90d").await;
            staff.sit_down(desk, &token).await.expect(303);
        }
        Self {
            world,
            visitor,
            owner,
            support,
            auditor,
        }
    }

    /// Every page of every role, and what goes wrong on them.
    pub(crate) async fn everything(&mut self) -> Pages {
        let mut pages = self.visitors_pages().await;
        pages.extend(self.staff_pages().await);
        pages.extend(self.owners_pages().await);
        pages.extend(self.refusals().await);
        pages
    }

    pub(crate) async fn visitors_pages(&mut self) -> Pages {
        let mut pages = Vec::new();
        let visitor = &mut self.visitor;
        for path in ["/login", "/register", "/reset", "/unblock"] {
            see(&mut pages, visitor, path).await;
        }
        for path in ["/register", "/reset", "/unblock"] {
            let page = visitor.get(path).await.expect(200);
            self.world.deployment.clock.turn(READING);
            let email = [("email", "eve@example.com")];
            let answer = visitor.fill(&page, path, &email).await;
            let answer = visitor.follow(answer).await.expect(200);
            pages.push((format!("POST {path}"), answer));
        }
        for path in ["/support", "/audit"] {
            see(&mut pages, visitor, path).await;
        }
        pages.extend(self.link_pages().await);
        pages
    }

    /// What a mailed link opens, and what its form answers.
    async fn link_pages(&mut self) -> Pages {
        let mut pages = Vec::new();
        let api = self.world.deployment.visitor();
        for (ask, email, page) in [
            ("/accounts", "fay@example.com", "verify"),
            ("/unblock", "ada@example.com", "unblock"),
        ] {
            api.post(ask, json!({ "email": email })).await.expect(202);
            let token = self.world.deployment.mailed_token(email, page).await;
            let path = format!("/{page}/{token}");
            see(&mut pages, &mut self.visitor, &path).await;
            let fields = [("new_password", OTHER_PASSWORD)];
            let answer = self.visitor.submit(&path, &path, &fields).await;
            let answer = self.visitor.follow(answer).await.expect(200);
            pages.push((format!("POST /{page}"), answer));
        }
        let body = json!({ "email": "fay@example.com" });
        api.post("/password-reset", body).await.expect(202);
        let token = self
            .world
            .deployment
            .mailed_token("fay@example.com", "reset")
            .await;
        see(&mut pages, &mut self.visitor, &format!("/reset/{token}")).await;
        pages
    }

    pub(crate) async fn staff_pages(&mut self) -> Pages {
        let id = self.world.ada_id.clone();
        let mut pages = Vec::new();
        let account = format!("/support/accounts/{id}");
        for path in ["/support", &account, &format!("{account}/unlock")] {
            see(&mut pages, &mut self.support, path).await;
        }
        let account = format!("/audit/accounts/{id}");
        for path in ["/audit", &account, &format!("{account}/state")] {
            see(&mut pages, &mut self.auditor, path).await;
        }
        pages
    }

    /// The last of them turn two-factor on.
    pub(crate) async fn owners_pages(&mut self) -> Pages {
        let mut pages = Vec::new();
        for path in SIGNED_IN {
            see(&mut pages, &mut self.owner, path).await;
        }
        let two_factor = "/settings/two-factor";
        let start = format!("{two_factor}/enrollment");
        let password = [("current_password", &*self.world.ada.password)];
        let enrollment = self.owner.submit(two_factor, &start, &password).await;
        let secret = crate::pages::html::values(&enrollment.text, "data-copy").remove(0);
        pages.push(("enrollment".to_owned(), enrollment));
        see(&mut pages, &mut self.owner, two_factor).await;
        let clock = &self.world.deployment.clock;
        let code = acceptance::Authenticator { secret }.code(clock.now());
        let confirm = format!("{start}/confirm");
        let code = [("code", &*code)];
        let enabled = self.owner.submit(two_factor, &confirm, &code).await;
        let enabled = self.owner.follow(enabled).await.expect(200);
        pages.push(("enabled".to_owned(), enabled));
        pages
    }

    /// Every kind of refusal that has a page. Two-factor is on by now.
    async fn refusals(&mut self) -> Pages {
        let mut pages = Vec::new();
        let mut visitor = self.visitor.clone();
        visitor.sign_in(&self.world.ada).await.expect(303);
        see(&mut pages, &mut visitor, "/login/code").await;
        for (path, fields) in [
            ("/login", [("email", "nobody"), ("password", "x")]),
            (
                "/login",
                [("email", "nobody@example.com"), ("password", "x")],
            ),
            ("/register", [("email", "nobody"), ("", "")]),
        ] {
            let answer = self.visitor.submit(path, path, &fields).await;
            pages.push((format!("POST {path} {fields:?}"), answer));
        }
        let wrong = [("code", "000000")];
        let answer = visitor.submit("/login/code", "/login/code", &wrong).await;
        pages.push(("a wrong code".to_owned(), answer.expect(401)));
        for path in ["/nowhere", "/verify/none", "/reset/none", "/unblock/none"] {
            let answer = self.visitor.get(path).await;
            pages.push((path.to_owned(), answer));
        }
        let answer = self.visitor.post("/login", &[]).await;
        pages.push(("no token".to_owned(), answer.expect(403)));
        pages.extend(self.refused_requests().await);
        pages.extend(self.refusals_of_members().await);
        pages
    }

    async fn refused_requests(&mut self) -> Pages {
        let mut pages = Vec::new();
        let json = "application/json";
        let large = Some((json, vec![b' '; 70_000]));
        for (method, body) in [
            (Method::DELETE, None),
            (Method::POST, Some((json, b"{}".to_vec()))),
            (Method::POST, large),
        ] {
            let answer = self.visitor.send(method.clone(), "/login", body).await;
            pages.push((format!("{method}: {}", answer.status), answer));
        }
        pages
    }

    async fn refusals_of_members(&mut self) -> Pages {
        let mut pages = Vec::new();
        let two_factor = "/settings/two-factor";
        for (page, action, field) in [
            (
                two_factor,
                "/settings/two-factor/disable",
                "current_password",
            ),
            (
                "/settings/password",
                "/settings/password",
                "current_password",
            ),
        ] {
            let answer = self.owner.submit(page, action, &[(field, "wrong")]).await;
            pages.push((format!("POST {action}"), answer.expect(401)));
        }
        let unlock = format!("/support/accounts/{}/unlock", self.world.ada_id);
        let answer = self.support.submit(&unlock, &unlock, &[("reason", "")]);
        let answer = answer.await;
        pages.push(("no reason".to_owned(), answer.expect(422)));
        let nobody = [("email", "nobody@example.com")];
        let answer = self
            .support
            .submit("/support", "/support/search", &nobody)
            .await;
        pages.push(("nobody found".to_owned(), answer.expect(200)));
        for path in [
            format!("/audit/accounts/{NOBODYS_ID}"),
            format!("/audit/accounts/{}/state?at=9999", self.world.ada_id),
            format!("/audit/accounts/{}?after=x", self.world.ada_id),
        ] {
            let answer = self.auditor.get(&path).await;
            pages.push((format!("an auditor at {path}"), answer));
        }
        pages
    }
}

async fn see(pages: &mut Pages, visitor: &mut Visitor, path: &str) {
    let answer = visitor.get(path).await.expect(200);
    pages.push((path.to_owned(), answer));
}
