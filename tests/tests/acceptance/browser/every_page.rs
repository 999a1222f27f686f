//! What holds for every page: axe-core has nothing to say, nothing is wider than the screen,
//! nothing leaves the site, and no page breaks its own policy.

use acceptance::chromium::View;
use acceptance::{Chromium, Options, Tour};

/// The pages that a walk has to have seen.
const PAGES: usize = 38;

async fn holds_on_every_page(view: View) {
    let deployment = acceptance::Deployment::with(
        Options::default()
            .setting("COUNTERSIGN_SUPPORT_CONTACT", "help@example.com")
            .setting("COUNTERSIGN_APP_URLS", "https://app.example"),
    )
    .await;
    let browser = Chromium::with(&deployment.site(), view).await;
    let (mut seen, mut faults) = (0, Vec::new());
    Tour::walk(&deployment, &browser, async |page: &str, browser| {
        seen += 1;
        faults.extend(look_at(page, browser).await);
    })
    .await;
    assert!(faults.is_empty(), "{faults:#?}");
    assert_eq!(seen, PAGES);
    browser.assert_quiet().await;
    assert!(
        !deployment
            .log(0)
            .contains("broke its content security policy")
    );
}

async fn look_at(page: &str, browser: &Chromium) -> Vec<String> {
    let mut faults = Vec::new();
    for violation in browser.axe().await {
        faults.push(format!("{page}: {violation:?}"));
    }
    for wide in browser.horizontal_overflow().await {
        faults.push(format!("{page} is too wide: {wide}"));
    }
    if browser.html().await.contains("Unknown localization") {
        faults.push(format!("{page} lacks a text"));
    }
    faults
}

#[tokio::test]
async fn every_page_is_sound_on_a_phone_in_the_light() {
    holds_on_every_page(View::phone()).await;
}

#[tokio::test]
async fn every_page_is_sound_on_a_tablet_in_the_dark_and_with_reduced_motion() {
    holds_on_every_page(View::tablet().dark().still()).await;
}

#[tokio::test]
async fn every_page_is_sound_on_a_desktop_at_a_zoom_of_200_percent() {
    holds_on_every_page(View::desktop().zoomed(200)).await;
}

/// The first view of a page with all that it needs.
#[tokio::test]
async fn the_first_view_of_a_page_weighs_less_than_60_kib() {
    let deployment = acceptance::Deployment::start().await;
    let browser = Chromium::start(&deployment.site()).await;
    browser.open("/login").await;
    let bytes = browser.bytes_received().await;
    assert!((2_000..60 * 1024).contains(&bytes), "{bytes}");
    let requests = browser.requests().await;
    assert_eq!(
        requests.len(),
        4,
        "page, stylesheet, script, icon: {requests:?}"
    );
}
