use proptest::prelude::*;

use super::facts::*;
use super::given;
use super::properties::cases;
use super::stories::{asks, policy, tell};
use crate::command::EraseAccount;
use crate::{Account, AccountEvent, Command, Refusal};

fn erase() -> EraseAccount {
    EraseAccount { at: noon() }
}

fn erased() -> AccountEvent {
    AccountEvent::AccountErased { at: noon() }
}

fn nothing_but_when_it_was_erased() -> Account {
    Account {
        opened: None,
        erased_at: Some(noon()),
    }
}

#[test]
fn an_account_is_erased_by_one_event_and_knows_nothing_more() {
    for history in [vec![opened()], plain_account(), protected_account()] {
        let story = given(history).when(erase()).then([erased()]);
        assert_eq!(story.account(), nothing_but_when_it_was_erased());
    }
}

#[test]
fn an_account_is_erased_whatever_is_pending_or_refused() {
    let story = given(protected_account())
        .and([challenged(1, noon()), reset_requested(1, noon())])
        .and(vec![code_rejected(1, noon()); 100])
        .and([codes_refused(None)])
        .when(erase())
        .then([erased()]);
    assert_eq!(story.account(), nothing_but_when_it_was_erased());
}

#[test]
fn an_account_is_erased_once() {
    given(plain_account())
        .when(erase())
        .happens()
        .when(EraseAccount { at: after_days(1) })
        .refused(Refusal::AlreadyErased);
}

#[test]
fn an_account_that_was_not_opened_is_not_erased() {
    given([]).when(erase()).refused(Refusal::NotOpened);
}

#[test]
fn an_erased_account_is_not_opened_again() {
    given(plain_account())
        .when(erase())
        .happens()
        .when(open_account())
        .refused(Refusal::AlreadyErased);
}

proptest! {
    #![proptest_config(cases())]

    /// As for an account that does not exist.
    #[test]
    fn an_erased_account_refuses_whatever_is_asked(asks in asks(), policy in policy()) {
        let told = tell(&asks, &policy);
        let mut account = told.last().unwrap().after.clone();
        for event in account.decide(erase().into(), &policy).unwrap() {
            account.apply_event(event);
        }
        prop_assert_eq!(&account, &nothing_but_when_it_was_erased());
        for told in told {
            let reason = match told.command {
                Command::OpenAccount(_) => Refusal::AlreadyErased,
                _ => Refusal::NotOpened,
            };
            prop_assert_eq!(account.decide(told.command, &policy), Err(reason));
            for event in told.result.unwrap_or_default() {
                let opens = matches!(event, AccountEvent::AccountOpened { .. });
                if !opens {
                    account.apply_event(event);
                }
            }
            prop_assert_eq!(&account, &nothing_but_when_it_was_erased());
        }
    }
}
