//! The current password, which a signed-in owner gives again before a change.

use chrono::{DateTime, Utc};

use super::facts::*;
use super::{Story, given};
use crate::command::{SetPassword, SignOut};
use crate::event::{Attempts, PasswordPurpose, SessionAttempts, SessionEnd};
use crate::{AccountEvent, Command, PasswordVerdict, Policy, Refusal, Wait};

/// The three changes that ask for the current password, each on an account that allows it.
fn changes(
    verdict: PasswordVerdict,
    at: DateTime<Utc>,
) -> [(Vec<AccountEvent>, Command, PasswordPurpose); 3] {
    [
        (
            plain_account(),
            set_password(verdict, at).into(),
            PasswordPurpose::ChangePassword,
        ),
        (
            plain_account(),
            start_enrollment(verdict, at).into(),
            PasswordPurpose::StartEnrollment,
        ),
        (
            protected_account(),
            disable(verdict, at).into(),
            PasswordPurpose::DisableTwoFactor,
        ),
    ]
}

/// Nine wrong ones, the first at noon and the last a quarter past.
fn nine_wrong(purpose: PasswordPurpose) -> Vec<AccountEvent> {
    (1..=9)
        .map(|count| current_password_rejected(purpose, count, after_minutes(15)))
        .collect()
}

fn refused_until_one() -> AccountEvent {
    AccountEvent::AttemptsThrottled {
        attempts: Attempts::CurrentPassword,
        known_device: true,
        until: Some(after_minutes(60)),
    }
}

fn ten_wrong() -> Story {
    given(plain_account())
        .and(nine_wrong(PasswordPurpose::ChangePassword))
        .when(set_password(wrong(), after_minutes(20)))
        .happens()
}

#[test]
fn a_wrong_current_password_changes_nothing_and_the_session_lives() {
    for (history, command, purpose) in changes(wrong(), noon()) {
        let before = given(history.clone()).opened();
        let story = given(history)
            .when(command)
            .then([current_password_rejected(purpose, 1, noon())]);
        let after = story.opened();
        assert_eq!(after.password, before.password);
        assert_eq!(after.two_factor, before.two_factor);
        assert!(after.session(session(1), noon()).is_some());
    }
}

#[test]
fn the_tenth_wrong_current_password_within_an_hour_is_told_to_be_the_last() {
    for (history, command, purpose) in changes(wrong(), after_minutes(20)) {
        given(history).and(nine_wrong(purpose)).when(command).then([
            current_password_rejected(purpose, 10, after_minutes(20)),
            refused_until_one(),
        ]);
    }
}

#[test]
fn after_ten_even_the_right_one_waits_until_an_hour_after_the_first() {
    let until = Wait::Until(after_minutes(60));
    let before = after_minutes(60) - AN_INSTANT;
    let policy = Policy::default();
    let account = ten_wrong().account();
    let refusal = |at| account.current_password_refusal(session(1), at, &policy);
    assert_eq!(refusal(before), Some(until));
    assert_eq!(refusal(after_minutes(60)), None);

    ten_wrong()
        .when(set_password(right(), before))
        .refused(Refusal::TooManyAttempts(until))
        .when(set_password(wrong(), before))
        .refused(Refusal::TooManyAttempts(until))
        .when(set_password(right(), after_minutes(60)))
        .happens();
}

#[test]
fn the_session_lives_though_its_passwords_are_refused() {
    ten_wrong()
        .when(SignOut {
            at: after_minutes(21),
            session: session(1),
        })
        .happens();
}

#[test]
fn a_new_window_opens_with_the_first_wrong_one_after_the_hour() {
    let at = after_minutes(60);
    ten_wrong()
        .when(set_password(wrong(), at))
        .then([AccountEvent::PasswordRejected {
            at,
            purpose: PasswordPurpose::ChangePassword,
            session: Some(SessionAttempts {
                session: session(1),
                count: 1,
                since: at,
            }),
            known_device: true,
        }]);
}

#[test]
fn wrong_ones_of_all_three_changes_count_together() {
    given(protected_account())
        .and(nine_wrong(PasswordPurpose::ChangePassword))
        .when(disable(wrong(), after_minutes(20)))
        .then([
            current_password_rejected(PasswordPurpose::DisableTwoFactor, 10, after_minutes(20)),
            refused_until_one(),
        ]);
}

#[test]
fn another_session_has_tries_of_its_own() {
    let at = after_minutes(21);
    let by_the_other = SetPassword {
        session: session(2),
        ..set_password(right(), at)
    };
    ten_wrong()
        .and([signed_in(2, noon())])
        .when(by_the_other)
        .happens();
}

#[test]
fn an_unknown_session_has_no_tries_to_be_refused() {
    let account = ten_wrong().account();
    let policy = Policy::default();
    assert_eq!(
        account.current_password_refusal(session(7), after_minutes(21), &policy),
        None
    );
    assert_eq!(
        given([])
            .account()
            .current_password_refusal(session(1), noon(), &policy),
        None
    );
}

#[test]
fn wrong_passwords_at_sign_in_are_not_held_against_a_session() {
    let story = given(plain_account())
        .when(present_password(wrong(), noon()))
        .happens();
    assert_eq!(story.opened().sessions[0].rejected.count, 0);
}

#[test]
fn a_verdict_about_a_replaced_password_counts_neither_way() {
    for matched in [true, false] {
        for (history, command, _) in changes(PasswordVerdict::new(REPLACED, matched), noon()) {
            given(history).when(command).refused(Refusal::StaleVerdict);
        }
    }
}

#[test]
fn a_new_password_ends_every_other_session() {
    let changed = AccountEvent::PasswordChanged {
        at: noon(),
        password: NEW_PASSWORD,
        session: session(1),
    };
    given(plain_account())
        .when(set_password(right(), noon()))
        .then([changed.clone()]);
    let story = given(plain_account())
        .and([signed_in(2, noon()), signed_in(3, noon())])
        .when(set_password(right(), noon()))
        .then([changed, ended([2, 3], SessionEnd::PasswordChanged)]);
    assert_eq!(story.opened().sessions_except(None), [session(1)]);
    assert_eq!(story.opened().password.credential, NEW_PASSWORD);
}

#[test]
fn the_old_password_is_of_no_use_after_a_change() {
    let story = given(plain_account())
        .when(set_password(right(), noon()))
        .happens()
        .when(set_password(right(), noon()))
        .refused(Refusal::StaleVerdict)
        .when(present_password(right(), noon()))
        .refused(Refusal::StaleVerdict);
    story
        .when(present_password(
            PasswordVerdict::new(NEW_PASSWORD, true),
            noon(),
        ))
        .happens();
}

#[test]
fn a_new_password_leaves_two_factor_on() {
    let before = given(protected_account()).opened().two_factor;
    let story = given(protected_account())
        .when(set_password(right(), noon()))
        .happens();
    assert_eq!(story.opened().two_factor, before);
}
