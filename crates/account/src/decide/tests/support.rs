use super::facts::*;
use super::given;
use crate::command::{AdminUnlock, SignOut};
use crate::event::{Occasion, SessionEnd};
use crate::state::TwoFactor;
use crate::throttle::Backoff;
use crate::{AccountEvent, Refusal};

fn unlocked(two_factor_was_on: bool) -> AccountEvent {
    AccountEvent::AccountUnlocked {
        at: noon(),
        reason: personal("lost the phone, called from the number on file"),
        ticket: None,
        two_factor_was_on,
    }
}

fn passwords_refused() -> AdminUnlock {
    AdminUnlock {
        passwords_refused: true,
        ..unlock(noon())
    }
}

#[test]
fn an_unlock_turns_two_factor_off_and_ends_every_session() {
    let story = given(protected_account())
        .and([
            signed_in_with_code(2, noon(), challenge(1), 101),
            challenged(2, noon()),
            reset_requested(1, noon()),
        ])
        .when(unlock(noon()))
        .then([unlocked(true), ended([1, 2], SessionEnd::Unlocked)]);
    let account = story.opened();
    assert_eq!(account.two_factor, TwoFactor::Disabled);
    assert!(account.sessions.is_empty());
    assert!(account.challenges.is_empty());
    assert!(account.resets.is_empty());
    story
        .when(SignOut {
            at: noon(),
            session: session(1),
        })
        .refused(Refusal::SessionEnded);
}

#[test]
fn the_owner_signs_in_with_the_password_after_an_unlock() {
    given(protected_account())
        .when(unlock(noon()))
        .happens()
        .when(present_password(right(), noon()))
        .then([remembered(9, Occasion::SignIn), signed_in(9, noon())]);
}

#[test]
fn an_unlock_lifts_the_wait_for_codes_and_forgets_its_failures() {
    let story = given(protected_account())
        .and(vec![code_rejected(1, noon()); 100])
        .and([codes_refused(None)])
        .when(unlock(noon()))
        .happens();
    assert_eq!(story.opened().codes, Backoff::default());
}

#[test]
fn an_unlock_lifts_a_wait_for_passwords_where_two_factor_is_off() {
    given(plain_account())
        .when(passwords_refused())
        .then([unlocked(false), ended([1], SessionEnd::Unlocked)]);
    given([opened()])
        .when(passwords_refused())
        .then([unlocked(false)]);
}

#[test]
fn an_unlock_ends_a_pending_enrollment() {
    let story = given(plain_account())
        .and([enrolling(noon())])
        .when(passwords_refused())
        .happens();
    assert_eq!(story.opened().two_factor, TwoFactor::Disabled);
}

#[test]
fn there_is_nothing_to_unlock_where_nothing_holds_the_owner_back() {
    given(plain_account())
        .when(unlock(noon()))
        .refused(Refusal::NothingToUnlock);
    given(plain_account())
        .and([enrolling(noon())])
        .when(unlock(noon()))
        .refused(Refusal::NothingToUnlock);
}

#[test]
fn an_account_is_unlocked_once() {
    given(protected_account())
        .when(unlock(noon()))
        .happens()
        .when(unlock(noon()))
        .refused(Refusal::NothingToUnlock);
}

#[test]
fn the_reason_and_the_ticket_stand_in_the_event() {
    let command = AdminUnlock {
        ticket: Some(personal("HELP-7")),
        ..unlock(noon())
    };
    given([opened(), enabled(session(1))])
        .when(command)
        .then([AccountEvent::AccountUnlocked {
            at: noon(),
            reason: personal("lost the phone, called from the number on file"),
            ticket: Some(personal("HELP-7")),
            two_factor_was_on: true,
        }]);
}
