//! A form that comes back was written by us, for this browser and this caller, and not long ago:
//! or it changes nothing.

use acceptance::{OTHER_PASSWORD, PASSWORD};
use chrono::Duration;
use serde_json::json;

use crate::evidence::source::read;
use crate::pages::html;
use crate::pages::tour::Tour;
use crate::pages::visitor::{AUDIT, FORM, SUPPORT, Visitor};
use crate::promises::browser::SESSION;
use crate::surface::world::{account_contents, staff_token};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Visitor,
    Owner,
    Support,
    Auditor,
}

/// Every address that takes a form. `{verify}`, `{reset}` and `{unblock}` stand for tokens of
/// mailed links, `{id}` for the account. What ends a session comes last.
const FORMS: [(Whose, &str); 23] = [
    (Whose::Visitor, "/login"),
    (Whose::Visitor, "/login/code"),
    (Whose::Visitor, "/register"),
    (Whose::Visitor, "/verify/{verify}"),
    (Whose::Visitor, "/reset"),
    (Whose::Visitor, "/unblock"),
    (Whose::Visitor, "/unblock/{unblock}"),
    (Whose::Visitor, "/support/sign-in"),
    (Whose::Visitor, "/audit/sign-in"),
    (Whose::Owner, "/settings/two-factor/enrollment"),
    (Whose::Owner, "/settings/two-factor/enrollment/confirm"),
    (Whose::Owner, "/settings/two-factor/enrollment/cancel"),
    (Whose::Owner, "/settings/two-factor/disable"),
    (Whose::Owner, "/settings/sessions/end"),
    (Whose::Owner, "/settings/sessions/end-others"),
    (Whose::Owner, "/settings/password"),
    (Whose::Owner, "/logout"),
    (Whose::Visitor, "/reset/{reset}"),
    (Whose::Support, "/support/search"),
    (Whose::Support, "/support/accounts/{id}/unlock"),
    (Whose::Support, "/support/sign-out"),
    (Whose::Auditor, "/audit/search"),
    (Whose::Auditor, "/audit/sign-out"),
];

/// Where anybody of a kind finds a form that is theirs.
const fn page_with_a_form(whose: Whose) -> (&'static str, &'static str) {
    match whose {
        Whose::Visitor => ("/reset", "/reset"),
        Whose::Owner => ("/settings", "/logout"),
        Whose::Support => ("/support", "/support/sign-out"),
        Whose::Auditor => ("/audit", "/audit/sign-out"),
    }
}

async fn token_of(visitor: &mut Visitor, whose: Whose) -> String {
    let (page, action) = page_with_a_form(whose);
    let page = visitor.get(page).await.expect(200);
    html::form_token(&page.text, action)
}

/// Everybody, links that are open, and what a form needs to succeed.
struct Stage {
    tour: Tour,
    links: [(&'static str, String); 3],
    session: String,
    staff_token: String,
}

impl Stage {
    async fn set() -> Self {
        let tour = Tour::start().await;
        let (deployment, api) = (&tour.world.deployment, tour.world.deployment.visitor());
        let mut links = Vec::new();
        for (ask, email, page) in [
            ("/accounts", "fay@example.com", "verify"),
            ("/password-reset", "ada@example.com", "reset"),
            ("/unblock", "ada@example.com", "unblock"),
        ] {
            api.post(ask, json!({ "email": email })).await.expect(202);
            links.push((page, deployment.mailed_token(email, page).await));
        }
        let session = tour.world.owner.get("/session").await.expect(200);
        let staff_token = staff_token(deployment, "support", "Toni", "90d").await;
        Self {
            links: links.try_into().unwrap(),
            session: session.text_at("/session/id"),
            staff_token,
            tour,
        }
    }

    fn address(&self, form: &str) -> String {
        let mut address = form.replace("{id}", &self.tour.world.ada_id);
        for (page, token) in &self.links {
            address = address.replace(&format!("{{{page}}}"), token);
        }
        address
    }

    fn visitor(&self, whose: Whose) -> Visitor {
        match whose {
            Whose::Visitor => self.tour.visitor.clone(),
            Whose::Owner => self.tour.owner.clone(),
            Whose::Support => self.tour.support.clone(),
            Whose::Auditor => self.tour.auditor.clone(),
        }
    }

    /// All fields of all forms: each takes its own.
    fn fields<'a>(&'a self, token: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("email", "ada@example.com"),
            ("password", PASSWORD),
            ("current_password", PASSWORD),
            ("new_password", OTHER_PASSWORD),
            ("code", "000000"),
            ("session", &self.session),
            ("reason", "lost phone"),
            ("token", &self.staff_token),
            ("form_token", token),
        ]
    }

