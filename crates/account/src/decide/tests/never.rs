//! What must never happen, as far as the rules of the account can see to it.

use chrono::Duration;

use super::facts::*;
use super::{Story, given};
use crate::command::{PresentCode, PresentPassword, SignOut};
use crate::state::TwoFactor;
use crate::{AccountEvent, CodeVerdict, PasswordVerdict, Refusal};

/// Every change after which sessions, challenges and links that were there are worth nothing.
fn changes_of_a_credential() -> [(&'static str, Story); 4] {
    let pending = || {
        given(protected_account()).and([
            signed_in_with_code(2, noon(), challenge(2), 101),
            challenged(1, noon()),
            reset_requested(1, noon()),
            reset_requested(2, noon()),
        ])
    };
    [
        (
            "password changed",
            pending().when(set_password(right(), noon())).happens(),
        ),
        (
            "password reset",
            pending().when(reset_password(2, noon())).happens(),
        ),
        (
            "two-factor off",
            pending().when(disable(right(), noon())).happens(),
        ),
        ("unlocked", pending().when(unlock(noon())).happens()),
    ]
}

#[test]
fn factor_change_ends_others() {
    for (change, story) in changes_of_a_credential() {
        let account = story.opened();
        assert_eq!(account.session(session(2), noon()), None, "{change}");
        story
            .when(SignOut {
                at: noon(),
                session: session(2),
            })
            .refused(Refusal::SessionEnded);
    }
}

#[test]
fn no_challenge_works_after_a_change_of_a_credential() {
    for (change, story) in changes_of_a_credential() {
        assert!(story.opened().challenges.is_empty(), "{change}");
        story
            .when(present_code(1, &[102], noon()))
            .refused(Refusal::ChallengeExpired);
    }
}

#[test]
fn no_reset_link_works_after_a_change_of_a_credential() {
    for (change, story) in changes_of_a_credential() {
        assert!(story.opened().resets.is_empty(), "{change}");
        story
            .when(reset_password(1, noon()))
            .refused(Refusal::ResetExpired);
    }
}

#[test]
fn a_challenge_of_the_old_device_is_not_completed_by_the_new_one() {
    let changed = given(protected_account())
        .and([challenged(1, noon())])
        .when(disable(right(), noon()))
        .happens()
        .when(start_enrollment(right(), noon()))
        .happens()
        .when(crate::command::ConfirmEnrollment {
            ..confirm_enrollment(&[200], noon())
        })
        .happens();
    changed
        .when(PresentCode {
            verdict: Some(CodeVerdict::new(ENROLLMENT, vec![201])),
            ..present_code(1, &[], noon())
        })
        .refused(Refusal::ChallengeExpired);
}

#[test]
fn a_code_of_the_old_device_opens_nothing_once_there_is_a_new_one() {
    given(protected_account())
        .when(disable(right(), noon()))
        .happens()
        .when(start_enrollment(right(), noon()))
        .happens()
        .when(confirm_enrollment(&[200], noon()))
        .happens()
        .and([challenged(1, noon())])
        .when(present_code(1, &[201], noon()))
        .refused(Refusal::StaleVerdict);
}

#[test]
fn a_password_checked_before_two_factor_went_on_is_no_session_after_it() {
    given(plain_account())
        .and([enrolling(noon())])
        .when(confirm_enrollment(&[55], noon()))
        .happens()
        .when(present_password(right(), noon()))
        .then([challenged(9, noon())]);
}

#[test]
fn a_session_from_before_two_factor_went_on_does_not_outlive_it() {
    let story = given(plain_account())
        .and([signed_in(2, noon()), enrolling(noon())])
        .when(confirm_enrollment(&[55], noon()))
        .happens();
    story
        .when(SignOut {
            at: noon(),
            session: session(2),
        })
        .refused(Refusal::SessionEnded);
}

#[test]
fn a_reset_with_two_factor_on_is_no_way_round_the_code() {
    let story = given(protected_account())
        .and([reset_requested(1, noon())])
        .when(reset_password(1, noon()))
        .happens()
        .when(PresentPassword {
            verdict: PasswordVerdict::new(NEW_PASSWORD, true),
            device: Some(device(9)),
            ..present_password(right(), noon())
        })
        .happens();
    let account = story.opened();
    assert!(account.sessions.is_empty());
    assert!(matches!(account.two_factor, TwoFactor::Enabled { .. }));
}

#[test]
fn a_known_device_is_no_factor() {
    given(protected_account())
        .when(PresentPassword {
            device: Some(device(1)),
            ..present_password(wrong(), noon())
        })
        .then([AccountEvent::PasswordRejected {
            at: noon(),
            purpose: crate::event::PasswordPurpose::SignIn,
            session: None,
            known_device: true,
        }]);
}

/// Whoever knows only the address can present wrong passwords and ask for resets.
#[test]
fn a_stranger_who_knows_the_address_never_keeps_the_owner_out() {
    let mut story = given(protected_account());
    for number in 0..200_u128 {
        let at = noon() + Duration::seconds(i64::try_from(number).unwrap());
        story = story
            .when(PresentPassword {
                wait: Some(crate::Wait::Closed),
                ..present_password(wrong(), at)
            })
            .happens()
            .when(crate::command::RequestReset {
                at,
                reset: reset(1000 + number),
            })
            .happens();
    }
    let account = story.opened();
    assert_eq!(account.sessions_except(None), [session(1)]);
    assert_eq!(story.opened().codes.refusal(after_minutes(4)), None);
    story
        .when(PresentPassword {
            device: Some(device(1)),
            ..present_password(right(), after_minutes(4))
        })
        .happens()
        .when(present_code(9, &[101], after_minutes(4)))
        .happens();
}
