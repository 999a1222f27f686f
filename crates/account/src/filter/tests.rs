use chrono::{DateTime, Duration, TimeZone, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{ActorFilter, EventFilter, EventName};
use crate::{AccountId, Actor, StaffId};

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 24, 12, 0, 0).unwrap()
}

fn owner(number: u128) -> Actor {
    let id = AccountId::from_uuid(Uuid::from_u128(number));
    Actor::Owner { id }
}

fn auditor(number: u128) -> Actor {
    Actor::Auditor {
        id: StaffId::from_uuid(Uuid::from_u128(number)),
        name: "alex".to_owned(),
    }
}

fn names(names: &[&str]) -> Vec<EventName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn a_filter_that_asks_nothing_lets_everything_pass() {
    let nothing = EventFilter::default();
    assert!(nothing.is_empty());
    assert!(nothing.admits("SignedIn", &Actor::Visitor, noon()));
}

#[test]
fn one_of_the_types_is_enough() {
    let filter = EventFilter {
        types: names(&["SignedIn", "SignedOut"]),
        ..EventFilter::default()
    };
    assert!(filter.admits("SignedIn", &owner(1), noon()));
    assert!(filter.admits("SignedOut", &owner(1), noon()));
    assert!(!filter.admits("SessionsEnded", &owner(1), noon()));
}

#[test]
fn an_actor_is_a_kind_or_one_by_id() {
    let asked = |text: &str| EventFilter {
        actor: Some(text.parse().unwrap()),
        ..EventFilter::default()
    };
    let actors = [
        Actor::Visitor,
        owner(1),
        owner(2),
        auditor(1),
        auditor(3),
        Actor::System,
    ];
    let passing = |filter: EventFilter| {
        let pass = actors.iter().map(|a| filter.admits("SignedIn", a, noon()));
        pass.collect::<Vec<_>>()
    };
    let id = Uuid::from_u128(1).to_string();
    for (text, expected) in [
        ("visitor", [true, false, false, false, false, false]),
        ("owner", [false, true, true, false, false, false]),
        ("support", [false; 6]),
        ("auditor", [false, false, false, true, true, false]),
        ("system", [false, false, false, false, false, true]),
        (id.as_str(), [false, true, false, true, false, false]),
    ] {
        assert_eq!(passing(asked(text)), expected, "{text}");
    }
    for bad in [
        "",
        "Owner",
        "nobody",
        "owner,support",
        &id.to_uppercase()[1..],
    ] {
        assert!(bad.parse::<ActorFilter>().is_err(), "{bad}");
    }
}

#[test]
fn time_is_from_an_instant_on_and_before_another() {
    let filter = EventFilter {
        since: Some(noon()),
        until: Some(noon() + Duration::hours(1)),
        ..EventFilter::default()
    };
    let moment = Duration::microseconds(1);
    let passes = |at| filter.admits("SignedIn", &owner(1), at);
    assert!(!passes(noon() - moment));
    assert!(passes(noon()));
    assert!(passes(noon() + Duration::hours(1) - moment));
    assert!(!passes(noon() + Duration::hours(1)));
}

#[test]
fn a_type_is_the_exact_name_of_an_event() {
    for good in [
        "AccountOpened",
        "AccountUnlocked",
        "StaffRevoked",
        "FeedRead",
    ] {
        assert!(good.parse::<EventName>().is_ok(), "{good}");
    }
    for bad in ["", "signedin", "SignedIn ", "SignedUp", "*"] {
        assert!(bad.parse::<EventName>().is_err(), "{bad}");
    }
}

#[test]
fn a_filter_is_written_with_what_it_asks_alone_and_read_again() {
    let filter = EventFilter {
        types: names(&["SignedIn"]),
        actor: Some("owner".parse().unwrap()),
        since: Some(noon()),
        until: None,
    };
    let written = serde_json::to_value(&filter).unwrap();
    let expected =
        json!({ "types": ["SignedIn"], "actor": "owner", "since": "2026-11-24T12:00:00Z" });
    assert_eq!(written, expected);
    assert_eq!(
        serde_json::from_value::<EventFilter>(written).unwrap(),
        filter
    );
    let of_an_older_version = json!({ "types": ["SomethingOfOld"] });
    assert!(serde_json::from_value::<EventFilter>(of_an_older_version).is_ok());
}
