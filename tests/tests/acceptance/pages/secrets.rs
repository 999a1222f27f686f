//! What is secret is shown once, to the one whom it is for, and is in no other page.

use acceptance::{Answer, Authenticator, OTHER_PASSWORD, PASSWORD};
use serde_json::{Value, json};

use crate::pages::headers::asset;
use crate::pages::html;
use crate::pages::tour::{SIGNED_IN, Tour};
use crate::pages::visitor::{AUDIT, CHALLENGE, SUPPORT, Visitor, location};
use crate::promises::browser::{DEVICE, SESSION};
use crate::surface::world::staff_token;

const PAGE: &str = "/settings/two-factor";
const START: &str = "/settings/two-factor/enrollment";
const CONFIRM: &str = "/settings/two-factor/enrollment/confirm";
const CANCEL: &str = "/settings/two-factor/enrollment/cancel";

/// The secret on a page with a QR code, which must say it in all three ways.
#[track_caller]
fn secret_on(page: &Answer) -> String {
    let secret = html::values(&page.text, "data-copy").remove(0);
    let links = html::values(&page.text, "href");
    let link = links
        .iter()
        .find(|link| link.starts_with("otpauth://totp/"));
    assert!(link.unwrap().contains(&format!("secret={secret}")));
    assert!(page.text.contains("<div class=\"qr\"><svg"));
    let groups = secret
        .as_bytes()
        .chunks(4)
        .map(|group| std::str::from_utf8(group).unwrap());
    assert!(page.text.contains(&groups.collect::<Vec<_>>().join(" ")));
    assert!(secret.len() >= 32, "{secret}");
    secret
}

/// No QR code, and this secret in no spelling.
#[track_caller]
fn assert_tells_nothing(answer: &Answer, secret: &str, what: &str) {
    let text = answer.text.replace(' ', "").to_lowercase();
    for part in ["otpauth", "class=\"qr\"", "data-copy", "classqr"] {
        assert!(!text.contains(part), "{what}: {part}");
    }
    assert!(!text.contains(&secret.to_lowercase()), "{what}");
    for (name, value) in &answer.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
        assert!(!value.contains(&secret.to_lowercase()), "{what}: {name}");
    }
}

async fn assert_nowhere_to_be_read(owner: &mut Visitor, secret: &str, when: &str) {
    for path in SIGNED_IN
        .into_iter()
        .chain([START, CONFIRM, CANCEL, "/login", "/nowhere"])
    {
        let answer = owner.get(path).await;
        assert_tells_nothing(&answer, secret, &format!("{path} {when}"));
    }
    let cookies = format!("{:?}", owner.cookies);
    assert!(!cookies.contains(secret), "{when}");
}

async fn start(owner: &mut Visitor) -> Answer {
    let answer = owner
        .submit(PAGE, START, &[("current_password", PASSWORD)])
        .await;
    let answer = answer.expect(200);
    assert!(answer.headers.get("set-cookie").is_none());
    for tag in html::tags(&answer.text).filter(|tag| tag.starts_with("input")) {
        assert!(!tag.contains(&secret_on(&answer)), "{tag}");
    }
    answer
}

/// Promise 5.
#[tokio::test]
async fn a_secret_is_in_the_answer_that_begins_an_enrollment_and_in_that_to_a_wrong_code_alone() {
    let mut tour = Tour::start().await;
    let clock = &tour.world.deployment.clock;
    let mut other = Visitor::new(&tour.world.deployment);
    other.sign_in(&tour.world.ada).await.expect(303);
    let page = start(&mut tour.owner).await;
    let app = Authenticator {
        secret: secret_on(&page),
    };
    assert_nowhere_to_be_read(&mut tour.owner, &app.secret, "after it was shown").await;

    let wrong = app.wrong_code(clock.now());
    let page = tour
        .owner
        .fill(&page, CONFIRM, &[("code", &wrong)])
        .await
        .expect(401);
    assert_eq!(secret_on(&page), app.secret);
    assert_nowhere_to_be_read(&mut tour.owner, &app.secret, "after a wrong code").await;
    assert_nowhere_to_be_read(&mut other, &app.secret, "in another session").await;
    let answer = other
        .submit(PAGE, CONFIRM, &[("code", &wrong)])
        .await
        .expect(401);
    assert_tells_nothing(&answer, &app.secret, "another session's wrong code");

    let code = app.code(clock.now());
    let answer = tour.owner.fill(&page, CONFIRM, &[("code", &code)]).await;
    assert_eq!(location(&answer), PAGE);
    assert_tells_nothing(&answer, &app.secret, "the right code");
    assert_eq!(answer.headers["clear-site-data"], "\"cache\"");
    let answer = tour.owner.follow(answer).await.expect(200);
    assert!(answer.text.contains("class=\"banner\""));
    assert_nowhere_to_be_read(&mut tour.owner, &app.secret, "when it is on").await;
    // Pressed twice: the page says how things stand.
    for typed in [&wrong, &code] {
        let answer = tour.owner.fill(&page, CONFIRM, &[("code", typed)]).await;
        assert_eq!(location(&answer), PAGE);
        let answer = tour.owner.follow(answer).await.expect(200);
        assert!(answer.text.contains("class=\"banner\""));
        assert!(answer.text.contains("That is over"));
        assert_tells_nothing(&answer, &app.secret, "a code when it is on");
    }
    let again = [("current_password", PASSWORD)];
    let answer = tour.owner.post_with(&page, CANCEL, START, &again).await;
    assert_tells_nothing(&answer, &app.secret, "beginning when it is on");
}

