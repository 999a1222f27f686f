//! The desks of the staff: who gets in and for how long, and that every look is on record.

use acceptance::Deployment;
use chrono::Duration;

use crate::pages::html;
use crate::pages::visitor::{AUDIT, SUPPORT, Visitor, location};
use crate::promises::browser::{SESSION, SetCookie};
use crate::surface::staff_record::recorded;
use crate::surface::world::{NOBODYS_ID, World, revoke_staff, staff_id, staff_token};

/// Somebody at a desk, with their history.
struct AtDesk<'d> {
    deployment: &'d Deployment,
    browser: Visitor,
    token: String,
    id: String,
}

impl<'d> AtDesk<'d> {
    async fn support(deployment: &'d Deployment) -> Self {
        Self::sits(deployment, "support", "support", "Toni").await
    }

    async fn auditor(deployment: &'d Deployment) -> Self {
        Self::sits(deployment, "audit", "auditor", "Uli").await
    }

    async fn sits(deployment: &'d Deployment, desk: &str, role: &str, name: &str) -> Self {
        let token = staff_token(deployment, role, name, "90d").await;
        let mut browser = Visitor::new(deployment);
        let answer = browser.sit_down(desk, &token).await;
        assert_eq!(location(&answer), format!("/{desk}"));
        Self {
            deployment,
            browser,
            token,
            id: staff_id(deployment, name).await,
        }
    }

    async fn history(&self) -> Vec<String> {
        let mut history = recorded(self.deployment, "staff", &self.id).await;
        // What an operator did.
        history.remove(0);
        history
    }

    /// Opens a page; exactly these events are on record the moment it is there.
    async fn look(&mut self, path: &str, status: u16, events: &[&str]) -> String {
        let before = self.history().await;
        let answer = self.browser.get(path).await.expect(status);
        let after = self.history().await;
        assert_eq!(after[before.len()..], *events, "{path}");
        answer.text
    }

    /// The same for a form.
    async fn send(
        &mut self,
        form: (&str, &str),
        fields: &[(&str, &str)],
        status: u16,
        events: &[&str],
    ) {
        let (page, action) = form;
        let page = self.browser.get(page).await.expect(200);
        let before = self.history().await;
        let answer = self.browser.fill(&page, action, fields).await;
        assert_eq!(answer.status, status, "{action}: {}", answer.text);
        let after = self.history().await;
        assert_eq!(after[before.len()..], *events, "{action} {fields:?}");
    }
}

fn support_path(world: &World) -> String {
    format!("/support/accounts/{}", world.ada_id)
}

fn audit_path(world: &World) -> String {
    format!("/audit/accounts/{}", world.ada_id)
}

#[tokio::test]
async fn staff_sign_in_with_their_token_at_their_own_desk_alone() {
    let world = World::start().await;
    let mut toni = AtDesk::support(&world.deployment).await;
    let cookie = toni.browser.cookies[SUPPORT].clone();
    assert_ne!(cookie, toni.token);
    for text in [
        toni.look("/support", 200, &[]).await,
        toni.look("/support/accounts/x", 404, &["CallRefused"])
            .await,
    ] {
        assert!(text.contains("Toni") || text.contains("no such page"));
        assert!(!text.contains(&cookie) && !text.contains(&toni.token));
    }
    let door = toni.look("/audit", 200, &[]).await;
    assert!(html::form(&door, "/audit/sign-in").is_some());
    let uli = Visitor::new(&world.deployment);
    let answer = uli.clone().sit_down("audit", &toni.token).await.expect(403);
    assert!(answer.text.contains("This token is for another desk."));
    assert!(answer.cookie(SUPPORT).is_none());
    assert_eq!(
        toni.history().await,
        ["StaffSignedIn", "CallRefused", "CallRefused"]
    );
    for wrong in ["", "x", &toni.token[1..], &cookie, "cs_staff_0123456789"] {
        let answer = uli.clone().sit_down("support", wrong).await.expect(401);
        assert!(answer.cookie(SUPPORT).is_none(), "{wrong}");
        assert!(
            answer.text.contains("This token is not in force"),
            "{wrong}"
        );
    }
    assert_eq!(toni.history().await.len(), 3);
}

#[tokio::test]
async fn the_cookie_of_staff_is_strict_lasts_a_working_day_and_is_cleared_at_the_end() {
    let deployment = Deployment::start().await;
    let token = staff_token(&deployment, "auditor", "Uli", "90d").await;
    let mut uli = Visitor::new(&deployment);
    let answer = uli.sit_down("audit", &format!(" {token}\n")).await;
    let cookie = SetCookie::named(&answer, AUDIT);
    let expected = [
        "HttpOnly",
        "Max-Age=28800",
        "Path=/audit",
        "SameSite=Strict",
        "Secure",
    ];
    assert_eq!(cookie.attributes, expected);
    assert!(cookie.value.starts_with("cs_"));
    let answer = uli.submit("/audit", "/audit/sign-out", &[]).await;
    assert!(SetCookie::named(&answer, AUDIT).is_deletion());
}

