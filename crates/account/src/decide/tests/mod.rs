//! Every command: its good case, each refusal, the same thing twice, and the instants around each
//! limit, told as `given(events).when(command).then(events)` or `.refused(reason)`.

mod code;
mod current_password;
mod enrollment;
mod erasure;
mod facts;
mod model;
mod never;
mod opening;
mod properties;
mod recovery;
mod replay;
mod reset;
mod sessions;
mod sign_in;
mod stories;
mod support;

use cqrs_es::test::TestFramework;

use crate::command::{
    AdminUnlock, CancelEnrollment, ConfirmEnrollment, DisableTwoFactor, EndOtherSessions,
    EndSession, EraseAccount, OpenAccount, PresentCode, PresentPassword, RecoverAccount,
    RememberDevice, RequestReset, ResetPassword, SetPassword, SignOut, StartEnrollment,
};
use crate::state::Opened;
use crate::{Account, AccountEvent, Command, Policy, Refusal};

/// What has happened so far, and the policy that decides what may happen next.
struct Story {
    events: Vec<AccountEvent>,
    policy: Policy,
}

fn given(events: impl IntoIterator<Item = AccountEvent>) -> Story {
    Story {
        events: events.into_iter().collect(),
        policy: Policy::default(),
    }
}

impl Story {
    fn under(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    fn and(mut self, events: impl IntoIterator<Item = AccountEvent>) -> Self {
        self.events.extend(events);
        self
    }

    fn when(self, command: impl Into<Command>) -> Outcome {
        let result = TestFramework::<Account>::with(self.policy.clone())
            .given(self.events.clone())
            .when(command.into())
            .inspect_result();
        Outcome {
            story: self,
            result,
        }
    }

    fn account(&self) -> Account {
        let mut account = Account::default();
        for event in &self.events {
            account.apply_event(event.clone());
        }
        account
    }

    fn opened(&self) -> Opened {
        self.account().opened.unwrap()
    }
}

#[must_use]
struct Outcome {
    story: Story,
    result: Result<Vec<AccountEvent>, Refusal>,
}

impl Outcome {
    #[track_caller]
    fn then(self, expected: impl IntoIterator<Item = AccountEvent>) -> Story {
        let events = self.events();
        assert_eq!(events, expected.into_iter().collect::<Vec<_>>());
        self.story.and(events)
    }

    #[track_caller]
    fn nothing_happens(self) -> Story {
        self.then([])
    }

    #[track_caller]
    fn refused(self, reason: Refusal) -> Story {
        assert_eq!(self.result, Err(reason));
        self.story
    }

    /// Goes on with whatever happened, for a test that is about what comes after.
    #[track_caller]
    fn happens(self) -> Story {
        let events = self.events();
        assert!(!events.is_empty(), "nothing happened");
        self.story.and(events)
    }

    #[track_caller]
    fn events(&self) -> Vec<AccountEvent> {
        self.result.clone().unwrap()
    }
}

macro_rules! commands {
    ($($command:ident),+ $(,)?) => {
        $(impl From<$command> for Command {
            fn from(command: $command) -> Self {
                Self::$command(command)
            }
        })+
    };
}

commands!(
    OpenAccount,
    PresentPassword,
    PresentCode,
    SignOut,
    EndSession,
    EndOtherSessions,
    RememberDevice,
    RequestReset,
    ResetPassword,
    SetPassword,
    StartEnrollment,
    ConfirmEnrollment,
    CancelEnrollment,
    DisableTwoFactor,
    AdminUnlock,
    EraseAccount,
    RecoverAccount,
);