    /// Ways to come back with a form that was not written for this browser and this caller.
    async fn forgeries(&self, whose: Whose) -> Vec<Forgery> {
        let mut own = self.visitor(whose);
        let right = token_of(&mut own, whose).await;
        let elsewhere = token_of(&mut own.clone().without_cookie(FORM), whose).await;
        let cut = right[..right.len() - 2].to_owned();
        let with = |what, token: String| Forgery::new(what, own.clone(), &token);
        let mut forgeries = vec![
            with("no token", String::new()),
            with("a broken token", cut),
            with("a token of another browser", elsewhere),
        ];
        for other in [Whose::Visitor, Whose::Owner, Whose::Support, Whose::Auditor] {
            if other != whose {
                let token = self.token_for_other(&own, other).await;
                forgeries.push(with("a token for another kind of caller", token));
            }
        }
        if whose != Whose::Visitor {
            let token = self.token_for_another(&own, whose).await;
            forgeries.push(with("a token for another of the kind", token));
        }
        let bare = own.clone().without_cookie(FORM);
        forgeries.push(Forgery::new("no form cookie", bare, &right));
        for site in ["cross-site", "same-site"] {
            let from = own.clone().with_header("sec-fetch-site", site);
            forgeries.push(Forgery::new(site, from, &right));
        }
        let old_browser = own.without_header("sec-fetch-site");
        for origin in ["https://evil.example", "null", "https://app.example"] {
            let from = old_browser.clone().with_header("origin", origin);
            forgeries.push(Forgery::new(origin, from, &right));
        }
        let silent = old_browser.without_header("origin");
        forgeries.push(Forgery::new("neither header", silent, &right));
        forgeries
    }

    /// In the same browser, for somebody of another kind.
    async fn token_for_other(&self, own: &Visitor, other: Whose) -> String {
        let mut somebody = self.visitor(other);
        let key = own.cookies[FORM].clone();
        somebody.cookies.insert(FORM.to_owned(), key);
        token_of(&mut somebody, other).await
    }

    /// In the same browser, for another session or another member of staff.
    async fn token_for_another(&self, own: &Visitor, whose: Whose) -> String {
        let mut other = own.clone();
        for cookie in [SESSION, SUPPORT, AUDIT] {
            other = other.without_cookie(cookie);
        }
        let deployment = &self.tour.world.deployment;
        let (role, desk) = match whose {
            Whose::Support => ("support", "support"),
            _ => ("auditor", "audit"),
        };
        if whose == Whose::Owner {
            other.sign_in(&self.tour.world.ada).await.expect(303);
        } else {
            let token = staff_token(deployment, role, "Somebody Else", "90d").await;
            other.sit_down(desk, &token).await.expect(303);
        }
        token_of(&mut other, whose).await
    }
}

struct Forgery {
    what: &'static str,
    from: Visitor,
    token: String,
}

impl Forgery {
    fn new(what: &'static str, from: Visitor, token: &str) -> Self {
        Self {
            what,
            from,
            token: token.to_owned(),
        }
    }

    async fn assert_refused(&self, stage: &Stage, form: &str) {
        let fields = stage.fields(&self.token);
        let address = stage.address(form);
        let answer = self.from.clone().post(&address, &fields).await;
        let what = format!("{form}: {}", self.what);
        assert_eq!(answer.status, 403, "{what}: {}", answer.text);
        assert!(answer.headers.get("set-cookie").is_none(), "{what}");
        let id = answer.headers["x-request-id"].to_str().unwrap();
        assert!(answer.text.contains(id), "{what}");
    }
}

#[test]
fn the_table_holds_every_address_that_takes_a_form() {
    let routes = read("crates/web/src/routes.rs");
    assert_eq!(routes.matches(".post(").count(), FORMS.len());
}

