//! The password, and whom it lets in.

use chrono::Duration;

use super::facts::*;
use super::given;
use crate::command::{NewSession, PresentPassword};
use crate::event::{Attempts, Factor, Occasion, PasswordPurpose, SessionEnd};
use crate::{AccountEvent, PasswordVerdict, Policy, Refusal, Wait};

fn rejected(known_device: bool) -> AccountEvent {
    AccountEvent::PasswordRejected {
        at: noon(),
        purpose: PasswordPurpose::SignIn,
        session: None,
        known_device,
    }
}

#[test]
fn the_right_password_is_a_session_while_two_factor_is_off() {
    given([opened()])
        .when(present_password(right(), noon()))
        .then([
            remembered(9, Occasion::SignIn),
            AccountEvent::SignedIn {
                at: noon(),
                session: session(9),
                expires_at: after_days(14),
                factors: vec![Factor::Password],
                device: device(9),
                known_device: false,
                challenge: None,
                step: None,
            },
        ]);
}

#[test]
fn a_known_device_signs_in_under_the_name_that_it_has() {
    let command = PresentPassword {
        device: Some(device(1)),
        ..present_password(right(), noon())
    };
    given([opened()])
        .when(command)
        .then([AccountEvent::SignedIn {
            at: noon(),
            session: session(9),
            expires_at: after_days(14),
            factors: vec![Factor::Password],
            device: device(1),
            known_device: true,
            challenge: None,
            step: None,
        }]);
}

#[test]
fn the_right_password_is_a_challenge_and_nothing_more_while_two_factor_is_on() {
    let story = given(protected_account())
        .when(present_password(right(), noon()))
        .then([challenged(9, noon())]);
    assert_eq!(story.opened().sessions.len(), 1, "the one there was");
}

#[test]
fn a_challenge_remembers_the_known_device_that_asked_for_it() {
    let command = PresentPassword {
        device: Some(device(1)),
        ..present_password(right(), noon())
    };
    given(protected_account())
        .when(command)
        .then([AccountEvent::SecondFactorRequested {
            challenge: challenge(9),
            expires_at: after_minutes(5),
            device: Some(device(1)),
            dropped: Vec::new(),
        }]);
}

#[test]
fn sign_in_asks_for_no_code_until_an_enrollment_is_confirmed() {
    given(plain_account())
        .and([enrolling(noon())])
        .when(present_password(right(), noon()))
        .then([remembered(9, Occasion::SignIn), signed_in(9, noon())]);
}

#[test]
fn a_wrong_password_is_a_fact_and_no_session() {
    let story = given([opened()])
        .when(present_password(wrong(), noon()))
        .then([rejected(false)]);
    assert!(story.opened().sessions.is_empty());
}

#[test]
fn a_wrong_password_costs_no_session_that_is_signed_in() {
    let story = given(plain_account())
        .when(present_password(wrong(), noon()))
        .then([rejected(false)]);
    assert_eq!(story.opened().sessions.len(), 1);
}

#[test]
fn a_wrong_password_that_starts_a_wait_says_until_when_and_for_whom() {
    let until = after_seconds(30);
    for (known, kept_by) in [(false, None), (true, Some(device(1)))] {
        let command = PresentPassword {
            device: kept_by,
            wait: Some(Wait::Until(until)),
            ..present_password(wrong(), noon())
        };
        given([opened()]).when(command).then([
            rejected(known),
            AccountEvent::AttemptsThrottled {
                attempts: Attempts::Password,
                known_device: known,
                until: Some(until),
            },
        ]);
    }
}

#[test]
fn a_wrong_password_that_closes_the_class_of_strangers_says_so() {
    let command = PresentPassword {
        wait: Some(Wait::Closed),
        ..present_password(wrong(), noon())
    };
    given([opened()]).when(command).then([
        rejected(false),
        AccountEvent::AttemptsThrottled {
            attempts: Attempts::Password,
            known_device: false,
            until: None,
        },
    ]);
}

#[test]
fn the_right_password_starts_no_wait() {
    let command = PresentPassword {
        device: Some(device(1)),
        wait: Some(Wait::Closed),
        ..present_password(right(), noon())
    };
    let events = given([opened()]).when(command).events();
    assert_eq!(events.len(), 1, "signed in and nothing else");
}

#[test]
fn a_verdict_about_a_replaced_password_counts_neither_way() {
    for matched in [true, false] {
        given([opened()])
            .when(present_password(
                PasswordVerdict::new(REPLACED, matched),
                noon(),
            ))
            .refused(Refusal::StaleVerdict);
    }
}

