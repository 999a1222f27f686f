use super::facts::*;
use super::given;
use crate::command::{EndOtherSessions, OpenAccount, RememberDevice, RequestReset, SignOut};
use crate::event::{Occasion, Opening};
use crate::{AccountEvent, Command, Refusal};

#[test]
fn whoever_verified_the_address_opens_the_account_and_their_browser_is_known() {
    given([])
        .when(open_account())
        .then([opened(), remembered(1, Occasion::Verification)]);
}

#[test]
fn an_operator_opens_an_account_without_a_browser() {
    let by = Opening::Operator;
    let command = OpenAccount {
        by,
        device: None,
        ..open_account()
    };
    given([]).when(command).then([AccountEvent::AccountOpened {
        at: noon(),
        email: personal("owner@example.com"),
        password: PASSWORD,
        by,
    }]);
}

#[test]
fn an_account_is_opened_once() {
    given([])
        .when(open_account())
        .happens()
        .when(open_account())
        .refused(Refusal::AlreadyOpened);
}

#[test]
fn a_new_account_has_no_session_and_no_second_factor() {
    let account = given([]).when(open_account()).happens().opened();
    assert!(account.sessions.is_empty());
    assert_eq!(account.two_factor, crate::state::TwoFactor::Disabled);
    assert_eq!(account.last_signed_in_at, None);
}

#[test]
fn nothing_can_be_done_to_an_account_that_was_not_opened() {
    let at = noon();
    let commands: [Command; 13] = [
        present_password(right(), at).into(),
        present_code(1, &[1], at).into(),
        SignOut {
            at,
            session: session(1),
        }
        .into(),
        EndOtherSessions {
            at,
            session: session(1),
        }
        .into(),
        RememberDevice { device: device(1) }.into(),
        RequestReset {
            at,
            reset: reset(1),
        }
        .into(),
        reset_password(1, at).into(),
        set_password(right(), at).into(),
        start_enrollment(right(), at).into(),
        confirm_enrollment(&[1], at).into(),
        cancel_enrollment(at).into(),
        disable(right(), at).into(),
        unlock(at).into(),
    ];
    for command in commands {
        given([]).when(command).refused(Refusal::NotOpened);
    }
}
