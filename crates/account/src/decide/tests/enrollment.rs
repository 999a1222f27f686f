//! Turning two-factor on and off.

use chrono::Duration;

use super::facts::*;
use super::{Story, given};
use crate::command::{ConfirmEnrollment, DisableTwoFactor, StartEnrollment};
use crate::event::{Attempts, Factor, SessionEnd};
use crate::state::TwoFactor;
use crate::{AccountEvent, CodeVerdict, Refusal, Wait};

fn enrolling_account() -> Story {
    given(plain_account()).and([enrolling(noon())])
}

fn code_rejected_at(at: chrono::DateTime<chrono::Utc>) -> AccountEvent {
    AccountEvent::EnrollmentCodeRejected {
        at,
        enrollment: ENROLLMENT,
    }
}

fn confirmed(at: chrono::DateTime<chrono::Utc>, step: u64) -> AccountEvent {
    AccountEvent::TwoFactorEnabled {
        at,
        authenticator: ENROLLMENT,
        session: session(1),
        step,
    }
}

fn codes_refused(seconds: i64) -> AccountEvent {
    AccountEvent::AttemptsThrottled {
        attempts: Attempts::EnrollmentCode,
        known_device: true,
        until: Some(after_seconds(seconds)),
    }
}

#[test]
fn the_current_password_starts_an_enrollment() {
    let story = given(plain_account())
        .when(start_enrollment(right(), noon()))
        .then([enrolling(noon())]);
    assert!(matches!(
        story.opened().two_factor,
        TwoFactor::Enrolling { enrollment, .. } if enrollment == ENROLLMENT
    ));
}

#[test]
fn only_the_session_that_began_an_enrollment_sees_it_again_and_only_while_it_is_pending() {
    let again = |story: &Story, session, at| story.opened().enrollment_begun_by(session, at);
    let (begun, expires_at) = (enrolling_account(), after_minutes(15));
    let instant = Duration::microseconds(1);
    let seen = Some((ENROLLMENT, expires_at));
    assert_eq!(again(&begun, session(1), noon()), seen);
    assert_eq!(again(&begun, session(1), expires_at - instant), seen);
    assert_eq!(again(&begun, session(1), expires_at), None);
    assert_eq!(again(&begun, session(2), noon()), None);
    assert_eq!(again(&given(plain_account()), session(1), noon()), None);
    let confirmed = begun.when(confirm_enrollment(&[55], noon())).happens();
    assert_eq!(again(&confirmed, session(1), noon()), None);
}

#[test]
fn asking_again_voids_the_earlier_secret() {
    let again = StartEnrollment {
        enrollment: credential(7),
        ..start_enrollment(right(), noon())
    };
    let story = enrolling_account().when(again).happens();
    story
        .when(confirm_enrollment(&[1], noon()))
        .refused(Refusal::StaleVerdict)
        .when(ConfirmEnrollment {
            verdict: Some(CodeVerdict::new(credential(7), vec![1])),
            ..confirm_enrollment(&[], noon())
        })
        .happens();
}

#[test]
fn an_enrollment_is_not_started_while_two_factor_is_on() {
    for verdict in [right(), wrong()] {
        given(protected_account())
            .when(start_enrollment(verdict, noon()))
            .refused(Refusal::TwoFactorAlreadyEnabled);
    }
}

#[test]
fn a_code_of_the_new_device_turns_two_factor_on_and_ends_every_other_session() {
    let at = after_minutes(1);
    enrolling_account()
        .when(confirm_enrollment(&[55], at))
        .then([confirmed(at, 55)]);
    let story = enrolling_account()
        .and([signed_in(2, noon()), signed_in(3, noon())])
        .when(confirm_enrollment(&[55], at))
        .then([
            confirmed(at, 55),
            ended([2, 3], SessionEnd::TwoFactorEnabled),
        ]);
    let account = story.opened();
    assert_eq!(account.sessions_except(None), [session(1)]);
    assert_eq!(
        account.two_factor,
        TwoFactor::Enabled {
            authenticator: ENROLLMENT,
            since: at,
        }
    );
    assert_eq!(account.last_step, Some(55));
}

