//! Signing in and out leads on to our own pages and the listed applications, and nowhere else.

use acceptance::{Answer, Authenticator};

use crate::pages::html;
use crate::pages::tour::{Tour, listed_apps};
use crate::pages::visitor::{Visitor, location, percent_encoded};
use crate::promises::browser::SESSION;
use crate::surface::world::World;

/// What is asked for, and where it leads.
const GOOD: [(&str, &str); 8] = [
    ("/settings", "/settings"),
    (
        "/settings/two-factor?x=1&y=%2F",
        "/settings/two-factor?x=1&y=%2F",
    ),
    ("https://id.example/settings", "/settings"),
    ("https://app.example", "https://app.example/"),
    (
        "https://app.example/inbox?m=1#top",
        "https://app.example/inbox?m=1#top",
    ),
    ("https://APP.example:443/x", "https://app.example/x"),
    ("https://other.example:8443/", "https://other.example:8443/"),
    ("settings", "/settings"),
];

const EVIL: [&str; 36] = [
    "//evil.example",
    "///evil.example",
    "////evil.example/..",
    "\\\\evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\r\n//evil.example",
    " //evil.example",
    "\u{0}//evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/a/..//evil.example",
    "/%2e//evil.example",
    "https://id.example//evil.example",
    "https:\\\\evil.example",
    "https:///evil.example",
    "https://evil.example",
    "http://app.example/",
    "https://app.example:444/",
    "https://other.example/",
    "http://id.example/",
    "https://id.example:8443/",
    "https://app.example.evil.example/",
    "https://app.example@evil.example/",
    "https://user@app.example/",
    "https://:pass@app.example/",
    "https://evilapp.example/",
    "https://app.example\u{3002}evil.example/",
    "https://\u{430}pp.example/",
    "javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,x",
    "blob:https://app.example/1",
    "otpauth://totp/x",
];

fn login_for(place: &str) -> String {
    format!("/login?return_to={}", percent_encoded(place))
}

/// The place that the page would send along.
fn kept(page: &Answer, action: &str) -> Option<String> {
    let form = html::form(&page.text, action).unwrap();
    let mut fields = html::hidden_fields(form).into_iter();
    fields
        .find(|(name, _)| name == "return_to")
        .map(|(_, place)| place)
}

#[tokio::test]
async fn no_spelling_of_another_place_gets_into_the_form_or_past_somebody_who_is_signed_in() {
    let mut tour = Tour::start().await;
    for (asked, place) in GOOD {
        let page = tour.visitor.get(&login_for(asked)).await.expect(200);
        assert_eq!(kept(&page, "/login").as_deref(), Some(place), "{asked}");
        let onward = tour.owner.get(&login_for(asked)).await;
        assert_eq!(location(&onward), place, "{asked}");
    }
    let long = format!("/{}", "x".repeat(2000));
    for asked in EVIL.into_iter().chain(["", &long]) {
        let page = tour.visitor.get(&login_for(asked)).await.expect(200);
        assert_eq!(kept(&page, "/login"), None, "{asked:?}");
        assert!(!page.text.contains("evil"), "{asked:?}");
        let onward = tour.owner.get(&login_for(asked)).await;
        assert_eq!(location(&onward), "/", "{asked:?}");
    }
    let twice = "/login?return_to=/a&return_to=/b";
    tour.visitor.get(twice).await.expect(400);
}

#[tokio::test]
async fn the_password_leads_on_and_a_place_that_was_put_into_the_form_leads_home() {
    let world = World::with(listed_apps()).await;
    for (asked, place) in [GOOD[1], GOOD[4], GOOD[6]] {
        let mut visitor = Visitor::new(&world.deployment);
        let page = visitor.get(&login_for(asked)).await.expect(200);
        let answer = present_password(&mut visitor, &world, &page, &[]).await;
        assert_eq!(location(&answer), place);
    }
    for evil in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:1",
    ] {
        let mut visitor = Visitor::new(&world.deployment);
        let page = visitor.get("/login").await.expect(200);
        let more = [("return_to", evil)];
        let answer = present_password(&mut visitor, &world, &page, &more).await;
        assert_eq!(location(&answer), "/", "{evil}");
        assert!(visitor.cookies.contains_key(SESSION));
    }
}

async fn present_password(
    visitor: &mut Visitor,
    world: &World,
    page: &Answer,
    more: &[(&str, &str)],
) -> Answer {
    let mut fields = vec![
        ("email", &*world.ada.email),
        ("password", &*world.ada.password),
    ];
    fields.extend(more);
    visitor.fill(page, "/login", &fields).await
}

