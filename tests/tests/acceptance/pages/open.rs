//! What the pages are to do and do not do yet.

use acceptance::Deployment;
use reqwest::Method;

use crate::pages::html;
use crate::pages::tour::Tour;
use crate::pages::visitor::{CHALLENGE, Visitor};
use crate::promises::browser::SetCookie;
use crate::surface::staff_record::recorded;
use crate::surface::world::{NOBODYS_ID, World, staff_id, staff_token};

/// One event a request, also where a refusal shows the page again.
#[tokio::test]
async fn staff_read_recorded_a_refusal_that_shows_the_page_again_is_one_event() {
    let world = World::start().await;
    let deployment = &world.deployment;
    let unlock = format!("/support/accounts/{}/unlock", world.ada_id);
    let token = staff_token(deployment, "support", "Toni", "90d").await;
    let mut toni = Visitor::new(deployment);
    toni.sit_down("support", &token).await.expect(303);
    let id = staff_id(deployment, "Toni").await;
    let page = toni.get(&unlock).await.expect(200);
    let mut added = Vec::new();
    for (reason, status) in [("", 422), ("lost phone", 409)] {
        let before = recorded(deployment, "staff", &id).await.len();
        let answer = toni.fill(&page, &unlock, &[("reason", reason)]).await;
        answer.expect(status);
        added.push(recorded(deployment, "staff", &id).await.split_off(before));
    }
    let token = staff_token(deployment, "auditor", "Uli", "90d").await;
    let mut uli = Visitor::new(deployment);
    uli.sit_down("audit", &token).await.expect(303);
    let id = staff_id(deployment, "Uli").await;
    let before = recorded(deployment, "staff", &id).await.len();
    let beyond = format!("/audit/accounts/{}/state?at=9999", world.ada_id);
    uli.get(&beyond).await.expect(400);
    added.push(recorded(deployment, "staff", &id).await.split_off(before));
    assert!(added.iter().all(|events| events.len() == 1), "{added:?}");
}

#[tokio::test]
async fn a_full_page_of_a_history_is_small_too() {
    let mut tour = Tour::start().await;
    let browser = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 \
                   (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
    let api = tour.world.deployment.visitor();
    let api = api.with_header("user-agent", browser);
    for _ in 0..26 {
        tour.world.ada.sign_in(&api).await;
    }
    let path = format!("/audit/accounts/{}", tour.world.ada_id);
    let page = tour.auditor.get(&path).await.expect(200).text;
    assert_eq!(page.matches(" id=\"event-").count(), 50);
    assert!(page.len() < 30 * 1024, "{} bytes", page.len());
}

/// Checks: logout_on_every_page (ASVS-7.4.4, NIST-5.1-logoff).
#[tokio::test]
async fn logout_on_every_page_also_on_one_that_says_that_something_is_wrong() {
    let mut tour = Tour::start().await;
    let page = tour.owner.get("/nowhere").await.expect(404).text;
    assert!(html::form(&page, "/logout").is_some());
}

#[tokio::test]
async fn a_page_that_refuses_a_member_of_staff_leads_back_to_their_desk() {
    let mut tour = Tour::start().await;
    for (staff, desk, path) in [
        (&mut tour.support, "/support", "/support/accounts"),
        (&mut tour.auditor, "/audit", "/audit/accounts"),
    ] {
        let page = staff.get(&format!("{path}/{NOBODYS_ID}")).await;
        let links = html::values(&page.expect(404).text, "href");
        assert!(links.contains(&desk.to_owned()), "{links:?}");
    }
}

/// Checks: csp_report_logged (ASVS-3.4.7).
#[tokio::test]
async fn csp_report_logged_at_a_rate_that_does_not_fill_the_disk() {
    let deployment = Deployment::start().await;
    let mut visitor = Visitor::new(&deployment);
    let report = br#"{"csp-report":{"effective-directive":"script-src","blocked-uri":"inline"}}"#;
    for _ in 0..500 {
        let body = Some(("application/csp-report", report.to_vec()));
        visitor.send(Method::POST, "/csp-report", body).await;
    }
    let log = deployment.log(0);
    let reports = log.matches("broke its content security policy").count();
    assert!((1..400).contains(&reports), "{reports} of 500");
}

/// Checks: cookie_samesite_table (ASVS-3.3.2).
#[tokio::test]
async fn cookie_samesite_table_a_sign_in_that_waits_for_its_code_is_strict() {
    let world = World::start().await;
    let now = world.deployment.clock.now();
    world.ada.enable_two_factor(&world.owner, now).await;
    let answer = Visitor::new(&world.deployment).sign_in(&world.ada).await;
    let cookie = SetCookie::named(&answer, CHALLENGE);
    let strict = "SameSite=Strict".to_owned();
    assert!(cookie.attributes.contains(&strict), "{cookie:?}");
}
