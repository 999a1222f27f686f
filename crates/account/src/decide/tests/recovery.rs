use super::facts::*;
use super::given;
use crate::AccountEvent;
use crate::command::{RecoverAccount, SignOut};
use crate::event::{CodeRejection, Occasion, SessionEnd};
use crate::state::TwoFactor;
use crate::{Refusal, throttle::Backoff};

const NOW: u64 = 200;

fn recover() -> RecoverAccount {
    RecoverAccount {
        at: noon(),
        step: NOW,
    }
}

fn recovered(step: u64) -> AccountEvent {
    AccountEvent::AccountRecovered { at: noon(), step }
}

#[test]
fn a_recovery_ends_every_session_and_everything_pending() {
    let story = given(protected_account())
        .and([
            signed_in_with_code(2, noon(), challenge(1), 101),
            challenged(2, noon()),
            reset_requested(1, noon()),
        ])
        .when(recover())
        .then([recovered(NOW), ended([1, 2], SessionEnd::Recovered)]);
    let account = story.opened();
    assert!(account.sessions.is_empty());
    assert!(account.challenges.is_empty());
    assert!(account.resets.is_empty());
    assert!(matches!(account.two_factor, TwoFactor::Enabled { .. }));
    story
        .when(SignOut {
            at: noon(),
            session: session(1),
        })
        .refused(Refusal::SessionEnded);
}

#[test]
fn a_recovery_ends_a_pending_enrollment() {
    let story = given(plain_account())
        .and([enrolling(noon())])
        .when(recover())
        .then([recovered(NOW), ended([1], SessionEnd::Recovered)]);
    assert_eq!(story.opened().two_factor, TwoFactor::Disabled);
}

#[test]
fn a_recovery_spends_every_step_up_to_now_and_the_next_one_signs_in() {
    let story = given(protected_account())
        .when(recover())
        .happens()
        .and([challenged(2, noon())]);
    let story = story.when(present_code(2, &[NOW], noon())).happens();
    let last = story.events.last();
    let spent = matches!(
        last,
        Some(AccountEvent::CodeRejected {
            reason: CodeRejection::Spent,
            ..
        })
    );
    assert!(spent, "{last:?}");
    story.when(present_code(2, &[NOW + 1], noon())).then([
        remembered(9, Occasion::SignIn),
        signed_in_with_code(9, noon(), challenge(2), NOW + 1),
    ]);
}

#[test]
fn a_recovery_makes_no_step_good_again() {
    let story = given(protected_account())
        .and([signed_in_with_code(2, noon(), challenge(1), NOW + 1)])
        .when(recover())
        .happens();
    assert_eq!(story.opened().last_step, Some(NOW + 1));
}

#[test]
fn a_recovery_is_told_where_there_is_nothing_to_end_and_also_twice() {
    let story = given([opened()])
        .when(recover())
        .then([recovered(NOW)])
        .when(recover())
        .then([recovered(NOW)]);
    assert_eq!(story.opened().last_step, Some(NOW));
}

#[test]
fn a_recovery_leaves_the_password_and_waits_as_they_are() {
    let story = given(protected_account())
        .and(vec![code_rejected(1, noon()); 100])
        .and([codes_refused(None)]);
    let before = story.opened();
    let story = story.when(recover()).happens();
    assert_eq!(story.opened().password, before.password);
    assert_eq!(story.opened().codes, before.codes);
    assert_ne!(story.opened().codes, Backoff::default());
}

#[test]
fn nothing_is_recovered_where_nothing_was_opened() {
    given([]).when(recover()).refused(Refusal::NotOpened);
}