#[tokio::test]
async fn signing_out_ends_that_sign_in_alone_and_at_once() {
    let world = World::start().await;
    let mut toni = AtDesk::support(&world.deployment).await;
    let mut elsewhere = Visitor::new(&world.deployment);
    elsewhere.sit_down("support", &toni.token).await.expect(303);
    let left = toni.browser.clone();
    let page = support_path(&world);
    let sign_out = ("/support", "/support/sign-out");
    toni.send(sign_out, &[], 303, &["StaffSignedOut"]).await;
    assert!(!toni.browser.cookies.contains_key(SUPPORT));
    assert_eq!(location(&left.clone().get(&page).await), "/support");
    let door = left.clone().get("/support").await.expect(200);
    assert!(html::form(&door.text, "/support/sign-in").is_some());
    let again = left.clone().post("/support/sign-out", &[]).await;
    assert_eq!(location(&again), "/support");
    elsewhere.get(&page).await.expect(200);
    let api = world.deployment.visitor().with_bearer(&toni.token);
    let api = api.get(&page).await;
    api.expect(200);
}

#[tokio::test]
async fn revoking_the_token_ends_every_sign_in_to_the_pages_at_once() {
    let world = World::start().await;
    let mut toni = AtDesk::support(&world.deployment).await;
    let page = support_path(&world);
    let form = toni.browser.get("/support").await.expect(200);
    toni.look(&page, 200, &["AccountViewed"]).await;
    revoke_staff(&world.deployment, &toni.id).await;
    assert_eq!(location(&toni.browser.get(&page).await), "/support");
    let search = [("email", "ada@example.com")];
    let answer = toni.browser.fill(&form, "/support/search", &search).await;
    assert_eq!(location(&answer), "/support");
    let door = toni.browser.get("/support").await.expect(200);
    let answer = toni
        .browser
        .fill(&door, "/support/sign-in", &[("token", &toni.token)])
        .await;
    answer.expect(401);
}

#[tokio::test]
async fn a_session_of_staff_is_over_after_eight_hours_or_a_quarter_of_an_hour_without_a_look() {
    let world = World::start().await;
    let mut toni = AtDesk::support(&world.deployment).await;
    let page = support_path(&world);
    for _ in 0..34 {
        world.deployment.clock.turn(Duration::minutes(14));
        toni.look(&page, 200, &["AccountViewed"]).await;
    }
    world
        .deployment
        .clock
        .turn(Duration::minutes(15) + Duration::seconds(1));
    assert_eq!(
        location(&toni.browser.get(&page).await),
        "/support",
        "eight hours"
    );
    toni.browser
        .sit_down("support", &toni.token)
        .await
        .expect(303);
    toni.browser.get(&page).await.expect(200);
    world
        .deployment
        .clock
        .turn(Duration::minutes(15) + Duration::seconds(1));
    assert_eq!(location(&toni.browser.get(&page).await), "/support", "idle");
}

#[tokio::test]
async fn a_session_of_staff_is_over_with_its_token() {
    let world = World::start().await;
    let short = staff_token(&world.deployment, "support", "Vera", "1h").await;
    let mut vera = Visitor::new(&world.deployment);
    vera.sit_down("support", &short).await.expect(303);
    let page = support_path(&world);
    for _ in 0..5 {
        world.deployment.clock.turn(Duration::minutes(10));
        vera.get(&page).await.expect(200);
    }
    world.deployment.clock.turn(Duration::minutes(10));
    assert_eq!(location(&vera.get(&page).await), "/support");
}

#[tokio::test]
async fn signing_in_again_in_the_same_browser_ends_the_session_before() {
    let world = World::start().await;
    let mut toni = AtDesk::support(&world.deployment).await;
    let mut before = toni.browser.clone();
    let door = toni.browser.get("/audit").await.expect(200);
    let (form, address) = ("/audit/sign-in", "/support/sign-in");
    let fields = [("token", &*toni.token)];
    let again = toni.browser.post_with(&door, form, address, &fields).await;
    assert_eq!(location(&again), "/support");
    let history = toni.history().await;
    assert_eq!(
        history,
        ["StaffSignedIn", "StaffSignedOut", "StaffSignedIn"]
    );
    let page = support_path(&world);
    assert_eq!(location(&before.get(&page).await), "/support");
    toni.look(&page, 200, &["AccountViewed"]).await;
}

