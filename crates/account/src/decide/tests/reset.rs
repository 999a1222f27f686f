use chrono::{DateTime, Utc};

use super::facts::*;
use super::{Story, given};
use crate::command::{RequestReset, SignOut};
use crate::event::{Occasion, SessionEnd};
use crate::{AccountEvent, PasswordVerdict, Policy, Refusal, ResetId};

fn request(number: u128, at: DateTime<Utc>) -> RequestReset {
    RequestReset {
        at,
        reset: reset(number),
    }
}

fn password_reset(number: u128, at: DateTime<Utc>) -> AccountEvent {
    AccountEvent::PasswordReset {
        at,
        reset: reset(number),
        password: NEW_PASSWORD,
    }
}

fn asked_at_noon() -> Story {
    given(plain_account()).and([reset_requested(1, noon())])
}

#[test]
fn reset_request_changes_nothing() {
    let before = given(protected_account()).opened();
    let story = given(protected_account())
        .when(request(1, noon()))
        .then([reset_requested(1, noon())]);
    let mut after = story.opened();
    after.resets.clear();
    assert_eq!(after, before);
}

#[test]
fn a_reset_ends_every_session_and_makes_this_browser_known() {
    let story = asked_at_noon()
        .and([signed_in(2, noon())])
        .when(reset_password(1, after_minutes(1)))
        .then([
            password_reset(1, after_minutes(1)),
            ended([1, 2], SessionEnd::PasswordReset),
            remembered(9, Occasion::PasswordReset),
        ]);
    assert!(story.opened().sessions.is_empty());
    assert_eq!(story.opened().password.changed_at, after_minutes(1));
    story
        .when(SignOut {
            at: after_minutes(1),
            session: session(1),
        })
        .refused(Refusal::SessionEnded);
}

#[test]
fn a_reset_signs_nobody_in() {
    given([opened(), reset_requested(1, noon())])
        .when(reset_password(1, noon()))
        .then([
            password_reset(1, noon()),
            remembered(9, Occasion::PasswordReset),
        ]);
}

#[test]
fn a_reset_leaves_two_factor_on() {
    let before = given(protected_account()).opened().two_factor;
    let story = given(protected_account())
        .and([reset_requested(1, noon())])
        .when(reset_password(1, noon()))
        .happens();
    assert_eq!(story.opened().two_factor, before);
    story
        .when(present_password(
            PasswordVerdict::new(NEW_PASSWORD, true),
            noon(),
        ))
        .then([challenged(9, noon())]);
}

#[test]
fn the_old_password_is_of_no_use_after_a_reset() {
    asked_at_noon()
        .when(reset_password(1, noon()))
        .happens()
        .when(present_password(right(), noon()))
        .refused(Refusal::StaleVerdict);
}

#[test]
fn a_link_works_once() {
    asked_at_noon()
        .when(reset_password(1, noon()))
        .happens()
        .when(reset_password(1, noon()))
        .refused(Refusal::ResetExpired);
}

#[test]
fn one_link_spends_all_others() {
    asked_at_noon()
        .and([reset_requested(2, noon())])
        .when(reset_password(2, noon()))
        .happens()
        .when(reset_password(1, noon()))
        .refused(Refusal::ResetExpired);
}

#[test]
fn an_earlier_link_still_works_until_one_is_used() {
    asked_at_noon()
        .when(request(2, noon()))
        .happens()
        .when(reset_password(1, noon()))
        .happens();
}

#[test]
fn an_unknown_link_opens_nothing() {
    asked_at_noon()
        .when(reset_password(2, noon()))
        .refused(Refusal::ResetExpired);
}

#[test]
fn reset_token_expires() {
    asked_at_noon()
        .when(reset_password(1, after_minutes(30) - AN_INSTANT))
        .happens();
    asked_at_noon()
        .when(reset_password(1, after_minutes(30)))
        .refused(Refusal::ResetExpired);
}

#[test]
fn a_link_dies_with_every_change_of_a_credential() {
    let confirmed = given(plain_account())
        .and([enrolling(noon()), reset_requested(1, noon())])
        .when(confirm_enrollment(&[1], noon()))
        .happens();
    let changed = asked_at_noon()
        .when(set_password(right(), noon()))
        .happens();
    let protected = || given(protected_account()).and([reset_requested(1, noon())]);
    let disabled = protected().when(disable(right(), noon())).happens();
    let unlocked = protected().when(unlock(noon())).happens();
    for story in [confirmed, changed, disabled, unlocked] {
        story
            .when(reset_password(1, noon()))
            .refused(Refusal::ResetExpired);
    }
}

#[test]
fn a_link_outlives_what_changes_no_credential() {
    asked_at_noon()
        .when(present_password(right(), noon()))
        .happens()
        .when(present_password(wrong(), noon()))
        .happens()
        .when(start_enrollment(right(), noon()))
        .happens()
        .when(cancel_enrollment(noon()))
        .happens()
        .when(SignOut {
            at: noon(),
            session: session(1),
        })
        .happens()
        .when(reset_password(1, noon()))
        .happens();
}

/// Which links make room for the one that is asked for at `at`.
fn dropped(story: Story, at: DateTime<Utc>) -> Vec<ResetId> {
    match story.when(request(9, at)).events().as_slice() {
        [AccountEvent::PasswordResetRequested { dropped, .. }] => dropped.clone(),
        other => panic!("{other:?}"),
    }
}

fn asked(count: u128) -> Story {
    let minutes = |number| after_minutes(i64::try_from(number).unwrap());
    given(plain_account())
        .and((1..=count).map(|number| reset_requested(100 + number, minutes(number))))
}

#[test]
fn the_oldest_of_ten_links_makes_room() {
    assert_eq!(dropped(asked(9), after_minutes(20)), []);
    assert_eq!(dropped(asked(10), after_minutes(20)), [reset(101)]);
    asked(10)
        .when(request(9, after_minutes(20)))
        .happens()
        .when(reset_password(101, after_minutes(20)))
        .refused(Refusal::ResetExpired);
}

#[test]
fn links_that_have_expired_make_room_before_any_that_lives() {
    let first_expires = after_minutes(31);
    assert_eq!(
        dropped(asked(10), first_expires - AN_INSTANT),
        [reset(101)],
        "the oldest, as there is no other room"
    );
    assert_eq!(dropped(asked(10), first_expires), [reset(101)]);
    assert_eq!(
        dropped(asked(10), after_minutes(32)),
        [reset(101), reset(102)],
        "both have expired"
    );
}

#[test]
fn a_lower_limit_drops_as_many_as_are_over_it() {
    let policy = Policy {
        resets_per_account: 2,
        ..Policy::default()
    };
    assert_eq!(
        dropped(asked(4).under(policy), after_minutes(20)),
        [101, 102, 103].map(reset)
    );
}