#[test]
fn the_session_that_confirms_gains_the_factor_totp() {
    let story = enrolling_account()
        .when(confirm_enrollment(&[55], noon()))
        .happens();
    assert_eq!(
        story.opened().sessions[0].factors,
        [Factor::Password, Factor::Totp]
    );
}

#[test]
fn of_two_steps_that_share_their_digits_the_first_is_spent() {
    enrolling_account()
        .when(confirm_enrollment(&[56, 55], noon()))
        .then([confirmed(noon(), 55)]);
}

#[test]
fn a_wrong_code_costs_nothing_but_another_try() {
    enrolling_account()
        .when(confirm_enrollment(&[], noon()))
        .then([code_rejected_at(noon())])
        .when(confirm_enrollment(&[55], noon()))
        .happens();
}

#[test]
fn an_enrollment_is_confirmed_once() {
    enrolling_account()
        .when(confirm_enrollment(&[55], noon()))
        .happens()
        .when(confirm_enrollment(&[56], noon()))
        .refused(Refusal::NoEnrollment);
}

#[test]
fn an_enrollment_that_is_never_finished_expires_after_fifteen_minutes() {
    enrolling_account()
        .when(confirm_enrollment(&[55], after_minutes(15) - AN_INSTANT))
        .happens();
    enrolling_account()
        .when(confirm_enrollment(&[55], after_minutes(15)))
        .refused(Refusal::NoEnrollment);

    let pending = enrolling_account().opened().two_factor;
    assert_eq!(pending.as_of(after_minutes(15) - AN_INSTANT), pending);
    assert_eq!(pending.as_of(after_minutes(15)), TwoFactor::Disabled);
}

#[test]
fn there_is_nothing_to_confirm_before_an_enrollment() {
    given(plain_account())
        .when(confirm_enrollment(&[55], noon()))
        .refused(Refusal::NoEnrollment);
    given(protected_account())
        .when(confirm_enrollment(&[101], noon()))
        .refused(Refusal::NoEnrollment);
}

#[test]
fn a_verdict_that_is_not_about_this_enrollment_counts_neither_way() {
    for verdict in [
        None,
        Some(CodeVerdict::new(REPLACED, vec![55])),
        Some(CodeVerdict::new(REPLACED, Vec::new())),
    ] {
        let command = ConfirmEnrollment {
            verdict,
            ..confirm_enrollment(&[], noon())
        };
        enrolling_account()
            .when(command)
            .refused(Refusal::StaleVerdict);
    }
}

#[test]
fn ten_wrong_enrollment_codes_are_free_and_then_waits_grow_to_five_minutes() {
    let at = noon();
    let wrong_ones = |count| {
        enrolling_account()
            .and(vec![code_rejected_at(at); count])
            .when(confirm_enrollment(&[], at))
    };
    wrong_ones(8).then([code_rejected_at(at)]);
    for (before, seconds) in [
        (9, 30),
        (10, 60),
        (11, 120),
        (12, 240),
        (13, 300),
        (500, 300),
    ] {
        wrong_ones(before).then([code_rejected_at(at), codes_refused(seconds)]);
    }
}

#[test]
fn a_right_enrollment_code_waits_like_any_other() {
    let waiting = || {
        enrolling_account()
            .and(vec![code_rejected_at(noon()); 10])
            .and([codes_refused(30)])
    };
    waiting()
        .when(confirm_enrollment(&[55], after_seconds(30) - AN_INSTANT))
        .refused(Refusal::TooManyAttempts(Wait::Until(after_seconds(30))));
    waiting()
        .when(confirm_enrollment(&[55], after_seconds(30)))
        .happens();
}

#[test]
fn codes_for_an_enrollment_never_touch_the_counter_of_sign_in() {
    let story = enrolling_account()
        .and(vec![code_rejected_at(noon()); 10])
        .and([codes_refused(30)]);
    assert_eq!(story.opened().codes.failures, 0);
    assert_eq!(story.opened().codes.refusal(noon()), None);
}

