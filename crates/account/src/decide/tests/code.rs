//! The code, asked for after the password.

use super::facts::*;
use super::{Story, given};
use crate::command::{NewSession, PresentCode, PresentPassword};
use crate::event::{CodeRejection, Factor, Occasion};
use crate::throttle::Backoff;
use crate::{AccountEvent, CodeVerdict, Policy, Refusal, Wait};

fn challenged_account() -> Story {
    given(protected_account()).and([challenged(1, noon())])
}

fn times(count: usize, event: &AccountEvent) -> Vec<AccountEvent> {
    vec![event.clone(); count]
}

#[test]
fn password_and_code_together_give_a_session_with_both_factors() {
    challenged_account()
        .when(present_code(1, &[101], noon()))
        .then([
            remembered(9, Occasion::SignIn),
            AccountEvent::SignedIn {
                at: noon(),
                session: session(9),
                expires_at: after_days(14),
                factors: vec![Factor::Password, Factor::Totp],
                device: device(9),
                known_device: false,
                challenge: Some(challenge(1)),
                step: Some(101),
            },
        ]);
}

#[test]
fn the_device_is_the_one_that_presented_the_password() {
    let password = PresentPassword {
        device: Some(device(1)),
        ..present_password(right(), noon())
    };
    given(protected_account())
        .when(password)
        .happens()
        .when(PresentCode {
            device: Some(device(1)),
            ..present_code(9, &[101], noon())
        })
        .then([AccountEvent::SignedIn {
            at: noon(),
            session: session(9),
            expires_at: after_days(14),
            factors: vec![Factor::Password, Factor::Totp],
            device: device(1),
            known_device: true,
            challenge: Some(challenge(9)),
            step: Some(101),
        }]);
}

#[test]
fn a_device_that_was_forgotten_in_between_is_remembered_anew() {
    let password = PresentPassword {
        device: Some(device(1)),
        ..present_password(right(), noon())
    };
    given(protected_account())
        .when(password)
        .happens()
        .when(present_code(9, &[101], noon()))
        .then([
            AccountEvent::DeviceRemembered {
                device: device(9),
                occasion: Occasion::SignIn,
            },
            AccountEvent::SignedIn {
                at: noon(),
                session: session(9),
                expires_at: after_days(14),
                factors: vec![Factor::Password, Factor::Totp],
                device: device(9),
                known_device: false,
                challenge: Some(challenge(9)),
                step: Some(101),
            },
        ]);
}

#[test]
fn a_wrong_code_is_a_fact_and_costs_another_try() {
    challenged_account()
        .when(present_code(1, &[], noon()))
        .then([code_rejected(1, noon())])
        .when(present_code(1, &[101], noon()))
        .happens();
}

#[test]
fn a_code_is_accepted_once() {
    challenged_account()
        .and([challenged(2, noon())])
        .when(present_code(1, &[101], noon()))
        .happens()
        .when(present_code(2, &[101], noon()))
        .then([AccountEvent::CodeRejected {
            at: noon(),
            challenge: challenge(2),
            reason: CodeRejection::Spent,
            known_device: false,
        }])
        .when(present_code(2, &[102], noon()))
        .happens();
}

#[test]
fn confirm_code_spent() {
    let spent = AccountEvent::CodeRejected {
        at: noon(),
        challenge: challenge(1),
        reason: CodeRejection::Spent,
        known_device: false,
    };
    for step in [CONFIRMED - 1, CONFIRMED] {
        challenged_account()
            .when(present_code(1, &[step], noon()))
            .then([spent.clone()]);
    }
    challenged_account()
        .when(present_code(1, &[CONFIRMED + 1], noon()))
        .happens();
}

#[test]
fn of_two_steps_that_share_their_digits_the_first_that_is_fresh_is_spent() {
    let story = challenged_account()
        .when(present_code(1, &[99, 102, 101], noon()))
        .then([
            remembered(9, Occasion::SignIn),
            signed_in_with_code(9, noon(), challenge(1), 101),
        ]);
    story
        .and([challenged(2, noon())])
        .when(present_code(2, &[102], noon()))
        .happens();
}

