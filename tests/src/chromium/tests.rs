//! What the browser is relied on for, at pages with planted faults.

mod site;

use std::fmt::Write as _;

use super::chromedriver::processes_in;
use super::{Chromium, Cookie, Focus, Key, View};
use site::Site;

const COOKIE: &str = "Set-Cookie: __Host-seen=1; Path=/; Secure; HttpOnly; SameSite=Lax\r\n\
                      Referrer-Policy: no-referrer\r\n";
const POLICY: &str = "Content-Security-Policy: default-src 'none'; form-action 'self'\r\n";

const FORM: &str = r#"
<h1>Names</h1>
<p id="scripts">Scripts are off.</p>
<script>document.getElementById("scripts").textContent = "Scripts are on.";</script>
<form method="post" action="/form">
<label for="name">Your name</label> <input id="name" name="name" required>
<label><input type="checkbox" name="sure"> I am sure</label>
<label for="colour">Colour</label>
<select id="colour" name="colour"><option>Red</option><option>Green</option></select>
<button>Send</button>
</form>
<ul><li>First <button>Remove</button></li><li>Second <button id="second">Remove</button></li></ul>
<p><a href="/other">Elsewhere</a></p>"#;

const FAULTS: &str = r#"
<h1>Faults</h1>
<p style="color: #bbb; background: #fff">Hardly to be read</p>
<button style="outline: none">Where am I?</button>
<div style="width: 2000px">Wide</div>"#;

fn page(request: &str) -> (&'static str, String) {
    let (headers, main) = match request {
        "GET /form" => (COOKIE, FORM.to_owned()),
        "POST /form" => (
            "",
            "<h1>Wrong</h1><p>Please choose another name.</p>".to_owned(),
        ),
        "GET /outside" => (
            "",
            "<img alt='' src='http://outside.example/x.png'>".to_owned(),
        ),
        "GET /policy" => (POLICY, "<p style='color: red'>Red</p>".to_owned()),
        "GET /error" => ("", "<script>missing()</script>".to_owned()),
        "GET /faults" => ("", FAULTS.to_owned()),
        "GET /qr" => ("", qr_code()),
        _ => ("", "<h1>Other</h1>".to_owned()),
    };
    let icon = "<link rel=icon href='data:,'>";
    let icon = if headers == POLICY { "" } else { icon };
    let mut html = format!("<!doctype html><html lang=en><title>Test</title>{icon}");
    write!(html, "<main>{main}</main></html>").unwrap();
    (headers, html)
}

fn qr_code() -> String {
    let svg = credentials::qr::svg("otpauth://totp/A:b?secret=ABC").unwrap();
    format!("<div style='width: 200px'>{svg}</div>")
}

#[tokio::test]
async fn a_person_fills_in_presses_and_reads() {
    let site = Site::start(page);
    let browser = Chromium::start(&site.url).await;
    browser.open("/form").await;
    let page = u64::try_from(FORM.len()).unwrap();
    assert!((page + 100..page + 700).contains(&browser.bytes_received().await));
    browser.fill("Your name", "Zoë").await;
    browser.tick("I am sure").await;
    browser.choose("Colour", "Green").await;
    assert_eq!(browser.filled("Your name").await, "Zoë");
    browser.press("Send").await;
    assert!(browser.text().await.contains("choose another name"));
    let head = site.head("POST /form");
    for header in [
        "cookie: __host-seen=1",
        "sec-fetch-site: same-origin",
        "origin: null",
    ] {
        assert!(head.contains(header), "{head}");
    }
    browser.back().await;
    browser.sees("Scripts are on.").await;
    browser.press_beside("Second", "Remove").await;
    assert_eq!(
        browser.ask("return document.activeElement.id").await,
        "second"
    );
    browser.follow("Elsewhere").await;
    assert_eq!(browser.path().await, "/other");
    let cookie = Cookie {
        name: "__Host-seen".into(),
        value: "1".into(),
        path: "/".into(),
        secure: true,
        http_only: true,
        same_site: "Lax".into(),
        expiry: None,
    };
    assert_eq!(browser.cookies().await, [cookie]);
    assert!(browser.storage_is_empty().await);
    browser.ask("localStorage.kept = 1").await;
    assert!(!browser.storage_is_empty().await);
    browser.assert_quiet().await;
}