#[tokio::test]
async fn a_place_survives_a_wrong_password_and_a_wrong_code_and_the_code_leads_on() {
    let world = World::with(listed_apps()).await;
    let clock = &world.deployment.clock;
    let app = world.ada.enable_two_factor(&world.owner, clock.now()).await;
    for (asked, place) in [GOOD[4], GOOD[1], ("https://evil.example/", "/")] {
        clock.turn_to_next_step();
        let mut visitor = Visitor::new(&world.deployment);
        let page = visitor.get(&login_for(asked)).await.expect(200);
        let wrong = [("email", "ada@example.com"), ("password", "wrong")];
        let page = visitor.fill(&page, "/login", &wrong).await.expect(401);
        let answer = present_password(&mut visitor, &world, &page, &[]).await;
        let page = visitor.follow(answer).await.expect(200);
        let page = present_code(&mut visitor, &page, &app.wrong_code(clock.now())).await;
        let page = page.expect(401);
        let answer = present_code(&mut visitor, &page, &app.code(clock.now())).await;
        assert_eq!(location(&answer), place);
    }
    let evil = "/login/code?return_to=https%3A%2F%2Fevil.example";
    put_into_the_form(&world, &app, evil).await;
}

async fn present_code(visitor: &mut Visitor, page: &Answer, code: &str) -> Answer {
    visitor.fill(page, "/login/code", &[("code", code)]).await
}

async fn put_into_the_form(world: &World, app: &Authenticator, page: &str) {
    world.deployment.clock.turn_to_next_step();
    let mut visitor = Visitor::new(&world.deployment);
    visitor.sign_in(&world.ada).await.expect(303);
    let page = visitor.get(page).await.expect(200);
    assert_eq!(kept(&page, "/login/code"), None);
    let code = app.code(world.deployment.clock.now());
    let fields = [("code", &*code), ("return_to", "//evil.example")];
    let answer = visitor.fill(&page, "/login/code", &fields).await;
    assert_eq!(location(&answer), "/");
}

#[tokio::test]
async fn signing_out_leads_to_the_listed_applications_or_to_the_sign_in_page() {
    let world = World::with(listed_apps()).await;
    for (asked, place) in [
        ("", "/login"),
        ("https://app.example/bye", "https://app.example/bye"),
        ("/reset", "/reset"),
        ("//evil.example", "/login"),
        ("https://evil.example", "/login"),
        ("javascript:alert(1)", "/login"),
    ] {
        let mut owner = Visitor::new(&world.deployment);
        owner.sign_in(&world.ada).await.expect(303);
        let answer = owner.submit("/", "/logout", &[("return_to", asked)]).await;
        assert_eq!(location(&answer), place, "{asked}");
        assert!(!owner.cookies.contains_key(SESSION));
    }
}

#[tokio::test]
async fn a_session_that_has_ended_leads_to_the_sign_in_page_and_back() {
    let world = World::with(listed_apps()).await;
    let mut owner = Visitor::new(&world.deployment);
    owner.sign_in(&world.ada).await.expect(303);
    for (page, then) in [
        ("/settings/sessions", "/settings/sessions"),
        ("/settings?a=b&c=d", "/settings?a=b&c=d"),
        ("/settings/two-factor", "/settings/two-factor"),
        ("/", "/"),
    ] {
        world.owner.delete("/sessions").await.expect(204);
        let answer = owner.get(page).await;
        let sign_in = if page == "/" {
            "/login".to_owned()
        } else {
            login_for(page)
        };
        assert_eq!(location(&answer), sign_in);
        let form = owner.follow(answer).await.expect(200);
        let answer = present_password(&mut owner, &world, &form, &[]).await;
        assert_eq!(location(&answer), then);
        owner.get(page).await.expect(200);
    }
}

#[tokio::test]
async fn a_form_of_a_session_that_has_ended_changes_nothing_and_leads_back_to_its_page() {
    let world = World::with(listed_apps()).await;
    let mut owner = Visitor::new(&world.deployment);
    owner.sign_in(&world.ada).await.expect(303);
    let page = owner.get("/settings/two-factor").await.expect(200);
    world.owner.delete("/sessions").await.expect(204);
    let action = "/settings/two-factor/enrollment";
    let password = [("current_password", &*world.ada.password)];
    let answer = owner.fill(&page, action, &password).await;
    assert_eq!(location(&answer), login_for(action));
    let form = owner.follow(answer).await.expect(200);
    let answer = present_password(&mut owner, &world, &form, &[]).await;
    let page = owner.follow(answer).await.expect(200);
    assert!(html::form(&page.text, action).is_some());
    let settings = world.owner.get("/settings").await.expect(200);
    assert_eq!(settings.json["two_factor"]["status"], "disabled");
}