#[test]
fn a_challenge_is_used_once() {
    challenged_account()
        .when(present_code(1, &[101], noon()))
        .happens()
        .when(present_code(1, &[102], noon()))
        .refused(Refusal::ChallengeExpired);
}

#[test]
fn a_challenge_lives_for_five_minutes() {
    challenged_account()
        .when(present_code(1, &[101], after_minutes(5) - AN_INSTANT))
        .happens();
    challenged_account()
        .when(present_code(1, &[101], after_minutes(5)))
        .refused(Refusal::ChallengeExpired);
}

#[test]
fn an_unknown_challenge_opens_nothing() {
    given(protected_account())
        .when(present_code(1, &[101], noon()))
        .refused(Refusal::ChallengeExpired);
    challenged_account()
        .when(present_code(2, &[101], noon()))
        .refused(Refusal::ChallengeExpired);
}

#[test]
fn a_challenge_that_made_room_opens_nothing() {
    let policy = Policy {
        challenges_per_account: 1,
        ..Policy::default()
    };
    challenged_account()
        .under(policy)
        .when(present_password(right(), noon()))
        .happens()
        .when(present_code(1, &[101], noon()))
        .refused(Refusal::ChallengeExpired);
}

#[test]
fn five_wrong_codes_end_a_challenge_though_the_next_is_right() {
    let patient = Policy {
        codes: crate::throttle::BackoffPolicy {
            free: 99,
            ..Policy::default().codes
        },
        ..Policy::default()
    };
    let tried = |count| {
        challenged_account()
            .under(patient.clone())
            .and(times(count, &code_rejected(1, noon())))
            .when(present_code(1, &[101], noon()))
    };
    tried(4).happens();
    tried(5).refused(Refusal::ChallengeExpired);
}

#[test]
fn the_fifth_wrong_code_in_a_row_starts_a_wait_of_thirty_seconds() {
    let tries = |count| {
        challenged_account()
            .and([challenged(2, noon())])
            .and(times(count, &code_rejected(1, noon())))
            .when(present_code(2, &[], noon()))
    };
    tries(3).then([code_rejected(2, noon())]);
    let waiting = tries(4).then([
        code_rejected(2, noon()),
        codes_refused(Some(after_seconds(30))),
    ]);
    let refusal = Refusal::TooManyAttempts(Wait::Until(after_seconds(30)));
    let before = after_seconds(30) - AN_INSTANT;
    assert_eq!(
        waiting.opened().codes.refusal(before),
        Some(Wait::Until(after_seconds(30)))
    );
    assert_eq!(waiting.opened().codes.refusal(after_seconds(30)), None);
    waiting
        .when(present_code(2, &[101], before))
        .refused(refusal)
        .when(present_code(2, &[], before))
        .refused(refusal)
        .when(present_code(2, &[101], after_seconds(30)))
        .happens();
}

#[test]
fn wrong_codes_count_for_the_account_whatever_challenge_they_are_given_to() {
    let spread =
        (1..=4).flat_map(|number| [challenged(number, noon()), code_rejected(number, noon())]);
    given(protected_account())
        .and(spread)
        .and([challenged(5, noon())])
        .when(present_code(5, &[], noon()))
        .then([
            code_rejected(5, noon()),
            codes_refused(Some(after_seconds(30))),
        ]);
}

#[test]
fn a_spent_code_counts_like_a_wrong_one() {
    let events = challenged_account()
        .and([challenged(2, noon())])
        .and(times(4, &code_rejected(1, noon())))
        .when(present_code(2, &[CONFIRMED], noon()))
        .events();
    assert_eq!(events[1], codes_refused(Some(after_seconds(30))));
}

