//! What staff do on the pages is what the API does.

use acceptance::Caller;
use serde_json::{Value, json};

use crate::pages::html;
use crate::pages::visitor::{Visitor, location};
use crate::surface::staff_record::recorded;
use crate::surface::world::{World, all_settled, staff_id, staff_token};

async fn at_desk(world: &World, desk: &str, role: &str) -> Visitor {
    let token = staff_token(&world.deployment, role, "Toni", "90d").await;
    let mut browser = Visitor::new(&world.deployment);
    browser.sit_down(desk, &token).await.expect(303);
    browser
}

async fn unlocks(world: &World) -> Vec<Value> {
    let mut events = world.deployment.events(&world.auditor, &world.ada_id).await;
    events.retain(|event| event["type"] == "AccountUnlocked");
    events
}

async fn with_two_factor(world: &World) {
    let now = world.deployment.clock.now();
    world.ada.enable_two_factor(&world.owner, now).await;
}

/// Promise 7.
#[tokio::test]
async fn an_unlock_by_a_form_does_what_the_api_does_once_however_often_it_is_sent() {
    let world = World::start().await;
    with_two_factor(&world).await;
    let mut toni = at_desk(&world, "support", "support").await;
    let account = format!("/support/accounts/{}", world.ada_id);
    let unlock = format!("{account}/unlock");
    let page = toni.get(&unlock).await.expect(200);
    for promised in ["turned off", "One session ends", "told by mail"] {
        assert!(page.text.contains(promised), "{promised}");
    }
    let fields = [
        ("reason", "Lost phone; showed passport"),
        ("ticket", " HELP-7 "),
    ];
    let answer = toni.fill(&page, &unlock, &fields).await;
    assert_eq!(location(&answer), account);
    let shown = toni.follow(answer).await.expect(200);
    assert!(shown.text.contains("The account is unlocked."));
    let again = toni.fill(&page, &unlock, &fields).await;
    assert_eq!(location(&again), account);

    world.owner.get("/session").await.expect(401);
    world.ada.sign_in(&world.deployment.visitor()).await;
    let unlocked = unlocks(&world).await;
    assert_eq!(unlocked.len(), 1);
    let id = staff_id(&world.deployment, "Toni").await;
    let actor = json!({ "kind": "support", "id": id, "name": "Toni" });
    assert_eq!(unlocked[0]["actor"], actor);
    assert_eq!(unlocked[0]["data"]["reason"], "Lost phone; showed passport");
    assert_eq!(unlocked[0]["data"]["ticket"], "HELP-7");
    all_settled(&world.deployment).await;
    let mails = world.deployment.mails();
    let told = mails
        .iter()
        .filter(|mail| mail.subject.contains("unlocked"));
    assert_eq!(told.count(), 1);
    let other = [("reason", "another"), ("ticket", "")];
    toni.fill(&page, &unlock, &other).await.expect(422);
    world.deployment.verify().await;
}

#[tokio::test]
async fn an_unlock_without_a_reason_or_without_need_changes_nothing_and_keeps_what_was_typed() {
    let world = World::start().await;
    let mut toni = at_desk(&world, "support", "support").await;
    let unlock = format!("/support/accounts/{}/unlock", world.ada_id);
    let desk = toni.get("/support").await.expect(200);
    let (sign_out, typed) = ("/support/sign-out", [("reason", "lost & <found>")]);
    let answer = toni.post_with(&desk, sign_out, &unlock, &typed).await;
    let answer = answer.expect(409);
    assert!(answer.text.contains("There is nothing to unlock"));
    with_two_factor(&world).await;
    // Written before it was on: it is told anew what will happen.
    let answer = toni.post_with(&desk, sign_out, &unlock, &typed).await;
    let answer = answer.expect(400);
    assert!(answer.text.contains("was turned on meanwhile"));
    assert!(
        answer
            .text
            .contains(">lost &#38; &#60;found&#62;</textarea>")
    );
    let page = toni.get(&unlock).await.expect(200);
    let key = |text: &str| {
        let form = html::form(text, &unlock).unwrap();
        let mut fields = html::hidden_fields(form).into_iter();
        fields.find(|(name, _)| name == "key").unwrap().1
    };
    for (reason, status) in [
        ("", 422),
        (" \t\n", 422),
        ("\u{200b}\u{2060}", 422),
        ("a\u{1b}[31m", 400),
        (&"x".repeat(2000), 400),
    ] {
        let fields = [("reason", reason), ("ticket", "HELP-9")];
        let answer = toni.fill(&page, &unlock, &fields).await.expect(status);
        assert!(answer.text.contains("id=\"reason-fault\""), "{reason:?}");
        assert!(html::values(&answer.text, "value").contains(&"HELP-9".to_owned()));
        assert_eq!(key(&answer.text), key(&page.text));
    }
    assert_eq!(unlocks(&world).await.len(), 0);
    world.owner.get("/session").await.expect(200);
    let nobody = unlock.replace(&world.ada_id, crate::surface::world::NOBODYS_ID);
    toni.get(&nobody).await.expect(404);
}

/// The JSON in a page's `pre`.
fn shown_json(html: &str) -> Value {
    let (_, rest) = html.split_once("<pre tabindex=\"0\">").unwrap();
    let text = rest.split("</pre>").next().unwrap();
    serde_json::from_str(&html::unescaped(text)).unwrap()
}