#[tokio::test]
async fn no_cookie_or_token_of_one_kind_is_taken_for_another() {
    let world = World::start().await;
    let deployment = &world.deployment;
    let toni = AtDesk::support(deployment).await;
    let mut owner = Visitor::new(deployment);
    owner.sign_in(&world.ada).await.expect(303);
    let (staff, session) = (
        toni.browser.cookies[SUPPORT].clone(),
        owner.cookies[SESSION].clone(),
    );
    let page = support_path(&world);
    for (name, value) in [
        (SUPPORT, &session),
        (SUPPORT, &toni.token),
        (SESSION, &staff),
        (SESSION, &toni.token),
    ] {
        let mut mixed = Visitor::new(deployment).with_cookie(name, value);
        assert_eq!(location(&mixed.get(&page).await), "/support");
        assert_eq!(location(&mixed.get("/").await), "/login");
    }
    assert_eq!(location(&owner.get(&page).await), "/support");
    assert_eq!(location(&toni.browser.clone().get("/").await), "/login");
    let bearer =
        Visitor::new(deployment).with_header("authorization", &format!("Bearer {}", toni.token));
    assert_eq!(location(&bearer.clone().get(&page).await), "/support");

    let api = deployment.visitor();
    let by_cookie = api
        .clone()
        .with_header("cookie", &format!("{SUPPORT}={staff}"));
    for caller in [api.with_bearer(&staff), by_cookie] {
        caller
            .get(&page)
            .await
            .expect_problem(401, "unauthenticated");
    }
    assert_eq!(toni.history().await, ["StaffSignedIn"]);
}

/// Checks: staff_read_recorded (ASVS-16.3.2).
#[tokio::test]
async fn staff_read_recorded_every_look_of_support_at_a_page_is_one_event() {
    let world = World::start().await;
    let mut toni = AtDesk::support(&world.deployment).await;
    assert_eq!(toni.history().await, ["StaffSignedIn"]);
    let page = support_path(&world);
    let unlock = format!("{page}/unlock");
    let nobody = format!("/support/accounts/{NOBODYS_ID}");
    toni.look("/support", 200, &[]).await;
    let search = ("/support", "/support/search");
    for (email, status, event) in [
        (" ada@example.com ", 303, "AccountSearched"),
        ("nobody@example.com", 200, "AccountSearched"),
        ("no address", 400, "CallRefused"),
    ] {
        toni.send(search, &[("email", email)], status, &[event])
            .await;
    }
    toni.look(&page, 200, &["AccountViewed"]).await;
    toni.look(&unlock, 200, &["AccountViewed"]).await;
    toni.look(&nobody, 404, &["CallRefused"]).await;
    // Their cookie is that of their desk; whoever puts it into the other's is refused by name.
    let session = toni.browser.cookies[SUPPORT].clone();
    toni.browser.cookies.insert(AUDIT.to_owned(), session);
    for path in [audit_path(&world), format!("{}/export", audit_path(&world))] {
        toni.look(&path, 403, &["CallRefused"]).await;
    }
    let without_token = toni.browser.post("/support/search", &[]).await;
    without_token.expect(403);
    assert_eq!(toni.history().await.last().unwrap(), "CallRefused");
}

/// Checks: staff_read_recorded (ASVS-16.3.2).
#[tokio::test]
async fn staff_read_recorded_every_look_of_an_auditor_at_a_page_is_one_event() {
    let world = World::start().await;
    let mut uli = AtDesk::auditor(&world.deployment).await;
    let page = audit_path(&world);
    uli.look("/audit", 200, &[]).await;
    let search = ("/audit", "/audit/search");
    let (found, nothing) = ([("account", &*world.ada_id)], [("account", "none")]);
    uli.send(search, &found, 303, &[]).await;
    uli.send(search, &nothing, 400, &["CallRefused"]).await;
    for (path, event) in [
        (page.clone(), "HistoryRead"),
        (format!("{page}?after=2"), "HistoryRead"),
        (format!("{page}/state"), "StateRead"),
        (format!("{page}/state?at=2"), "StateRead"),
        (format!("{page}/export"), "HistoryRead"),
    ] {
        uli.look(&path, 200, &[event]).await;
    }
    uli.look(
        &format!("/audit/accounts/{NOBODYS_ID}"),
        404,
        &["CallRefused"],
    )
    .await;
    uli.look(&format!("{page}?after=x"), 400, &["CallRefused"])
        .await;
    let session = uli.browser.cookies[AUDIT].clone();
    uli.browser.cookies.insert(SUPPORT.to_owned(), session);
    for path in [
        support_path(&world),
        format!("{}/unlock", support_path(&world)),
    ] {
        uli.look(&path, 403, &["CallRefused"]).await;
    }
    let token = html::form_token(&uli.look("/audit", 200, &[]).await, "/audit/sign-out");
    let fields = [("form_token", &*token), ("reason", "x")];
    let unlock = format!("{}/unlock", support_path(&world));
    uli.browser.post(&unlock, &fields).await.expect(403);
    let mut history = uli.history().await;
    assert_eq!(history.pop().unwrap(), "CallRefused");
    let search = [("form_token", &*token), ("email", "ada@example.com")];
    uli.browser
        .post("/support/search", &search)
        .await
        .expect(403);
}
