//! What every page says to the browser about itself, and what is in it.

use std::collections::BTreeSet;

use acceptance::{Answer, Deployment};
use reqwest::Method;

use crate::pages::html;
use crate::pages::tour::{APPS, SUPPORT_CONTACT, Tour};
use crate::pages::visitor::Visitor;

/// Bytes of one page, and of a page with all that it needs.
const PAGE: usize = 30 * 1024;
const WHOLE: usize = 60 * 1024;

fn header(answer: &Answer, name: &str, what: &str) -> String {
    let mut values = answer.headers.get_all(name).iter();
    let value = values.next();
    let value = value.unwrap_or_else(|| panic!("{what} lacks {name}"));
    assert_eq!(values.next(), None, "{what}: {name} twice");
    value.to_str().unwrap().to_owned()
}

#[track_caller]
fn assert_headers(answer: &Answer, what: &str) {
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("vary", "Cookie, Authorization, Accept-Language"),
        ("reporting-endpoints", "csp=\"/csp-report\""),
    ] {
        assert_eq!(header(answer, name, what), value, "{what}");
    }
    assert!(
        answer.headers.contains_key("strict-transport-security"),
        "{what}"
    );
    let id = header(answer, "x-request-id", what);
    if answer.text.contains("class=\"hint\">Request id") {
        assert!(answer.text.contains(&id), "{what}");
    }
}

/// The nonce, after the rest of the policy was looked at.
#[track_caller]
fn assert_policy(answer: &Answer, what: &str) -> String {
    let policy = header(answer, "content-security-policy", what);
    let directives = policy.split("; ").collect::<BTreeSet<_>>();
    let form_action = format!("form-action 'self' {}", APPS.join(" "));
    for directive in [
        "default-src 'none'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "img-src 'self'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
        "report-uri /csp-report",
        "report-to csp",
        &form_action,
    ] {
        assert!(directives.contains(directive), "{what}: {policy}");
    }
    assert!(!policy.contains("'unsafe-"), "{what}: {policy}");
    let nonce = policy.split("script-src 'nonce-").nth(1).unwrap();
    let nonce = nonce.split('\'').next().unwrap().to_owned();
    assert!(nonce.len() >= 22, "{what}: {nonce}");
    assert!(
        directives.contains(&*format!("style-src 'nonce-{nonce}'")),
        "{what}"
    );
    let given = html::values(&answer.text, "nonce");
    assert_eq!(given, vec![nonce.clone(), nonce.clone()], "{what}");
    nonce
}

#[track_caller]
fn assert_nothing_inline(html: &str, what: &str) {
    assert!(!html.contains("<style"), "{what}");
    for script in html.split("<script").skip(1) {
        let (tag, rest) = script.split_once('>').unwrap();
        assert!(tag.contains(" src=\"/assets/"), "{what}: {tag}");
        assert!(rest.starts_with("</script>"), "{what}: {rest}");
    }
    for tag in html::tags(html) {
        for (name, _) in html::attributes(tag) {
            assert!(name != "style" && !name.starts_with("on"), "{what}: {tag}");
        }
    }
}

#[track_caller]
fn assert_leads_nowhere_else(html: &str, what: &str) {
    let support = format!("mailto:{SUPPORT_CONTACT}");
    for name in [
        "href",
        "src",
        "action",
        "formaction",
        "data",
        "srcset",
        "poster",
    ] {
        for url in html::values(html, name) {
            let ours = url.starts_with('#') || url.starts_with('/') && !url.starts_with("//");
            let listed = APPS.iter().any(|app| *app == url.trim_end_matches('/'));
            let known = url.starts_with("otpauth://totp/") || url == support;
            assert!(ours || name == "href" && (listed || known), "{what}: {url}");
        }
    }
}

/// Checks: nosniff_everywhere (ASVS-3.4.4), referrer_policy_everywhere (ASVS-3.4.5),
/// frame_ancestors_everywhere (ASVS-3.4.6), content_type_everywhere (ASVS-4.1.1),
/// no_external_links (ASVS-3.7.3).
#[tokio::test]
async fn every_page_and_every_refusal_allows_nothing_but_itself_under_a_nonce_of_its_own() {
    let mut tour = Tour::start().await;
    let mut nonces = BTreeSet::new();
    let mut statuses = BTreeSet::new();
    for (what, answer) in tour.everything().await {
        assert_headers(&answer, &what);
        assert!(nonces.insert(assert_policy(&answer, &what)), "{what}");
        assert_nothing_inline(&answer.text, &what);
        assert_leads_nowhere_else(&answer.text, &what);
        assert!(answer.text.len() < PAGE, "{what}: {}", answer.text.len());
        statuses.insert(answer.status.as_u16());
    }
    assert_eq!(
        statuses,
        BTreeSet::from([200, 400, 401, 403, 404, 405, 410, 413, 415, 422])
    );
}

