use chrono::{DateTime, Duration, Utc};

use super::facts::*;
use super::{Story, given};
use crate::command::{EndOtherSessions, EndSession, RememberDevice, SignOut};
use crate::event::{Occasion, SessionEnd};
use crate::{AccountEvent, Command, Refusal};

fn three_sessions() -> Story {
    given([
        opened(),
        signed_in(1, noon()),
        signed_in(2, after_minutes(1)),
        signed_in(3, after_minutes(2)),
    ])
}

fn sign_out(number: u128, at: DateTime<Utc>) -> SignOut {
    SignOut {
        at,
        session: session(number),
    }
}

fn end_session(asking: u128, target: u128, at: DateTime<Utc>) -> EndSession {
    EndSession {
        at,
        session: session(asking),
        target: session(target),
    }
}

fn end_others(number: u128, at: DateTime<Utc>) -> EndOtherSessions {
    EndOtherSessions {
        at,
        session: session(number),
    }
}

fn signed_out(number: u128) -> AccountEvent {
    AccountEvent::SignedOut {
        session: session(number),
    }
}

#[test]
fn signing_out_ends_this_session_and_no_other() {
    let story = three_sessions()
        .when(sign_out(2, after_minutes(3)))
        .then([signed_out(2)]);
    assert_eq!(story.opened().sessions_except(None), [1, 3].map(session));
}

#[test]
fn signing_out_twice_is_refused() {
    three_sessions()
        .when(sign_out(2, after_minutes(3)))
        .happens()
        .when(sign_out(2, after_minutes(3)))
        .refused(Refusal::SessionEnded);
}

#[test]
fn a_session_lives_for_fourteen_days() {
    let expires = after_days(14);
    given(plain_account())
        .when(sign_out(1, expires - AN_INSTANT))
        .happens();
    given(plain_account())
        .when(sign_out(1, expires))
        .refused(Refusal::SessionEnded);
}

#[test]
fn nothing_is_done_for_a_session_that_has_expired_or_never_was() {
    let commands = |number: u128, at: DateTime<Utc>| -> [Command; 8] {
        let asking = session(number);
        [
            sign_out(number, at).into(),
            end_session(number, 3, at).into(),
            end_others(number, at).into(),
            crate::command::SetPassword {
                session: asking,
                ..set_password(right(), at)
            }
            .into(),
            crate::command::StartEnrollment {
                session: asking,
                ..start_enrollment(right(), at)
            }
            .into(),
            crate::command::ConfirmEnrollment {
                session: asking,
                ..confirm_enrollment(&[1], at)
            }
            .into(),
            crate::command::CancelEnrollment {
                session: asking,
                ..cancel_enrollment(at)
            }
            .into(),
            crate::command::DisableTwoFactor {
                session: asking,
                ..disable(right(), at)
            }
            .into(),
        ]
    };
    for command in commands(7, after_minutes(3)) {
        three_sessions()
            .when(command)
            .refused(Refusal::SessionEnded);
    }
    for command in commands(1, after_days(14)) {
        three_sessions()
            .when(command)
            .refused(Refusal::SessionEnded);
    }
    for command in commands(2, after_minutes(3)) {
        three_sessions()
            .and([signed_out(2)])
            .when(command)
            .refused(Refusal::SessionEnded);
    }
}

#[test]
fn an_owner_ends_another_session() {
    three_sessions()
        .when(end_session(1, 3, after_minutes(3)))
        .then([ended([3], SessionEnd::EndedByOwner)])
        .when(sign_out(3, after_minutes(3)))
        .refused(Refusal::SessionEnded);
}

#[test]
fn ending_the_session_that_asks_is_signing_out() {
    three_sessions()
        .when(end_session(1, 1, after_minutes(3)))
        .then([signed_out(1)]);
}

#[test]
fn a_session_that_is_not_there_cannot_be_ended() {
    three_sessions()
        .when(end_session(1, 7, after_minutes(3)))
        .refused(Refusal::NoSuchSession)
        .when(end_session(1, 3, after_minutes(3)))
        .happens()
        .when(end_session(1, 3, after_minutes(3)))
        .refused(Refusal::NoSuchSession);
}

#[test]
fn a_session_that_has_expired_cannot_be_ended() {
    let first_expires = after_days(14);
    three_sessions()
        .when(end_session(3, 1, first_expires - AN_INSTANT))
        .happens();
    three_sessions()
        .when(end_session(3, 1, first_expires))
        .refused(Refusal::NoSuchSession);
}

#[test]
fn an_owner_ends_all_sessions_but_this_one() {
    three_sessions()
        .when(end_others(2, after_minutes(3)))
        .then([ended([1, 3], SessionEnd::EndedByOwner)])
        .when(end_others(2, after_minutes(3)))
        .nothing_happens();
}

#[test]
fn a_session_that_ended_cannot_end_the_others() {
    three_sessions()
        .when(end_session(1, 2, after_minutes(3)))
        .happens()
        .when(end_others(2, after_minutes(3)))
        .refused(Refusal::SessionEnded);
}

#[test]
fn unblock_link_only_device_cookie() {
    let before = given(protected_account()).opened();
    let story = given(protected_account())
        .when(RememberDevice { device: device(5) })
        .then([remembered(5, Occasion::Unblock)]);
    assert_eq!(story.opened(), before);
}

#[test]
fn the_time_of_the_last_sign_in_is_told() {
    let at = after_minutes(2) + Duration::seconds(5);
    let story = three_sessions()
        .when(present_password(right(), at))
        .happens();
    assert_eq!(story.opened().last_signed_in_at, Some(at));
}