#[test]
fn rehash_on_login() {
    let rehashed = AccountEvent::PasswordRehashed {
        password: NEW_PASSWORD,
        replaced: PASSWORD,
    };
    let command = PresentPassword {
        rehashed: Some(NEW_PASSWORD),
        ..present_password(right(), after_minutes(1))
    };
    let story = given([opened()]).when(command.clone()).then([
        rehashed.clone(),
        remembered(9, Occasion::SignIn),
        signed_in(9, after_minutes(1)),
    ]);
    let password = story.opened().password;
    assert_eq!(password.credential, NEW_PASSWORD);
    assert_eq!(password.changed_at, noon(), "it is the same password");

    given(protected_account())
        .when(command)
        .then([rehashed, challenged(9, after_minutes(1))]);
}

#[test]
fn a_wrong_password_is_not_hashed_anew() {
    let command = PresentPassword {
        rehashed: Some(NEW_PASSWORD),
        ..present_password(wrong(), noon())
    };
    given([opened()]).when(command).then([rejected(false)]);
}

#[test]
fn the_same_password_twice_is_two_sessions() {
    let second = PresentPassword {
        session: NewSession {
            id: session(10),
            device: device(10),
        },
        ..present_password(right(), noon())
    };
    let story = given([opened()])
        .when(present_password(right(), noon()))
        .happens()
        .when(second)
        .happens();
    assert_eq!(story.opened().sessions_except(None), [9, 10].map(session));
}

fn sessions_signed_in(count: u128) -> Vec<AccountEvent> {
    let minutes = |number| after_minutes(i64::try_from(number).unwrap());
    std::iter::once(opened())
        .chain((1..=count).map(|number| signed_in(100 + number, minutes(number))))
        .collect()
}

#[test]
fn session_limit_evicts_oldest() {
    let at = after_days(1);
    given(sessions_signed_in(9))
        .when(present_password(right(), at))
        .then([remembered(9, Occasion::SignIn), signed_in(9, at)]);

    let story = given(sessions_signed_in(10))
        .when(present_password(right(), at))
        .then([
            ended([101], SessionEnd::SessionLimit),
            remembered(9, Occasion::SignIn),
            signed_in(9, at),
        ]);
    assert_eq!(story.opened().sessions.len(), 10);
    assert_eq!(story.opened().session(session(101), at), None);
}

#[test]
fn sessions_that_have_expired_make_room_before_any_that_lives() {
    let first_expires = after_minutes(1) + Duration::days(14);
    let story = given(sessions_signed_in(10));
    let events = story
        .when(present_password(right(), first_expires - AN_INSTANT))
        .events();
    assert_eq!(events[0], ended([101], SessionEnd::SessionLimit));

    given(sessions_signed_in(10))
        .when(present_password(right(), first_expires))
        .then([
            ended([101], SessionEnd::Expired),
            remembered(9, Occasion::SignIn),
            signed_in(9, first_expires),
        ]);
}

#[test]
fn a_lower_limit_ends_as_many_as_are_over_it() {
    let policy = Policy {
        sessions_per_account: 2,
        ..Policy::default()
    };
    let events = given(sessions_signed_in(4))
        .under(policy)
        .when(present_password(right(), after_minutes(5)))
        .events();
    assert_eq!(events[0], ended([101, 102, 103], SessionEnd::SessionLimit));
}

fn challenges_pending(count: u128) -> Vec<AccountEvent> {
    let seconds = |number| after_seconds(i64::try_from(number).unwrap());
    let pending = (1..=count).map(|number| challenged(100 + number, seconds(number)));
    protected_account().into_iter().chain(pending).collect()
}

fn dropped_at(story: super::Story, at: chrono::DateTime<chrono::Utc>) -> Vec<crate::ChallengeId> {
    match story
        .when(present_password(right(), at))
        .events()
        .as_slice()
    {
        [AccountEvent::SecondFactorRequested { dropped, .. }] => dropped.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_oldest_of_forty_challenges_makes_room() {
    let at = after_minutes(1);
    assert_eq!(dropped_at(given(challenges_pending(39)), at), []);
    assert_eq!(
        dropped_at(given(challenges_pending(40)), at),
        [challenge(101)]
    );
}

#[test]
fn challenges_that_have_expired_are_cleared_away_by_the_next() {
    let first_expires = after_minutes(5) + Duration::seconds(1);
    assert_eq!(
        dropped_at(given(challenges_pending(3)), first_expires - AN_INSTANT),
        []
    );
    assert_eq!(
        dropped_at(given(challenges_pending(3)), first_expires),
        [challenge(101)]
    );
    assert_eq!(
        dropped_at(given(challenges_pending(40)), first_expires),
        [challenge(101)],
        "which is room enough"
    );
}