/// Checks: csrf_forms (ASVS-3.5.1, NIST-5.1-J, OWASP-CSRF-2).
#[tokio::test]
async fn csrf_forms_a_form_that_was_not_written_for_this_caller_changes_nothing() {
    let stage = Stage::set().await;
    let deployment = &stage.tour.world.deployment;
    let mut all = Vec::new();
    for whose in [Whose::Visitor, Whose::Owner, Whose::Support, Whose::Auditor] {
        all.push((whose, stage.forgeries(whose).await));
    }
    let before = account_contents(deployment).await;
    let mut refused = 0;
    for (whose, forgeries) in &all {
        for (_, form) in FORMS.iter().filter(|(form, _)| form == whose) {
            for forgery in forgeries {
                forgery.assert_refused(&stage, form).await;
                refused += 1;
            }
        }
    }
    assert!(refused > 250, "{refused}");
    assert_eq!(account_contents(deployment).await, before);
    for whose in [Whose::Owner, Whose::Support, Whose::Auditor] {
        token_of(&mut stage.visitor(whose), whose).await;
    }
    assert_right_tokens_pass(&stage).await;
}

/// Nothing but the token was wrong with all those forms.
async fn assert_right_tokens_pass(stage: &Stage) {
    let owner = stage.tour.owner.clone();
    for (whose, form) in FORMS {
        let mut own = match whose {
            Whose::Owner => owner.clone(),
            _ => stage.visitor(whose),
        };
        let token = token_of(&mut own, whose).await;
        let mut fields = stage.fields(&token);
        if form.starts_with("/audit") {
            fields.retain(|(name, _)| *name != "token");
        }
        let answer = own.post(&stage.address(form), &fields).await;
        assert_ne!(answer.status, 403, "{form}");
        assert!(answer.status.as_u16() < 500, "{form}: {}", answer.text);
    }
}

#[tokio::test]
async fn csrf_forms_a_form_that_lay_open_for_more_than_a_day_is_not_taken() {
    let mut tour = Tour::start().await;
    let token = staff_token(&tour.world.deployment, "support", "Toni", "90d").await;
    let mut staff = tour.visitor.clone();
    staff.sit_down("support", &token).await.expect(303);
    let mut old = Vec::new();
    for (somebody, whose) in [
        (&mut tour.visitor, Whose::Visitor),
        (&mut tour.owner, Whose::Owner),
        (&mut staff, Whose::Support),
    ] {
        old.push(token_of(somebody, whose).await);
    }
    tour.world.deployment.clock.turn(Duration::hours(13));
    tour.owner.get("/").await.expect(200);
    tour.world.deployment.clock.turn(Duration::hours(10));
    let nearly = [("form_token", &*old[0]), ("email", "nobody")];
    tour.visitor.post("/reset", &nearly).await.expect(400);
    tour.world.deployment.clock.turn(Duration::minutes(61));
    tour.owner.get("/").await.expect(200);
    staff.sit_down("support", &token).await.expect(303);

    let before = account_contents(&tour.world.deployment).await;
    for (somebody, token, form) in [
        (&mut tour.visitor, &old[0], "/login"),
        (&mut tour.owner, &old[1], "/logout"),
        (&mut staff, &old[2], "/support/sign-out"),
    ] {
        let fields = [
            ("email", "ada@example.com"),
            ("password", PASSWORD),
            ("form_token", token),
        ];
        somebody.post(form, &fields).await.expect(403);
    }
    assert_eq!(account_contents(&tour.world.deployment).await, before);
    tour.owner.get("/").await.expect(200);
    staff.get("/support").await.expect(200);
}

/// Mallory has a form of his own, and would have the victim's browser send it.
#[tokio::test]
async fn csrf_forms_nobody_is_signed_in_to_somebody_elses_account_by_another_site() {
    let tour = Tour::start().await;
    let mut mallory = Visitor::new(&tour.world.deployment);
    let token = token_of(&mut mallory, Whose::Visitor).await;
    let fields = [
        ("email", "ada@example.com"),
        ("password", PASSWORD),
        ("form_token", &*token),
    ];
    let cross_site = |victim: Visitor| {
        victim
            .with_header("sec-fetch-site", "cross-site")
            .with_header("origin", "https://evil.example")
    };
    let fresh = Visitor::new(&tour.world.deployment);
    let mut known = fresh.clone();
    known.get("/login").await.expect(200);
    for victim in [
        fresh.clone(),
        known.clone(),
        cross_site(fresh),
        cross_site(known),
    ] {
        let mut victim = victim;
        victim.post("/login", &fields).await.expect(403);
        assert!(!victim.cookies.contains_key(SESSION));
    }
    assert_eq!(mallory.post("/login", &fields).await.status, 303);
}