#[test]
fn attempts_while_codes_are_refused_are_not_counted() {
    let story = challenged_account()
        .and(times(5, &code_rejected(2, noon())))
        .and([codes_refused(Some(after_seconds(30)))])
        .when(present_code(1, &[], noon()))
        .refused(Refusal::TooManyAttempts(Wait::Until(after_seconds(30))));
    assert_eq!(story.opened().codes.failures, 5);
}

#[test]
fn the_hundredth_wrong_code_in_a_row_closes_codes_until_somebody_lifts_it() {
    let tries = |count| {
        challenged_account()
            .and(times(count, &code_rejected(2, noon())))
            .when(present_code(1, &[], noon()))
    };
    tries(98).then([code_rejected(1, noon()), codes_refused(Some(after_days(1)))]);
    let in_ten_years = after_days(3650);
    tries(99)
        .then([code_rejected(1, noon()), codes_refused(None)])
        .and([challenged(3, in_ten_years)])
        .when(present_code(3, &[101], in_ten_years))
        .refused(Refusal::TooManyAttempts(Wait::Closed));
}

#[test]
fn counter_reset_rules() {
    let four_wrong = || {
        given(protected_account())
            .and([challenged(2, noon())])
            .and(times(4, &code_rejected(2, noon())))
    };
    let after_password = four_wrong()
        .when(present_password(right(), noon()))
        .happens();
    assert_eq!(
        after_password.opened().codes.failures,
        4,
        "a password alone clears nothing"
    );
    let after_change = four_wrong()
        .when(set_password(right(), noon()))
        .happens()
        .opened();
    assert_eq!(after_change.codes.failures, 4, "nor does a new password");
    let after_reset = four_wrong()
        .and([reset_requested(1, noon())])
        .when(reset_password(1, noon()))
        .happens()
        .opened();
    assert_eq!(after_reset.codes.failures, 4, "nor a reset");

    let after_sign_in = after_password
        .when(present_code(9, &[101], noon()))
        .happens();
    assert_eq!(after_sign_in.opened().codes, Backoff::default());
    let after_disabling = four_wrong().when(disable(right(), noon())).happens();
    assert_eq!(after_disabling.opened().codes, Backoff::default());
}

#[test]
fn a_reset_lets_one_code_through_and_forgets_none_before_it() {
    let reset = challenged_account()
        .and(times(99, &code_rejected(1, noon())))
        .and([
            code_rejected(1, noon()),
            codes_refused(None),
            reset_requested(1, noon()),
        ])
        .when(reset_password(1, noon()))
        .happens()
        .and([challenged(2, noon())]);
    reset
        .when(present_code(2, &[], noon()))
        .then([code_rejected(2, noon()), codes_refused(None)])
        .when(present_code(2, &[101], noon()))
        .refused(Refusal::TooManyAttempts(Wait::Closed));
}

#[test]
fn a_verdict_about_a_replaced_authenticator_counts_neither_way() {
    for verdict in [
        Some(CodeVerdict::new(REPLACED, vec![101])),
        Some(CodeVerdict::new(REPLACED, Vec::new())),
        None,
    ] {
        let command = PresentCode {
            verdict,
            ..present_code(1, &[], noon())
        };
        challenged_account()
            .when(command)
            .refused(Refusal::StaleVerdict);
    }
}

#[test]
fn a_code_for_an_account_whose_two_factor_is_off_opens_nothing() {
    challenged_account()
        .when(disable(right(), noon()))
        .happens()
        .when(present_code(1, &[101], noon()))
        .refused(Refusal::ChallengeExpired);
}

#[test]
fn completing_one_sign_in_leaves_another_challenge_for_its_own_code() {
    let command = PresentCode {
        session: NewSession {
            id: session(10),
            device: device(10),
        },
        ..present_code(2, &[102], noon())
    };
    let story = challenged_account()
        .and([challenged(2, noon())])
        .when(present_code(1, &[101], noon()))
        .happens()
        .when(command)
        .happens();
    assert_eq!(story.opened().sessions.len(), 3);
}