#[test]
fn a_new_device_starts_with_a_clean_counter() {
    let story = given(protected_account())
        .and(vec![code_rejected(1, noon()); 3])
        .when(disable(right(), noon()))
        .happens()
        .when(start_enrollment(right(), noon()))
        .happens()
        .when(confirm_enrollment(&[CONFIRMED + 1], noon()))
        .then([confirmed(noon(), CONFIRMED + 1)]);
    assert_eq!(story.opened().codes.failures, 0);
}

#[test]
fn a_step_that_the_old_device_has_spent_is_spent_for_the_new_one() {
    let enrolling_again = || {
        given(protected_account())
            .when(disable(right(), noon()))
            .happens()
            .when(start_enrollment(right(), noon()))
            .happens()
    };
    for step in [CONFIRMED - 1, CONFIRMED] {
        enrolling_again()
            .when(confirm_enrollment(&[step], noon()))
            .then([code_rejected_at(noon())]);
    }
    enrolling_again()
        .when(confirm_enrollment(&[CONFIRMED + 1], noon()))
        .happens();
}

#[test]
fn an_enrollment_is_cancelled_and_its_code_is_of_no_use() {
    enrolling_account()
        .when(cancel_enrollment(noon()))
        .then([AccountEvent::EnrollmentCancelled {
            enrollment: ENROLLMENT,
        }])
        .when(confirm_enrollment(&[55], noon()))
        .refused(Refusal::NoEnrollment)
        .when(cancel_enrollment(noon()))
        .nothing_happens();
}

#[test]
fn cancelling_what_is_not_pending_changes_nothing() {
    given(plain_account())
        .when(cancel_enrollment(noon()))
        .nothing_happens();
    given(protected_account())
        .when(cancel_enrollment(noon()))
        .nothing_happens();
}

#[test]
fn the_password_alone_turns_two_factor_off_and_ends_every_other_session() {
    let disabled = AccountEvent::TwoFactorDisabled {
        at: noon(),
        authenticator: AUTHENTICATOR,
        session: session(1),
    };
    given(protected_account())
        .when(disable(right(), noon()))
        .then([disabled.clone()]);
    let story = given(protected_account())
        .and([signed_in_with_code(2, noon(), challenge(1), 101)])
        .when(disable(right(), noon()))
        .then([disabled, ended([2], SessionEnd::TwoFactorDisabled)]);
    assert_eq!(story.opened().two_factor, TwoFactor::Disabled);
    story.when(present_password(right(), noon())).then([
        remembered(9, crate::event::Occasion::SignIn),
        signed_in(9, noon()),
    ]);
}

#[test]
fn any_session_that_is_still_signed_in_turns_two_factor_off() {
    let command = DisableTwoFactor {
        session: session(2),
        ..disable(right(), noon())
    };
    let story = given(protected_account())
        .and([signed_in_with_code(2, noon(), challenge(1), 101)])
        .when(command)
        .happens();
    assert_eq!(story.opened().sessions_except(None), [session(2)]);
}

#[test]
fn two_factor_is_turned_off_once() {
    given(protected_account())
        .when(disable(right(), noon()))
        .happens()
        .when(disable(right(), noon()))
        .refused(Refusal::TwoFactorNotEnabled);
}

#[test]
fn what_is_not_on_is_not_turned_off() {
    given(plain_account())
        .when(disable(right(), noon()))
        .refused(Refusal::TwoFactorNotEnabled);
    enrolling_account()
        .when(disable(right(), noon()))
        .refused(Refusal::TwoFactorNotEnabled);
}

#[test]
fn every_change_of_a_credential_ends_a_pending_enrollment() {
    let changed = enrolling_account()
        .when(set_password(right(), noon()))
        .happens();
    let reset = enrolling_account()
        .and([reset_requested(1, noon())])
        .when(reset_password(1, noon()))
        .happens();
    for story in [changed, reset] {
        assert_eq!(story.opened().two_factor, TwoFactor::Disabled);
    }
}