#[tokio::test]
async fn a_state_on_the_pages_is_the_apis_answer_at_a_sequence_and_at_an_instant() {
    let world = World::start().await;
    let opened = world.deployment.clock.now();
    world.deployment.clock.turn(chrono::Duration::minutes(5));
    with_two_factor(&world).await;
    let mut uli = at_desk(&world, "audit", "auditor").await;
    let path = format!("/audit/accounts/{}/state", world.ada_id);
    let instant = opened + chrono::Duration::seconds(90);
    let instant = instant.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let minute = (opened + chrono::Duration::minutes(2))
        .format("%Y-%m-%dT%H:%M")
        .to_string();
    for (page, call) in [
        (String::new(), String::new()),
        ("?at=1".to_owned(), "?at=1".to_owned()),
        ("?at=3".to_owned(), "?at=3".to_owned()),
        (format!("?at={instant}"), format!("?at={instant}")),
        (
            format!("?instant={minute}"),
            format!("?at={minute}:00.999999Z"),
        ),
    ] {
        let call = world
            .auditor
            .get(&format!("{path}{call}"))
            .await
            .expect(200);
        let shown = uli.get(&format!("{path}{page}")).await.expect(200);
        assert_eq!(shown_json(&shown.text), call.json["state"], "{page}");
        let sequence = &call.json["sequence"];
        assert!(
            shown.text.contains(&format!("After event {sequence}, of")),
            "{page}"
        );
        assert!(
            shown.text.contains(&format!("value=\"{sequence}\"")),
            "{page}"
        );
    }
    for (beyond, text) in [
        ("?at=9999", "The history does not reach that point:"),
        (
            "?instant=2999-01-01T00:00",
            "The history does not reach that point:",
        ),
        (
            "?at=x",
            "This is neither the number of an event nor an instant",
        ),
        (
            "?instant=x",
            "This is neither the number of an event nor an instant",
        ),
    ] {
        let shown = uli.get(&format!("{path}{beyond}")).await.expect(400);
        assert!(shown.text.contains(text), "{beyond}");
        assert!(!shown.text.contains("<pre"), "{beyond}");
    }
}

async fn pages_of_the_api(auditor: &Caller, path: &str) -> Vec<Value> {
    let mut events = Vec::new();
    let mut after = 0;
    loop {
        let page = format!("{path}/events?after={after}&limit=7");
        let page = auditor.get(&page).await.expect(200).json;
        let found = page["events"].as_array().unwrap().clone();
        if found.is_empty() {
            return events;
        }
        events.extend(found);
        after = page["next"].as_u64().unwrap();
    }
}

#[tokio::test]
async fn an_export_and_the_pages_of_a_history_hold_every_event_of_the_api() {
    let world = World::start().await;
    for _ in 0..26 {
        world.ada.sign_in(&world.deployment.visitor()).await;
    }
    all_settled(&world.deployment).await;
    let mut uli = at_desk(&world, "audit", "auditor").await;
    let path = format!("/audit/accounts/{}", world.ada_id);
    let events = pages_of_the_api(&world.auditor, &path).await;
    assert!(events.len() > 50, "{}", events.len());

    let export = uli.get(&format!("{path}/export")).await.expect(200);
    assert_eq!(export.headers["content-type"], "application/x-ndjson");
    let name = export.headers["content-disposition"].to_str().unwrap();
    let expected = format!("countersign-account-{}.ndjson\"", world.ada_id);
    assert!(
        name.starts_with("attachment; ") && name.ends_with(&expected),
        "{name}"
    );
    let lines = export.text.lines();
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(lines.collect::<Vec<_>>(), events);

    let mut told = Vec::new();
    let mut next = path.clone();
    while !next.is_empty() {
        let page = uli.get(&next).await.expect(200);
        let ids = html::values(&page.text, "id").into_iter();
        told.extend(ids.filter(|id| id.starts_with("event-")));
        let mut further = html::values(&page.text, "href").into_iter();
        let further = further.rfind(|link| link.contains("?after="));
        next = further.unwrap_or_default();
    }
    let all = events
        .iter()
        .map(|event| format!("event-{}", event["sequence"]));
    assert_eq!(told, all.collect::<Vec<_>>());
}

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
    let page = toni.get("/support").await.expect(200);
    let mut added = Vec::new();
    for (reason, status) in [("", 422), ("lost phone", 409)] {
        let before = recorded(deployment, "staff", &id).await.len();
        let fields = [("reason", reason)];
        let answer = toni.post_with(&page, "/support/sign-out", &unlock, &fields);
        let answer = answer.await;
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
async fn an_erased_account_is_told_of_as_such_in_both_languages_and_its_address_nowhere() {
    let world = World::start().await;
    let erase = ["account", "erase", &world.ada_id];
    let output = world.deployment.run(&erase, "").await;
    assert!(output.status.success(), "{output:?}");
    let uli = at_desk(&world, "audit", "auditor").await;
    let path = format!("/audit/accounts/{}", world.ada_id);
    for (language, sentence, fact, gone) in [
        (
            "en",
            "The account was erased.",
            "<dt>Erased</dt>",
            "<dd>erased</dd>",
        ),
        (
            "de",
            "Das Konto wurde gelöscht.",
            "<dt>Gelöscht</dt>",
            "<dd>gelöscht</dd>",
        ),
    ] {
        let mut uli = uli.clone().with_header("accept-language", language);
        let history = uli.get(&path).await.expect(200).text;
        assert!(history.contains(sentence), "{history}");
        let now = uli.get(&format!("{path}/state")).await.expect(200).text;
        assert!(now.contains(fact) && !now.contains("two-factor-"), "{now}");
        let then = uli
            .get(&format!("{path}/state?at=1"))
            .await
            .expect(200)
            .text;
        assert!(then.contains(gone), "{then}");
        for page in [history, now, then] {
            assert!(!page.contains(&world.ada.email), "{page}");
        }
    }
    let mut toni = at_desk(&world, "support", "support").await;
    let account = format!("/support/accounts/{}", world.ada_id);
    toni.get(&account).await.expect(404);
}
