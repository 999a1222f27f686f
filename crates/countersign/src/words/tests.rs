use std::fs;
use std::path::Path;

use account::AccountEvent;
use account::AccountId;
use serde_json::{Value, json};
use service::{ActorView, EventView, RequestView, StateView};
use uuid::Uuid;

use super::diff::{Change, changes, lines};
use super::{event, state};

const THEN: &str = "2026-11-24T09:30:00.000000Z";
const LATER: &str = "2026-11-25T09:30:00Z";

fn event(event_type: &str, data: Value) -> EventView {
    EventView {
        stream: format!("account/{}", Uuid::nil()),
        account_id: Some(Uuid::nil()),
        sequence: 7,
        position: Some(11),
        event_type: event_type.to_owned(),
        version: 1,
        recorded_at: THEN.to_owned(),
        actor: ActorView {
            kind: "owner".to_owned(),
            id: Some(Uuid::nil()),
            name: None,
        },
        request: RequestView::default(),
        data,
        about: None,
        hash: String::new(),
    }
}

fn by(actor: &str, name: Option<&str>, told: EventView) -> EventView {
    EventView {
        actor: ActorView {
            kind: actor.to_owned(),
            id: None,
            name: name.map(str::to_owned),
        },
        ..told
    }
}

#[test]
fn every_event_of_an_account_has_words_of_its_own() {
    for name in AccountEvent::NAMES {
        let file = format!("../account/fixtures/events/{name}-v1.json");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let fixture: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let line = event::line(&event(name, fixture[name].clone()));
        assert!(!line.contains(name), "{line}");
        assert!(!line.contains("null"), "{line}");
    }
}

#[test]
fn a_line_tells_when_who_what_and_from_where() {
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0";
    let signed_in = EventView {
        request: RequestView {
            id: Some("r-1".to_owned()),
            ip: Some("203.0.113.7".to_owned()),
            user_agent: Some(firefox.to_owned()),
        },
        ..event(
            "SignedIn",
            json!({
                "session": "s-1", "expires_at": LATER, "factors": ["password", "totp"],
                "known_device": false,
            }),
        )
    };
    assert_eq!(
        event::line(&signed_in),
        "    7  2026-11-24T09:30:00.000000Z  the owner signed in with password and code on an \
         unknown device, session s-1 until 2026-11-25T09:30:00Z, from 203.0.113.7, Firefox (Linux)"
    );
    let unlocked = json!({ "reason": "lost phone", "ticket": "T-1", "two_factor_was_on": true });
    let unlocked = by("support", Some("Sam"), event("AccountUnlocked", unlocked));
    assert_eq!(
        event::line(&unlocked),
        "    7  2026-11-24T09:30:00.000000Z  Sam (support) unlocked the account and turned \
         two-factor off, because: lost phone, ticket T-1"
    );
}

#[test]
fn what_was_erased_says_so() {
    let opened = json!({ "email": null, "by": "mailed_link" });
    let line = event::line(&by("visitor", None, event("AccountOpened", opened)));
    assert!(line.ends_with("a visitor opened the account of (erased) by a mailed link"));
}

