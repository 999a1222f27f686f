use chrono::{DateTime, Duration, TimeZone, Utc};
use cqrs_es::Aggregate;
use cqrs_es::test::{AggregateTestExecutor, TestFramework};
use uuid::Uuid;

use super::{Role, Staff, StaffAct, StaffCommand, StaffEvent, StaffRefusal};
use crate::{AccountId, StaffSessionId};

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 2, 12, 0, 0).unwrap()
}

fn expiry() -> DateTime<Utc> {
    noon() + Duration::days(90)
}

fn issued() -> StaffEvent {
    StaffEvent::StaffIssued {
        at: noon(),
        name: "alice".to_owned(),
        role: Role::Support,
        expires_at: expiry(),
    }
}

fn revoked() -> StaffEvent {
    StaffEvent::StaffRevoked { at: noon() }
}

fn looked() -> StaffAct {
    StaffAct::AccountViewed {
        account: AccountId::from_uuid(Uuid::from_u128(1)),
    }
}

fn issue() -> StaffCommand {
    StaffCommand::Issue {
        at: noon(),
        name: "alice".to_owned(),
        role: Role::Support,
        expires_at: expiry(),
    }
}

fn revoke(at: DateTime<Utc>) -> StaffCommand {
    StaffCommand::Revoke { at }
}

fn record(at: DateTime<Utc>) -> StaffCommand {
    StaffCommand::Record { at, act: looked() }
}

fn given(events: impl Into<Vec<StaffEvent>>) -> AggregateTestExecutor<Staff> {
    TestFramework::with(()).given(events.into())
}

#[test]
fn a_member_of_staff_is_issued_once() {
    given([]).when(issue()).then_expect_events(vec![issued()]);
    given([issued()])
        .when(issue())
        .then_expect_error(StaffRefusal::AlreadyIssued);
    given([issued(), revoked()])
        .when(issue())
        .then_expect_error(StaffRefusal::AlreadyIssued);
}

#[test]
fn a_member_of_staff_is_revoked_once() {
    given([issued()])
        .when(revoke(noon()))
        .then_expect_events(vec![revoked()]);
    given([issued(), revoked()])
        .when(revoke(noon()))
        .then_expect_error(StaffRefusal::Revoked);
}

#[test]
fn a_token_that_has_expired_can_still_be_revoked() {
    let at = expiry() + Duration::days(1);
    given([issued()])
        .when(revoke(at))
        .then_expect_events(vec![StaffEvent::StaffRevoked { at }]);
}

#[test]
fn nobody_acts_who_was_not_issued() {
    for command in [revoke(noon()), record(noon())] {
        given([])
            .when(command)
            .then_expect_error(StaffRefusal::NotIssued);
    }
}

#[test]
fn what_staff_do_is_recorded_each_time() {
    given([issued()])
        .when(record(noon()))
        .then_expect_events(vec![StaffEvent::Act(looked())]);
    given([issued(), StaffEvent::Act(looked())])
        .when(record(noon()))
        .then_expect_events(vec![StaffEvent::Act(looked())]);
}

#[test]
fn nobody_acts_with_a_revoked_token() {
    given([issued(), revoked()])
        .when(record(noon()))
        .then_expect_error(StaffRefusal::Revoked);
}

#[test]
fn nobody_acts_with_a_token_that_has_expired() {
    let instant = Duration::microseconds(1);
    given([issued()])
        .when(record(expiry() - instant))
        .then_expect_events(vec![StaffEvent::Act(looked())]);
    given([issued()])
        .when(record(expiry()))
        .then_expect_error(StaffRefusal::Expired);
}

fn signed_in(number: u128, expires_at: DateTime<Utc>) -> StaffEvent {
    let session = StaffSessionId::from_uuid(Uuid::from_u128(number));
    StaffEvent::Act(StaffAct::StaffSignedIn {
        session,
        expires_at,
    })
}

fn signed_out(number: u128) -> StaffEvent {
    let session = StaffSessionId::from_uuid(Uuid::from_u128(number));
    StaffEvent::Act(StaffAct::StaffSignedOut { session })
}

fn has_session(events: &[StaffEvent], number: u128, now: DateTime<Utc>) -> bool {
    let mut staff = Staff::default();
    for event in events {
        staff.apply(event.clone());
    }
    let issued = staff.issued.unwrap();
    issued.has_session(StaffSessionId::from_uuid(Uuid::from_u128(number)), now)
}

#[test]
fn a_session_of_staff_lasts_until_it_expires_or_is_signed_out() {
    let (evening, instant) = (noon() + Duration::hours(8), Duration::microseconds(1));
    let history = [issued(), signed_in(1, evening), signed_in(2, evening)];
    assert!(has_session(&history, 1, noon()));
    assert!(has_session(&history, 1, evening - instant));
    assert!(!has_session(&history, 1, evening));
    assert!(!has_session(&history, 3, noon()), "nobody signed in so");
    let history = [
        issued(),
        signed_in(1, evening),
        signed_in(2, evening),
        signed_out(1),
    ];
    assert!(!has_session(&history, 1, noon()));
    assert!(has_session(&history, 2, noon()), "another browser stays");
}

#[test]
fn the_oldest_of_six_sessions_of_staff_makes_room() {
    let evening = noon() + Duration::hours(8);
    let mut history = vec![issued()];
    history.extend((1..=6).map(|number| signed_in(number, evening)));
    assert!(!has_session(&history, 1, noon()));
    assert!((2..=6).all(|number| has_session(&history, number, noon())));
}

#[test]
fn what_staff_did_does_not_change_who_they_are() {
    let mut staff = Staff::default();
    staff.apply(StaffEvent::Act(looked()));
    assert_eq!(staff, Staff::default(), "nothing before the first event");
    staff.apply(issued());
    let before = staff.clone();
    staff.apply(StaffEvent::Act(looked()));
    assert_eq!(staff, before);
    staff.apply(revoked());
    assert_eq!(staff.issued.as_ref().unwrap().revoked_at, Some(noon()));
    let text = serde_json::to_string(&staff).unwrap();
    assert_eq!(serde_json::from_str::<Staff>(&text).unwrap(), staff);
}

#[test]
fn a_record_of_reading_tells_the_filter_if_there_was_one() {
    let id = "0198c5a1-7b2e-7001-8a00-000000000001";
    let question = r#""filter":{"types":["SignedIn","SignedOut"],"actor":"owner","since":"2026-03-01T00:00:00Z","until":"2026-03-02T00:00:00Z"}"#;
    for without in [
        r#"{"FeedRead":{"after":4711,"limit":null}}"#.to_owned(),
        format!(r#"{{"HistoryRead":{{"account":"{id}","after":0,"limit":100}}}}"#),
    ] {
        let with = without.replace("}}", &format!(",{question}}}}}"));
        for (text, filtered) in [(without, false), (with, true)] {
            let event: StaffEvent = serde_json::from_str(&text).unwrap();
            let StaffEvent::Act(
                StaffAct::FeedRead { filter, .. } | StaffAct::HistoryRead { filter, .. },
            ) = &event
            else {
                panic!("{event:?}");
            };
            assert_eq!(!filter.is_empty(), filtered);
            assert_eq!(serde_json::to_string(&event).unwrap(), text);
        }
    }
}
