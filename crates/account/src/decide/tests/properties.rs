//! What holds in every story, however commands, facts and times are mixed.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::model::{Model, asking_session};
use super::stories::{asks, policy, tell};
use crate::event::Factor;
use crate::state::TwoFactor;
use crate::{Account, AccountEvent, CredentialId, Refusal};

fn names(events: &[AccountEvent]) -> Vec<&'static str> {
    events.iter().map(AccountEvent::name).collect()
}

fn ends_what_is_pending(event: &AccountEvent) -> bool {
    matches!(
        event,
        AccountEvent::PasswordChanged { .. }
            | AccountEvent::PasswordReset { .. }
            | AccountEvent::TwoFactorEnabled { .. }
            | AccountEvent::TwoFactorDisabled { .. }
            | AccountEvent::AccountUnlocked { .. }
            | AccountEvent::AccountRecovered { .. }
    )
}

/// The authenticator of an account whose two-factor is on.
fn authenticator(account: &Account) -> Option<CredentialId> {
    match account.opened.as_ref()?.two_factor {
        TwoFactor::Enabled { authenticator, .. } => Some(authenticator),
        TwoFactor::Disabled | TwoFactor::Enrolling { .. } => None,
    }
}

/// A quarter of the usual number of cases is enough on every build; `PROPTEST_CASES` asks for more.
pub(super) fn cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases.div_ceil(4),
        ..usual
    }
}

proptest! {
    #![proptest_config(cases())]

    /// ASVS 2.3.1: whatever order the steps are asked for in, none is skipped.
    #[test]
    fn state_machine_model(asks in asks(), policy in policy()) {
        let mut model = Model::default();
        for told in tell(&asks, &policy) {
            if let Some(session) = asking_session(&told.command) {
                let over = !model.is_signed_in(session, told.at);
                prop_assert_eq!(over, told.result == Err(Refusal::SessionEnded), "{:?}", told);
            }
            for event in told.events() {
                prop_assert_eq!(model.objection(event, told.at, &policy), None, "{:?}", told);
                model.note(event);
            }
            prop_assert_eq!(authenticator(&told.after), model.authenticator);
        }
    }

    #[test]
    fn totp_step_monotone(asks in asks(), policy in policy()) {
        let mut last = None;
        for told in tell(&asks, &policy) {
            for event in told.events() {
                if let AccountEvent::AccountRecovered { step, .. } = event {
                    last = last.max(Some(*step));
                }
                let spent = match event {
                    AccountEvent::TwoFactorEnabled { step, .. } => Some(*step),
                    AccountEvent::SignedIn { step, .. } => *step,
                    _ => None,
                };
                let Some(step) = spent else { continue };
                let before = last.replace(step);
                prop_assert!(before.is_none_or(|before| before < step), "{:?}", told);
            }
        }
    }

    /// NIST SP 800-63B-4, 5.1: a session never claims more than was proved in it.
    #[test]
    fn session_aal_monotone(asks in asks(), policy in policy()) {
        let mut model = Model::default();
        for told in tell(&asks, &policy) {
            told.events().iter().for_each(|event| model.note(event));
            let on = authenticator(&told.after).is_some();
            for session in &told.after.opened.as_ref().unwrap().sessions {
                let claimed = session.factors.contains(&Factor::Totp);
                prop_assert_eq!(claimed, model.sessions[&session.id].code, "{:?}", told);
                prop_assert!(claimed || !on, "signed in without a code: {:?}", told);
            }
        }
    }

    /// A session, challenge or link never works after the event that ended it.
    #[test]
    fn token_epoch_model(asks in asks(), policy in policy()) {
        let mut model = Model::default();
        for told in tell(&asks, &policy) {
            if model.rests_on_what_is_gone(&told.command) {
                prop_assert!(told.result.is_err(), "{:?}", told);
            }
            told.events().iter().for_each(|event| model.note(event));
            if !told.events().iter().any(ends_what_is_pending) {
                continue;
            }
            let account = told.after.opened.as_ref().unwrap();
            prop_assert!(account.challenges.is_empty() && account.resets.is_empty());
            let pending = matches!(account.two_factor, TwoFactor::Enrolling { .. });
            prop_assert!(!pending);
            let kept = account.sessions_except(None);
            let asking = asking_session(&told.command);
            prop_assert_eq!(kept, asking.into_iter().collect::<Vec<_>>(), "{:?}", told);
        }
    }

    #[test]
    fn the_state_is_what_the_events_fold_to_and_a_refusal_changes_nothing(
        asks in asks(),
        policy in policy(),
    ) {
        let mut folded = Account::default();
        for told in tell(&asks, &policy) {
            if told.result.is_err() {
                prop_assert_eq!(&told.after, &told.before);
            }
            for event in told.events() {
                let text = serde_json::to_string(event).unwrap();
                let read: AccountEvent = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(&read, event);
                folded.apply_event(read);
            }
            prop_assert_eq!(&folded, &told.after, "{:?}", told);
        }
    }

    #[test]
    fn the_state_is_written_and_read_without_loss(asks in asks(), policy in policy()) {
        for told in tell(&asks, &policy) {
            let text = serde_json::to_string(&told.after).unwrap();
            let read: Account = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read, &told.after);
            prop_assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
    }

    #[test]
    fn the_state_never_outgrows_its_limits(asks in asks(), policy in policy()) {
        for told in tell(&asks, &policy) {
            let account = told.after.opened.as_ref().unwrap();
            prop_assert!(account.sessions.len() <= policy.sessions_per_account);
            prop_assert!(account.challenges.len() <= policy.challenges_per_account);
            prop_assert!(account.resets.len() <= policy.resets_per_account);
        }
    }

    #[test]
    fn two_factor_goes_on_and_off_by_three_events_alone(asks in asks(), policy in policy()) {
        for told in tell(&asks, &policy) {
            let switched = told.events().iter().any(|event| matches!(
                event,
                AccountEvent::TwoFactorEnabled { .. }
                    | AccountEvent::TwoFactorDisabled { .. }
                    | AccountEvent::AccountUnlocked { two_factor_was_on: true, .. }
            ));
            let differs = authenticator(&told.before) != authenticator(&told.after);
            prop_assert_eq!(switched, differs, "{:?}", told);
        }
    }
}

/// The properties above would hold just as well if nothing ever happened.
#[test]
fn the_stories_come_to_every_event_and_every_refusal() {
    let mut runner = TestRunner::deterministic();
    let mut events = BTreeSet::new();
    let mut refusals = BTreeSet::new();
    for _ in 0..400 {
        let (asks, policy) = (asks(), policy()).new_tree(&mut runner).unwrap().current();
        for told in tell(&asks, &policy) {
            events.extend(names(told.events()));
            refusals.extend(told.result.err().map(|refusal| refusal.to_string()));
        }
    }
    assert_eq!(events.len(), 20, "{events:?}");
    let all = [
        Refusal::AlreadyOpened,
        Refusal::SessionEnded,
        Refusal::NoSuchSession,
        Refusal::ChallengeExpired,
        Refusal::ResetExpired,
        Refusal::TooManyAttempts(crate::Wait::Closed),
        Refusal::TwoFactorAlreadyEnabled,
        Refusal::TwoFactorNotEnabled,
        Refusal::NoEnrollment,
        Refusal::NothingToUnlock,
        Refusal::StaleVerdict,
    ];
    assert_eq!(refusals, all.map(|refusal| refusal.to_string()).into());
}