#[tokio::test]
async fn the_stylesheet_the_script_and_the_icon_are_kept_for_ever_under_the_right_fingerprint() {
    let deployment = Deployment::start().await;
    let mut visitor = Visitor::new(&deployment);
    let page = visitor.get("/login").await.expect(200);
    let mut size = PAGE;
    for (name, kind) in [
        ("style.css", "text/css; charset=utf-8"),
        ("script.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let path = asset(&page, name);
        let answer = visitor.get(&path).await.expect(200);
        assert_eq!(answer.headers["content-type"], kind);
        let cache = answer.headers["cache-control"].to_str().unwrap();
        assert!(
            cache.contains("public") && cache.contains("immutable"),
            "{cache}"
        );
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(answer.headers.get("set-cookie").is_none());
        size += answer.text.len();

        let fingerprint = path.split('/').nth(2).unwrap();
        let other = path.replace(fingerprint, "0123456789abcdef");
        let answer = visitor.get(&other).await.expect(200);
        assert_eq!(answer.headers["cache-control"], "no-store", "{other}");
    }
    assert!(size < WHOLE, "{size}");
    visitor.get("/assets/x/none.css").await.expect(404);
    visitor.get("/assets/x/..%2fCargo.toml").await.expect(404);
}

pub(crate) fn asset(page: &Answer, name: &str) -> String {
    let mut all = html::values(&page.text, "href");
    all.extend(html::values(&page.text, "src"));
    all.retain(|path| path.ends_with(name));
    all.remove(0)
}

/// A fortnight of somebody who signs in a lot, from a browser with a long name.
#[tokio::test]
async fn the_longest_pages_are_small_too() {
    let tour = Tour::start().await;
    let browser = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 \
                   (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
    let api = tour
        .world
        .deployment
        .visitor()
        .with_header("user-agent", browser);
    for _ in 0..26 {
        tour.world.ada.sign_in(&api).await;
    }
    let mut owner = tour.visitor.clone().with_header("user-agent", browser);
    owner.sign_in(&tour.world.ada).await.expect(303);
    let id = &tour.world.ada_id;
    let support = format!("/support/accounts/{id}");
    for (mut somebody, path, rows, many) in [
        (owner.clone(), "/settings/sessions", "<strong>", 10),
        (owner, "/settings", "<li><time", 25),
        (tour.support.clone(), &support, "<li><time", 50),
    ] {
        for language in ["en", "de"] {
            somebody = somebody.with_header("accept-language", language);
            let page = somebody.get(path).await.expect(200).text;
            assert_eq!(page.matches(rows).count(), many, "{path}");
            assert!(page.len() < PAGE, "{path}: {} bytes", page.len());
        }
    }
}

/// Checks: csp_report_logged (ASVS-3.4.7).
#[tokio::test]
async fn csp_report_logged_without_the_path_that_may_hold_a_token() {
    let deployment = Deployment::start().await;
    let mut visitor = Visitor::new(&deployment);
    visitor.get("/login").await.expect(200);
    let secret = "cs_reset_0123456789";
    let old = format!(
        r#"{{"csp-report":{{"effective-directive":"script-src-elem",
        "document-uri":"https://id.example/reset/{secret}",
        "blocked-uri":"https://evil.example/{secret}?{secret}#{secret}"}}}}"#
    );
    let new = format!(
        r#"[{{"type":"csp-violation","url":"https://id.example/reset/{secret}",
        "body":{{"effectiveDirective":"img-src\u001b[31m","blockedURL":"https://worse.example/{secret}"}}}}]"#
    );
    for (kind, body) in [
        ("application/csp-report", old),
        ("application/reports+json", new),
    ] {
        let body = Some((kind, body.into_bytes()));
        let answer = visitor.send(Method::POST, "/csp-report", body).await;
        assert_eq!(answer.expect(204).text, "");
        // One a second is written down.
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    }
    for broken in ["", "{", "csp-report=1"] {
        let body = Some(("application/csp-report", broken.as_bytes().to_vec()));
        let answer = visitor.send(Method::POST, "/csp-report", body).await;
        answer.expect(400);
    }
    let large = Some(("application/csp-report", vec![b' '; 70_000]));
    let answer = visitor.send(Method::POST, "/csp-report", large).await;
    answer.expect(413);
    visitor.get("/csp-report").await.expect(405);

    let log = deployment.log(0);
    for told in [
        "script-src-elem",
        "https://evil.example\"",
        "https://worse.example\"",
        "broke its content security policy",
    ] {
        assert!(log.contains(told), "{told} is not in {log}");
    }
    assert!(!log.contains(secret), "{log}");
    assert!(!log.contains('\u{1b}') && !log.contains("u001b"), "{log}");
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
    assert_eq!(page.matches(" id=\"event-").count(), 20);
    assert!(page.len() < 30 * 1024, "{} bytes", page.len());
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
    assert!((1..50).contains(&reports), "{reports} of 500");
}