#[tokio::test]
async fn a_keyboard_is_enough_and_needs_no_scripts() {
    let site = Site::start(page);
    let view = View::phone()
        .without_scripts()
        .dark()
        .still()
        .language("de-DE,de");
    let browser = Chromium::with(&site.url, view).await;
    browser.open("/form").await;
    browser.sees("Scripts are off.").await;
    let seen =
        "return [innerWidth, innerHeight, matchMedia('(prefers-color-scheme: dark)').matches,
        matchMedia('(prefers-reduced-motion: reduce)').matches]";
    let view = serde_json::json!([360, 740, true, true]);
    assert_eq!(browser.ask(seen).await, view);
    browser.tab_to("Your name").await;
    browser.types("Ada").await;
    assert!(browser.focus_is_visible().await);
    browser.tab_to("Send").await;
    browser.key(Key::ShiftTab).await;
    let colour = Focus {
        role: "combobox".into(),
        label: "Colour".into(),
    };
    assert_eq!(browser.focus().await, colour);
    browser.key(Key::Tab).await;
    browser.key(Key::Enter).await;
    assert!(browser.text().await.contains("choose another name"));
    assert_eq!(browser.ask(seen).await, view, "after a form");
    assert!(
        site.head("POST /form")
            .contains("accept-language: de-de,de")
    );
    browser.back().await;
    browser.sees("Scripts are off.").await;
    browser.assert_quiet().await;
}

#[tokio::test]
async fn what_leaves_the_site_or_breaks_its_policy_is_a_fault() {
    let site = Site::start(page);
    let browser = Chromium::start(&site.url).await;
    let mut known = 0;
    for (path, fault) in [
        ("/outside", "http://outside.example/x.png"),
        ("/policy", "Content Security Policy"),
        ("/error", "missing is not defined"),
    ] {
        browser.open(path).await;
        let faults = browser.faults().await;
        assert!(faults.len() > known, "{path}: {faults:?}");
        assert!(
            faults.iter().any(|found| found.contains(fault)),
            "{path}: {faults:?}"
        );
        known = faults.len();
    }
}

#[tokio::test]
async fn a_page_that_is_hard_to_use_is_found_out() {
    let site = Site::start(page);
    let browser = Chromium::with(&site.url, View::tablet().zoomed(200)).await;
    browser.open("/form").await;
    assert_eq!(
        browser.ask("return [innerWidth, devicePixelRatio]").await,
        serde_json::json!([384, 2])
    );
    assert_eq!(browser.horizontal_overflow().await, [""; 0]);
    assert_eq!(rules(&browser).await, [""; 0]);
    browser.open("/faults").await;
    assert!(
        browser
            .horizontal_overflow()
            .await
            .concat()
            .contains("2000px")
    );
    assert_eq!(rules(&browser).await, ["color-contrast"]);
    browser.key(Key::Tab).await;
    assert_eq!(browser.focus().await.label, "Where am I?");
    assert!(!browser.focus_is_visible().await);
    assert!(browser.screenshot().await.starts_with(b"\x89PNG"));
}

async fn rules(browser: &Chromium) -> Vec<String> {
    let found = browser.axe().await.into_iter();
    found.map(|violation| violation.rule).collect()
}

#[tokio::test]
async fn a_qr_code_is_read_off_the_screen() {
    let site = Site::start(page);
    let browser = Chromium::with(&site.url, View::phone().dark()).await;
    browser.open("/qr").await;
    assert_eq!(browser.qr_code().await, "otpauth://totp/A:b?secret=ABC");
}

#[tokio::test]
async fn nothing_is_left_of_a_browser_whose_test_panicked() {
    let site = Site::start(page);
    let browser = Chromium::start(&site.url).await;
    browser.open("/form").await;
    let folder = browser.driver.folder().to_owned();
    assert!(
        processes_in(&folder).len() > 2,
        "the processes are recognised"
    );
    let failed = tokio::spawn(async move {
        let _browser = browser;
        panic!("as a failed test does");
    });
    assert!(failed.await.is_err());
    assert_eq!(processes_in(&folder), []);
    assert!(!folder.exists());
}