#[tokio::test]
async fn a_second_qr_code_says_that_it_stands_for_the_first_and_the_first_says_nothing() {
    let mut tour = Tour::start().await;
    let says_so = |page: &Answer| page.text.contains("This is a new QR code.");
    assert!(!says_so(&start(&mut tour.owner).await));
    let second = start(&mut tour.owner).await;
    assert!(says_so(&second));
    tour.owner.fill(&second, CANCEL, &[]).await.expect(303);
    assert!(!says_so(&start(&mut tour.owner).await));
}

#[tokio::test]
async fn a_secret_that_was_cancelled_or_has_expired_or_was_begun_anew_never_comes_back() {
    let mut tour = Tour::start().await;
    let owner = &mut tour.owner;
    let first = start(owner).await;
    let cancelled = Authenticator {
        secret: secret_on(&first),
    };
    let answer = owner.fill(&first, CANCEL, &[]).await;
    assert_eq!(location(&answer), PAGE);
    assert_nowhere_to_be_read(owner, &cancelled.secret, "after it was cancelled").await;
    let clock = &tour.world.deployment.clock;
    let code = cancelled.code(clock.now());
    let answer = owner.fill(&first, CONFIRM, &[("code", &code)]).await;
    assert_eq!(location(&answer), PAGE);
    let answer = owner.follow(answer).await.expect(200);
    assert!(answer.text.contains("That is over"));
    assert_tells_nothing(&answer, &cancelled.secret, "its code");

    let second = start(owner).await;
    let third = start(owner).await;
    let (void, live) = (secret_on(&second), secret_on(&third));
    assert_ne!(void, live);
    assert_ne!(cancelled.secret, void);
    let void = Authenticator { secret: void };
    let code = void.code(clock.now());
    let answer = owner
        .fill(&second, CONFIRM, &[("code", &code)])
        .await
        .expect(401);
    assert_eq!(secret_on(&answer), live);
    clock.turn(chrono::Duration::hours(2));
    let answer = owner.fill(&answer, CONFIRM, &[("code", &code)]).await;
    let answer = owner.follow(answer).await.expect(200);
    assert_tells_nothing(&answer, &live, "after it expired");
    assert_nowhere_to_be_read(owner, &live, "after it expired").await;
}

#[tokio::test]
async fn a_password_that_was_typed_comes_back_in_no_page_and_an_address_does() {
    let mut tour = Tour::start().await;
    let typed = "quiet-marmalade-canary";
    let short = "shortcanary";
    let token = tour.world.deployment.visitor();
    let fay = json!({ "email": "fay@example.com" });
    token.post("/accounts", fay).await.expect(202);
    let link = tour
        .world
        .deployment
        .mailed_token("fay@example.com", "verify")
        .await;
    let verify = format!("/verify/{link}");
    for (page, action, field, status) in [
        (PAGE, START, "current_password", 401),
        (
            "/settings/password",
            "/settings/password",
            "current_password",
            401,
        ),
    ] {
        let fields = [(field, typed), ("new_password", "another canary password")];
        let answer = tour
            .owner
            .submit(page, action, &fields)
            .await
            .expect(status);
        assert!(!answer.text.contains("canary"), "{action}");
    }
    let fields = [("current_password", PASSWORD), ("new_password", short)];
    let change = "/settings/password";
    let answer = tour.owner.submit(change, change, &fields).await.expect(422);
    assert!(!answer.text.contains("canary") && !answer.text.contains(PASSWORD));
    let fields = [("new_password", short)];
    let answer = tour
        .visitor
        .submit(&verify, &verify, &fields)
        .await
        .expect(422);
    assert!(!answer.text.contains("canary"));
    let fields = [("token", typed)];
    let answer = tour
        .visitor
        .submit("/support", "/support/sign-in", &fields)
        .await;
    assert!(!answer.expect(401).text.contains("canary"));

    for (email, status) in [("eve@example.com", 401), ("\"><b>&amp;@example", 400)] {
        let fields = [("email", email), ("password", typed)];
        let answer = tour
            .visitor
            .submit("/login", "/login", &fields)
            .await
            .expect(status);
        assert!(html::values(&answer.text, "value").contains(&email.to_owned()));
        assert!(!answer.text.contains("canary") && !answer.text.contains("<b>"));
    }
}

