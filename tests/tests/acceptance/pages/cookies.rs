//! The cookies of the pages.

use std::collections::BTreeMap;

use acceptance::Answer;

use crate::pages::tour::listed_apps;
use crate::pages::visitor::{CHALLENGE, FORM, SUPPORT, Visitor};
use crate::promises::browser::{DEVICE, SESSION, SetCookie};
use crate::surface::world::{World, staff_token};

const NOTICE: &str = "__Host-countersign_notice";

/// Everything that is set on the way in, in and out, by owners and staff.
async fn all_cookies(world: &World) -> Vec<SetCookie> {
    let clock = &world.deployment.clock;
    let app = world.ada.enable_two_factor(&world.owner, clock.now()).await;
    clock.turn_to_next_step();
    let mut owner = Visitor::new(&world.deployment);
    let mut answers = vec![owner.get("/login").await];
    answers.push(owner.sign_in(&world.ada).await);
    let code = app.code(clock.now());
    answers.push(
        owner
            .submit("/login/code", "/login/code", &[("code", &code)])
            .await,
    );
    answers.push(owner.submit("/", "/logout", &[]).await);
    answers.push(owner.get("/login").await);
    let token = staff_token(&world.deployment, "support", "Toni", "90d").await;
    answers.push(owner.sit_down("support", &token).await);
    answers.push(owner.submit("/support", "/support/sign-out", &[]).await);
    answers.iter().flat_map(SetCookie::of).collect()
}

/// `SameSite` and `Max-Age` of each cookie that is set; the form's goes with the browser.
fn expected(name: &str) -> (&'static str, &'static str) {
    match name {
        SESSION => ("SameSite=Lax", "Max-Age=1209600"),
        DEVICE => ("SameSite=Strict", "Max-Age=31536000"),
        SUPPORT => ("SameSite=Strict", "Max-Age=28800"),
        FORM => ("SameSite=Lax", ""),
        CHALLENGE => ("SameSite=Strict", "Max-Age=300"),
        NOTICE => ("SameSite=Lax", "Max-Age=60"),
        other => panic!("{other} is no cookie of ours"),
    }
}

/// Checks: every_cookie_flags (ASVS-3.3.1), cookie_samesite_table (ASVS-3.3.2),
/// cookie_host_prefix (ASVS-3.3.3), cookie_size (ASVS-3.3.5).
#[tokio::test]
async fn every_cookie_of_the_pages_is_bound_to_the_host_secure_and_out_of_reach_of_scripts() {
    let world = World::with(listed_apps()).await;
    let mut seen = BTreeMap::new();
    for cookie in all_cookies(&world).await {
        let has = |attribute: &str| cookie.attributes.iter().any(|given| given == attribute);
        let path = match &*cookie.name {
            SUPPORT => "Path=/support",
            _ => "Path=/",
        };
        for attribute in [path, "Secure", "HttpOnly"] {
            assert!(has(attribute), "{cookie:?}");
        }
        let (same_site, age) = expected(&cookie.name);
        for attribute in [same_site, age]
            .iter()
            .filter(|attribute| !attribute.is_empty())
        {
            assert!(has(attribute) || has("Max-Age=0"), "{cookie:?}");
        }
        assert!(!has("SameSite=None"), "{cookie:?}");
        assert!(cookie.name.len() + cookie.value.len() < 300, "{cookie:?}");
        let endings = seen.entry(cookie.name.clone()).or_insert((0, 0));
        if cookie.is_deletion() {
            endings.1 += 1;
        } else {
            endings.0 += 1;
        }
    }
    for (name, (set, deleted)) in &seen {
        let lives_on = [DEVICE, FORM].contains(&name.as_str());
        assert_eq!((*set, *deleted > 0), (1, !lives_on), "{name}");
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
}

fn sets(answer: &Answer) -> Vec<String> {
    SetCookie::of(answer)
        .into_iter()
        .map(|cookie| cookie.name)
        .collect()
}

#[tokio::test]
async fn a_browser_keeps_the_key_that_it_was_given_and_a_cookie_that_stands_there_twice_is_refused()
{
    let world = World::with(listed_apps()).await;
    let mut visitor = Visitor::new(&world.deployment);
    assert_eq!(sets(&visitor.get("/login").await), [FORM]);
    assert_eq!(sets(&visitor.get("/reset").await), [""; 0]);
    let mut owner = visitor.clone();
    assert_eq!(
        sets(&owner.sign_in(&world.ada).await),
        [SESSION, DEVICE, CHALLENGE]
    );
    for name in [FORM, SESSION] {
        let twice = format!("{}; {name}=x", owner.cookies[name]);
        owner
            .clone()
            .with_cookie(name, &twice)
            .get("/settings")
            .await
            .expect(400);
    }
    let hostile = visitor
        .with_cookie(NOTICE, "<b>")
        .with_cookie(FORM, &"x".repeat(5000));
    let page = hostile.clone().get("/login").await.expect(200);
    assert!(!page.text.contains("<b>"));
    assert_eq!(sets(&page)[0], FORM);
}