#[test]
fn an_event_that_is_not_known_is_shown_as_it_stands() {
    let line = event::line(&event("OfTheFuture", json!({ "a": 1 })));
    assert!(
        line.ends_with(r#"the owner OfTheFuture: {"a":1}"#),
        "{line}"
    );
}

#[test]
fn nothing_is_printed_that_a_terminal_would_obey() {
    let escape = "\u{1b}[2Jclear\u{9b}31m\r\n";
    let told = EventView {
        request: RequestView {
            id: None,
            ip: None,
            user_agent: Some(escape.to_owned()),
        },
        ..event(
            "AccountUnlocked",
            json!({ "reason": escape, "ticket": escape }),
        )
    };
    let line = event::line(&by("support", Some(escape), told));
    assert!(!line.contains(char::is_control), "{line:?}");
}

fn account(two_factor: &Value, sessions: &Value) -> Value {
    json!({
        "email": "ada@example.com", "created_at": THEN, "password": { "changed_at": THEN },
        "two_factor": two_factor, "rejected_codes": 0, "codes_refused": null,
        "sessions": sessions, "challenges": [], "resets": [], "last_signed_in_at": null,
    })
}

fn session(id: &str) -> Value {
    json!({ "id": id, "expires_at": LATER, "factors": ["password"] })
}

fn off() -> Value {
    json!({ "status": "disabled" })
}

fn on() -> Value {
    json!({ "status": "enabled", "enabled_at": LATER, "last_step": 5 })
}

#[test]
fn a_state_differs_from_itself_in_nothing() {
    let state = account(&on(), &json!([session("a")]));
    assert_eq!(changes(&state, &state), []);
}

#[test]
fn a_field_that_differs_is_told_with_both_values() {
    let (from, to) = (account(&off(), &json!([])), account(&on(), &json!([])));
    let changes = changes(&from, &to);
    let expected = Change::Value {
        field: "two_factor".to_owned(),
        from: off(),
        to: on(),
    };
    assert_eq!(changes, [expected]);
    assert_eq!(
        lines(&changes[0]),
        ["two-factor: disabled -> enabled since 2026-11-25T09:30:00Z, last time step 5"]
    );
    assert_eq!(
        serde_json::to_value(&changes).unwrap(),
        json!([{ "field": "two_factor", "from": off(), "to": on() }])
    );
}

#[test]
fn members_of_a_list_come_go_and_change() {
    let mut raised = session("b");
    raised["factors"] = json!(["password", "totp"]);
    let from = account(&off(), &json!([session("a"), session("b"), session("c")]));
    let to = account(&off(), &json!([raised, session("d")]));
    let changes = changes(&from, &to);
    assert_eq!(
        lines(&changes[0]).join("\n"),
        "sessions: +1, -2, ~1\n\
         \x20 + d, signed in with password, until 2026-11-25T09:30:00Z\n\
         \x20 - a, signed in with password, until 2026-11-25T09:30:00Z\n\
         \x20 - c, signed in with password, until 2026-11-25T09:30:00Z\n\
         \x20 ~ b, signed in with password, until 2026-11-25T09:30:00Z -> b, signed in with \
         password and code, until 2026-11-25T09:30:00Z"
    );
    assert_eq!(
        serde_json::to_value(&changes).unwrap(),
        json!([{
            "field": "sessions", "added": [session("d")], "removed": [session("a"), session("c")],
            "changed": [{ "from": session("b"), "to": raised }],
        }])
    );
}

#[test]
fn there_and_back_again_swaps_what_came_and_what_went() {
    let (one, other) = (
        account(&off(), &json!([session("a")])),
        account(&on(), &json!([session("b")])),
    );
    let (there, back) = (changes(&one, &other), changes(&other, &one));
    assert_eq!(there.len(), back.len());
    for (there, back) in there.iter().zip(&back) {
        match (there, back) {
            (
                Change::Value { field, from, to },
                Change::Value {
                    field: same,
                    from: was,
                    to: is,
                },
            ) => assert_eq!((field, from, to), (same, is, was)),
            (
                Change::Members { added, removed, .. },
                Change::Members {
                    added: came,
                    removed: went,
                    ..
                },
            ) => assert_eq!((added, removed), (went, came)),
            _ => panic!("{there:?}, {back:?}"),
        }
    }
}

#[test]
fn fields_are_told_in_the_order_in_which_a_state_is_read_and_those_of_the_future_last() {
    let from = account(&off(), &json!([]));
    let mut to = account(&on(), &json!([session("a")]));
    to["email"] = Value::Null;
    to["aliases"] = json!(["x"]);
    let changes = changes(&from, &to);
    let told = changes.iter().flat_map(lines).collect::<String>();
    let order = [
        "address: ada@example.com -> (erased)",
        "two-factor:",
        "sessions: +1",
        "aliases:",
    ];
    let places = order.map(|words| {
        told.find(words)
            .unwrap_or_else(|| panic!("{words}: {told}"))
    });
    assert!(places.is_sorted(), "{told}");
}

#[test]
fn a_state_that_tells_nothing_any_more_has_lost_everything() {
    let from = account(&off(), &json!([session("a")]));
    assert_eq!(changes(&from, &Value::Null).len(), 8);
    assert_eq!(changes(&Value::Null, &Value::Null), []);
}

#[test]
fn a_state_is_a_small_table() {
    let view = StateView {
        account_id: AccountId::from_uuid(Uuid::nil()),
        sequence: 7,
        recorded_at: THEN.to_owned(),
        latest: 9,
        state: account(&on(), &json!([session("a")])),
    };
    assert_eq!(
        state::table(&view),
        "account             00000000-0000-0000-0000-000000000000\n\
         as of               event 7 of 9, recorded 2026-11-24T09:30:00.000000Z\n\
         address             ada@example.com\n\
         created             2026-11-24T09:30:00.000000Z\n\
         password            set 2026-11-24T09:30:00.000000Z\n\
         two-factor          enabled since 2026-11-25T09:30:00Z, last time step 5\n\
         wrong codes         0\n\
         codes refused       no\n\
         sessions            1\n\
         \x20                   a, signed in with password, until 2026-11-25T09:30:00Z\n\
         waiting for a code  0\n\
         reset links         0\n\
         last signed in      never"
    );
}