#[tokio::test]
async fn no_token_of_a_session_a_device_a_challenge_or_of_staff_is_in_any_page() {
    let mut tour = Tour::start().await;
    let token = staff_token(&tour.world.deployment, "support", "Toni", "90d").await;
    let answer = tour
        .visitor
        .clone()
        .sit_down("audit", &token)
        .await
        .expect(403);
    let mut pages = vec![("another desk".to_owned(), answer)];
    pages.extend(tour.everything().await);
    let mut waiting = tour.visitor.clone();
    waiting.sign_in(&tour.world.ada).await.expect(303);
    pages.push((
        "code".to_owned(),
        waiting.get("/login/code").await.expect(200),
    ));
    for (somebody, name) in [
        (&tour.owner, SESSION),
        (&tour.owner, DEVICE),
        (&waiting, CHALLENGE),
        (&tour.support, SUPPORT),
        (&tour.auditor, AUDIT),
    ] {
        let secret = &somebody.cookies[name];
        assert!(secret.starts_with("cs_"), "{name}");
        for (what, page) in &pages {
            assert!(!page.text.contains(secret), "{what} tells {name}");
        }
    }
    for (what, page) in &pages {
        assert!(!page.text.contains(&token), "{what}");
        for kind in [
            "cs_session_",
            "cs_browser_",
            "cs_device_",
            "cs_challenge_",
            "cs_staff_",
        ] {
            assert!(!page.text.contains(kind), "{what}: {kind}");
        }
    }
}

#[tokio::test]
async fn no_secret_of_a_page_is_in_the_log() {
    let mut tour = Tour::start().await;
    let staff = staff_token(&tour.world.deployment, "support", "Toni", "90d").await;
    tour.visitor
        .clone()
        .sit_down("support", &staff)
        .await
        .expect(303);
    let pages = tour.everything().await;
    let mut secrets = vec![PASSWORD.to_owned(), OTHER_PASSWORD.to_owned(), staff];
    for somebody in [&tour.visitor, &tour.owner, &tour.support, &tour.auditor] {
        let cookies = somebody.cookies.iter();
        let cookies = cookies.filter(|(name, _)| !name.ends_with("_notice"));
        secrets.extend(cookies.map(|(_, value)| value.clone()));
    }
    for (what, page) in &pages {
        secrets.extend(html::values(&page.text, "data-copy"));
        let tokens = html::tags(&page.text).filter(|tag| tag.contains("\"form_token\""));
        secrets.extend(tokens.filter_map(|tag| html::attribute(tag, "value")));
        let link = what.rsplit_once('/').map(|(_, token)| token.to_owned());
        secrets.extend(link.filter(|token| token.starts_with("cs_")));
    }
    let log = tour.world.deployment.log(0);
    for kind in ["cs_verify_", "cs_unblock_", "cs_reset_", "cs_staff_"] {
        let held = secrets.iter().any(|secret| secret.starts_with(kind));
        assert!(held, "{kind}");
    }
    secrets.extend(["ada@example.com", "eve@example.com"].map(str::to_owned));
    for secret in &secrets {
        assert!(!log.contains(secret), "{secret}");
    }
}

/// Checks: no_web_storage (ASVS-14.3.3, NIST-5.1-ls), chk_asvs_1_3_2 (ASVS-1.3.2).
#[tokio::test]
async fn no_web_storage_the_script_keeps_nothing_and_makes_no_markup_of_texts() {
    let tour = Tour::start().await;
    let mut visitor = tour.visitor;
    let page = visitor.get("/login").await.expect(200);
    let script = visitor
        .get(&asset(&page, "script.js"))
        .await
        .expect(200)
        .text;
    for word in [
        "localStorage",
        "sessionStorage",
        "indexedDB",
        "caches",
        "document.cookie",
        "serviceWorker",
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval",
        "Function(",
        "setTimeout(\"",
        "fetch(",
        "XMLHttpRequest",
        "import(",
    ] {
        assert!(!script.contains(word), "{word}");
    }
}

/// What is no code at all is judged like a wrong one: nobody sees the secret again without a record.
#[tokio::test]
async fn a_secret_that_is_shown_again_leaves_a_rejected_code_in_the_history() {
    let mut tour = Tour::start().await;
    let page = start(&mut tour.owner).await;
    let secret = secret_on(&page);
    for typed in ["", "12", "abc def"] {
        let rejected = || async {
            let events = tour
                .world
                .deployment
                .events(&tour.world.auditor, &tour.world.ada_id);
            let events = events.await;
            let rejected = |event: &&Value| event["type"] == "EnrollmentCodeRejected";
            events.iter().filter(rejected).count()
        };
        let before = rejected().await;
        let answer = tour.owner.fill(&page, CONFIRM, &[("code", typed)]).await;
        assert_eq!(secret_on(&answer.expect(401)), secret);
        assert_eq!(rejected().await, before + 1, "{typed:?}");
    }
}
