//! The pages are no easier way in than the API: the same refusals, waits, factors and links.

use acceptance::{Answer, Deployment, OTHER_PASSWORD, PASSWORD, Person};
use serde_json::json;

use crate::pages::html;
use crate::pages::tour::{READING, SIGNED_IN, Tour};
use crate::pages::visitor::{CHALLENGE, FORM, Visitor, location};
use crate::promises::browser::{DEVICE, SESSION};
use crate::surface::world::{World, all_settled};

/// Two answers that tell nothing apart are the same text, but for what is new in each answer.
fn plain(answer: &Answer, email: &str) -> (u16, Vec<String>, String) {
    let mut text = answer.text.clone();
    let nonces = html::values(&text, "nonce");
    let tokens = html::tags(&text).filter(|tag| tag.contains("name=\"form_token\""));
    let tokens = tokens.filter_map(|tag| html::attribute(tag, "value"));
    let own = nonces.into_iter().chain(tokens.collect::<Vec<_>>());
    let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
    for changing in own.chain([id, email.to_owned()]) {
        text = text.replace(&changing, "…");
    }
    let mut headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !["x-request-id", "date", "content-length"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .filter(|header| !header.starts_with("content-security-policy"))
        .collect::<Vec<_>>();
    headers.sort();
    (answer.status.as_u16(), headers, text)
}

/// Waits that began at different times differ by a second.
fn without_numbers(told: (u16, Vec<String>, String)) -> String {
    let (status, headers, text) = told;
    assert_eq!(status, 429);
    let all = format!("{headers:?}{text}");
    all.chars().filter(|c| !c.is_ascii_digit()).collect()
}

async fn present(visitor: &mut Visitor, email: &str, password: &str) -> Answer {
    let fields = [("email", email), ("password", password)];
    visitor.submit("/login", "/login", &fields).await
}

async fn guess_until_refused(deployment: &Deployment, email: &str) -> Answer {
    let mut stranger = Visitor::new(deployment);
    for _ in 0..5 {
        present(&mut stranger, email, OTHER_PASSWORD)
            .await
            .expect(401);
    }
    present(&mut stranger, email, OTHER_PASSWORD).await
}

/// Checks: parity_of_paths (ASVS-6.3.4).
#[tokio::test]
async fn parity_of_paths_a_wrong_password_and_an_address_without_an_account_are_told_alike() {
    let world = World::start().await;
    let unverified = json!({ "email": "fay@example.com" });
    world
        .deployment
        .visitor()
        .post("/accounts", unverified)
        .await
        .expect(202);
    all_settled(&world.deployment).await;
    let mut answers = Vec::new();
    for (email, password) in [
        ("ada@example.com", OTHER_PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("fay@example.com", PASSWORD),
        ("ada@example.com", ""),
    ] {
        let mut visitor = Visitor::new(&world.deployment);
        let answer = present(&mut visitor, email, password).await.expect(401);
        assert!(answer.headers.get("set-cookie").is_none(), "{email}");
        answers.push(plain(&answer, email));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
}

/// Checks: parity_of_paths (ASVS-6.3.4).
#[tokio::test]
async fn parity_of_paths_strangers_wait_after_five_wrong_passwords_and_are_offered_a_mailed_link() {
    let world = World::start().await;
    let deployment = &world.deployment;
    let mut known = Visitor::new(deployment);
    known.sign_in(&world.ada).await.expect(303);
    known.submit("/", "/logout", &[]).await.expect(303);
    let mut refusals = Vec::new();
    for email in ["ada@example.com", "nobody@example.com"] {
        let answer = guess_until_refused(deployment, email).await.expect(429);
        let wait = answer.headers["retry-after"].to_str().unwrap();
        let wait = wait.parse::<u64>().unwrap();
        assert!((1..=30).contains(&wait), "{wait}");
        assert!(answer.text.contains("href=\"/unblock\""));
        assert!(answer.text.contains("Too many attempts. Try again in"));
        refusals.push(without_numbers(plain(&answer, email)));
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "{refusals:#?}");
    let right = Visitor::new(deployment).sign_in(&world.ada).await;
    right.expect(429);
    let api = deployment.visitor().post("/login", world.ada.login()).await;
    api.expect_problem(429, "too_many_attempts");
    // The device cookie that the sign-in set.
    assert_eq!(location(&known.sign_in(&world.ada).await), "/");
    assert!(known.cookies.contains_key(SESSION));
}

/// Checks: parity_of_paths (ASVS-6.3.4).
#[tokio::test]
async fn parity_of_paths_the_code_is_asked_for_and_taken_once() {
    let world = World::start().await;
    let clock = &world.deployment.clock;
    let app = world.ada.enable_two_factor(&world.owner, clock.now()).await;
    clock.turn_to_next_step();
    let mut visitors = [0; 2].map(|_| Visitor::new(&world.deployment));
    for visitor in &mut visitors {
        let answer = visitor.sign_in(&world.ada).await;
        assert_eq!(location(&answer), "/login/code");
        assert!(!visitor.cookies.contains_key(SESSION));
        assert!(!visitor.cookies.contains_key(DEVICE));
        assert_eq!(
            location(&visitor.get("/settings").await),
            "/login?return_to=%2Fsettings"
        );
    }
    let [first, second] = &mut visitors;
    let wrong = app.wrong_code(clock.now());
    let page = first
        .submit("/login/code", "/login/code", &[("code", &wrong)])
        .await
        .expect(401);
    assert!(page.text.contains("This code was not accepted"));
    let code = app.code(clock.now());
    let spaced = format!(" {} {} ", &code[..3], &code[3..]);
    let answer = first.fill(&page, "/login/code", &[("code", &spaced)]).await;
    assert_eq!(location(&answer), "/");
    assert!(!first.cookies.contains_key(CHALLENGE));
    first.get("/settings").await.expect(200);

    let used = second
        .submit("/login/code", "/login/code", &[("code", &code)])
        .await
        .expect(401);
    assert_eq!(plain(&used, ""), plain(&page, ""));
    assert!(!second.cookies.contains_key(SESSION));
    too_many_codes(second, &wrong).await;
}

/// Five attempts, the used code among them; then the password is asked for again.
async fn too_many_codes(visitor: &mut Visitor, wrong: &str) {
    let (page, code) = ("/login/code", [("code", wrong)]);
    for _ in 0..4 {
        let answer = visitor.submit(page, page, &code).await.expect(401);
        assert!(html::form(&answer.text, page).is_some());
    }
    let answer = visitor.submit(page, page, &code).await.expect(401);
    assert!(
        answer
            .text
            .contains("Please start again with your password.")
    );
    assert_eq!(location(&visitor.get(page).await), "/login");
    assert!(!visitor.cookies.contains_key(SESSION));
}

/// Checks: logout_on_every_page (ASVS-7.4.4, NIST-5.1-logoff).
#[tokio::test]
async fn logout_on_every_page_is_a_form_beside_the_way_to_the_settings() {
    let mut tour = Tour::start().await;
    let mut pages = tour.owners_pages().await;
    for path in SIGNED_IN {
        let answer = tour.owner.get(path).await.expect(200);
        pages.push((path.to_owned(), answer));
    }
    for (what, page) in pages {
        assert!(html::form(&page.text, "/logout").is_some(), "{what}");
        assert!(
            page.text.contains("class=\"gear\" href=\"/settings\""),
            "{what}"
        );
        assert_eq!(page.text.matches("<h1>").count(), 1, "{what}");
    }
    for (what, page) in tour.visitors_pages().await {
        assert!(html::form(&page.text, "/logout").is_none(), "{what}");
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_for_good_and_leaves_the_browser_known() {
    let world = World::start().await;
    let mut owner = Visitor::new(&world.deployment);
    owner.sign_in(&world.ada).await.expect(303);
    let before = owner.clone();
    let answer = owner.submit("/settings", "/logout", &[]).await;
    let clear = answer.headers["clear-site-data"].to_str().unwrap();
    assert_eq!(clear, r#""cache", "storage""#);
    assert!(!owner.cookies.contains_key(SESSION));
    assert!(owner.cookies.contains_key(DEVICE));
    let page = owner.follow(answer).await.expect(200);
    assert!(page.text.contains("You are signed out."));
    let again = owner.get("/login").await.expect(200);
    assert!(!again.text.contains("You are signed out."));
    assert_eq!(location(&before.clone().get("/").await), "/login");
    assert_eq!(
        location(&before.clone().get("/settings").await),
        "/login?return_to=%2Fsettings"
    );
}

#[tokio::test]
async fn asking_for_a_mail_is_answered_alike_whatever_the_address_has() {
    let world = World::start().await;
    let deployment = &world.deployment;
    for path in ["/register", "/reset", "/unblock"] {
        let mut answers = Vec::new();
        for email in ["ada@example.com", "nobody@example.com"] {
            let mut visitor = Visitor::new(deployment);
            let page = visitor.get(path).await.expect(200);
            deployment.clock.turn(READING);
            let answer = visitor.fill(&page, path, &[("email", email)]).await;
            assert_eq!(location(&answer), format!("{path}/sent"));
            let answer = visitor.follow(answer).await.expect(200);
            answers.push(plain(&answer, email));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:#?}");
    }
    all_settled(deployment).await;
    let mails = deployment.mails();
    let to_nobody = mails.iter().filter(|mail| mail.to == "nobody@example.com");
    assert_eq!(to_nobody.count(), 1);
    deployment
        .mailed_token("nobody@example.com", "verify")
        .await;
    deployment.mailed_token("ada@example.com", "reset").await;
    deployment.mailed_token("ada@example.com", "unblock").await;
}

/// A mailed link to a password: opening it spends nothing, a refused password neither.
async fn choose_a_password(deployment: &Deployment, path: &str, refused: &str) -> Visitor {
    let mut visitor = Visitor::new(deployment);
    for _ in 0..2 {
        let mut scanner = Visitor::new(deployment);
        scanner.get(path).await.expect(200);
        assert_eq!(scanner.cookies.keys().collect::<Vec<_>>(), [FORM]);
    }
    for password in [refused, ""] {
        let answer = visitor
            .submit(path, path, &[("new_password", password)])
            .await;
        let answer = answer.expect(422);
        assert!(answer.text.contains("id=\"new_password-fault\""));
        assert!(answer.headers.get("set-cookie").is_none());
    }
    let page = visitor.get(path).await.expect(200);
    let chosen = [("new_password", OTHER_PASSWORD)];
    let answer = visitor.fill(&page, path, &chosen).await;
    assert_eq!(location(&answer), "/login");
    visitor.follow(answer).await.expect(200);
    let cookies = visitor.cookies.keys().collect::<Vec<_>>();
    assert_eq!(cookies, [DEVICE, FORM]);
    let used = visitor.get(path).await.expect(410);
    assert!(used.text.contains("This link no longer works"));
    visitor.fill(&page, path, &chosen).await.expect(410);
    visitor
}

#[tokio::test]
async fn a_link_to_a_password_is_spent_by_its_form_alone_and_signs_nobody_in() {
    let world = World::start().await;
    let deployment = &world.deployment;
    let mut fay = Visitor::new(deployment);
    let email = [("email", "fay@example.com")];
    fay.submit("/register", "/register", &email)
        .await
        .expect(303);
    let token = deployment.mailed_token("fay@example.com", "verify").await;
    let mut fay = choose_a_password(deployment, &format!("/verify/{token}"), "short").await;
    let person = Person {
        email: "fay@example.com".to_owned(),
        password: OTHER_PASSWORD.to_owned(),
        device_token: String::new(),
    };
    assert_eq!(location(&fay.sign_in(&person).await), "/");

    let mut ada = Visitor::new(deployment);
    ada.sign_in(&world.ada).await.expect(303);
    let email = [("email", "ada@example.com")];
    Visitor::new(deployment)
        .submit("/reset", "/reset", &email)
        .await
        .expect(303);
    let token = deployment.mailed_token("ada@example.com", "reset").await;
    choose_a_password(deployment, &format!("/reset/{token}"), "ada@example.com").await;
    assert_eq!(location(&ada.get("/").await), "/login");
    let old = ada.sign_in(&world.ada).await;
    old.expect(401);
    let changed = Person {
        password: OTHER_PASSWORD.to_owned(),
        ..world.ada.clone()
    };
    assert_eq!(location(&ada.sign_in(&changed).await), "/");
}

#[tokio::test]
async fn a_link_that_lets_a_browser_through_makes_it_known_and_nothing_else() {
    let world = World::start().await;
    let deployment = &world.deployment;
    guess_until_refused(deployment, "ada@example.com")
        .await
        .expect(429);
    let mut ada = Visitor::new(deployment);
    ada.sign_in(&world.ada).await.expect(429);
    let email = [("email", "ada@example.com")];
    ada.submit("/unblock", "/unblock", &email).await.expect(303);
    let token = deployment.mailed_token("ada@example.com", "unblock").await;
    let link = format!("/unblock/{token}");
    let page = ada.get(&link).await.expect(200);
    ada.get(&link).await.expect(200);
    let answer = ada.fill(&page, &link, &[]).await;
    assert_eq!(location(&answer), "/login");
    // That it is known, and what the next page says.
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
    assert!(answer.cookie(DEVICE).is_some());
    let answer = ada.follow(answer).await.expect(200);
    assert!(answer.text.contains("This browser is let through."));
    assert_eq!(location(&ada.get("/").await), "/login");
    ada.get(&link).await.expect(410);
    ada.fill(&page, &link, &[]).await.expect(410);
    Visitor::new(deployment)
        .sign_in(&world.ada)
        .await
        .expect(429);
    assert_eq!(location(&ada.sign_in(&world.ada).await), "/");
    for kind in ["verify", "reset", "unblock"] {
        let answer = ada.get(&format!("/{kind}/{token}")).await;
        assert_eq!(answer.status, 410, "{kind}");
    }
}
