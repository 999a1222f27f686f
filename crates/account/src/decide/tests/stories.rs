//! Random stories of one account: every command in any order, with facts that are mostly
//! plausible, and a clock that mostly runs on.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use chrono::{DateTime, Duration, Utc};
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use proptest::collection::vec;
use proptest::prelude::*;

use super::facts::*;
use crate::command::{
    AdminUnlock, CancelEnrollment, ConfirmEnrollment, DisableTwoFactor, EndOtherSessions,
    EndSession, NewSession, PresentCode, PresentPassword, RecoverAccount, RememberDevice,
    RequestReset, ResetPassword, SetPassword, SignOut, StartEnrollment,
};
use crate::state::TwoFactor;
use crate::throttle::BackoffPolicy;
use crate::{
    Account, AccountEvent, ChallengeId, CodeVerdict, Command, CredentialId, PasswordVerdict,
    Policy, Refusal, ResetId, SessionId, Wait,
};

/// One command as it was given, and what became of it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) at: DateTime<Utc>,
    pub(super) command: Command,
    pub(super) before: Account,
    pub(super) result: Result<Vec<AccountEvent>, Refusal>,
    pub(super) after: Account,
}

impl Told {
    pub(super) fn events(&self) -> &[AccountEvent] {
        self.result.as_deref().unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug)]
enum Wish {
    Open,
    Password,
    Code,
    SignOut,
    EndSession,
    EndOthers,
    Remember,
    RequestReset,
    Reset,
    SetPassword,
    StartEnrollment,
    ConfirmEnrollment,
    CancelEnrollment,
    Disable,
    Unlock,
    Recover,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checked {
    Right,
    Wrong,
    /// Against a credential that is no longer the account's, and found right.
    Stale,
}

/// What somebody wants, before it is known what there is to want it of.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    wish: Wish,
    pause: Duration,
    /// Chooses among what the account has.
    pick: usize,
    /// Chooses among all that ever was, if set, so that much of it is gone.
    of_old: bool,
    checked: Checked,
    /// Time steps whose code was presented, counted from the present one.
    steps: Option<Vec<i64>>,
    flag: bool,
}

pub(super) fn asks() -> impl Strategy<Value = Vec<Ask>> {
    vec(ask(), 1..60)
}

fn ask() -> impl Strategy<Value = Ask> {
    let facts = (
        0_usize..12,
        prop::bool::weighted(0.08),
        checked(),
        steps(),
        any::<bool>(),
    );
    (wish(), pause(), facts).prop_map(|(wish, pause, (pick, of_old, checked, steps, flag))| Ask {
        wish,
        pause,
        pick,
        of_old,
        checked,
        steps,
        flag,
    })
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        1 => Just(Wish::Open),
        12 => Just(Wish::Password),
        12 => Just(Wish::Code),
        2 => Just(Wish::SignOut),
        2 => Just(Wish::EndSession),
        1 => Just(Wish::EndOthers),
        1 => Just(Wish::Remember),
        4 => Just(Wish::RequestReset),
        2 => Just(Wish::Reset),
        3 => Just(Wish::SetPassword),
        8 => Just(Wish::StartEnrollment),
        10 => Just(Wish::ConfirmEnrollment),
        1 => Just(Wish::CancelEnrollment),
        2 => Just(Wish::Disable),
        1 => Just(Wish::Unlock),
        1 => Just(Wish::Recover),
    ]
}

/// The clocks of two servers may differ by a little, so that time seems to run back.
fn pause() -> impl Strategy<Value = Duration> {
    prop_oneof![
        40 => (0_i64..90).prop_map(Duration::seconds),
        4 => (1_i64..40).prop_map(Duration::minutes),
        2 => (-2_000_i64..0).prop_map(Duration::milliseconds),
        1 => (1_i64..20).prop_map(Duration::days),
    ]
}

fn checked() -> impl Strategy<Value = Checked> {
    prop_oneof![
        19 => Just(Checked::Right),
        5 => Just(Checked::Wrong),
        1 => Just(Checked::Stale),
    ]
}

fn steps() -> impl Strategy<Value = Option<Vec<i64>>> {
    prop_oneof![
        6 => Just(Some(Vec::new())),
        12 => (-1_i64..=1).prop_map(|step| Some(vec![step])),
        1 => Just(Some(vec![1, -1])),
        1 => (-3_000_i64..3_000).prop_map(|step| Some(vec![step])),
        1 => Just(None),
    ]
}

/// The origin profile, or one so tight that short stories reach every limit.
pub(super) fn policy() -> impl Strategy<Value = Policy> {
    let tight = Policy {
        sessions_per_account: 2,
        challenges_per_account: 2,
        attempts_per_challenge: 2,
        resets_per_account: 2,
        codes: BackoffPolicy {
            free: 2,
            closed_at: Some(5),
            ..Policy::default().codes
        },
        enrollment_codes: BackoffPolicy {
            free: 1,
            ..Policy::default().enrollment_codes
        },
        current_password: crate::throttle::WindowPolicy {
            limit: 2,
            window: Duration::minutes(10),
        },
        ..Policy::default()
    };
    prop_oneof![1 => Just(Policy::default()), 3 => Just(tight)]
}

/// Lets the account decide on each ask in turn, through the aggregate as production does.
pub(super) fn tell(asks: &[Ask], policy: &Policy) -> Vec<Told> {
    let mut teller = Teller {
        account: Account::default(),
        at: noon(),
        fresh: 1_000,
        sessions: Vec::new(),
        challenges: Vec::new(),
        resets: Vec::new(),
    };
    let mut told = vec![teller.turn(Command::OpenAccount(open_account()), policy)];
    for ask in asks {
        teller.at += ask.pause;
        let command = teller.command(ask);
        told.push(teller.turn(command, policy));
    }
    told
}

struct Teller {
    account: Account,
    at: DateTime<Utc>,
    fresh: u128,
    sessions: Vec<SessionId>,
    challenges: Vec<ChallengeId>,
    resets: Vec<ResetId>,
}

impl Teller {
    fn turn(&mut self, command: Command, policy: &Policy) -> Told {
        let before = self.account.clone();
        let sink = EventSink::default();
        let handled = at_once(self.account.handle(command.clone(), policy, &sink));
        let events = at_once(sink.collect());
        for event in &events {
            match event {
                AccountEvent::SignedIn { session, .. } => self.sessions.push(*session),
                AccountEvent::SecondFactorRequested { challenge, .. } => {
                    self.challenges.push(*challenge);
                }
                AccountEvent::PasswordResetRequested { reset, .. } => self.resets.push(*reset),
                _ => {}
            }
        }
        Told {
            at: self.at,
            command,
            before,
            result: handled.map(|()| events),
            after: self.account.clone(),
        }
    }

    fn command(&mut self, ask: &Ask) -> Command {
        let at = self.at;
        let session = self.session(ask);
        let password = self.password(ask);
        match ask.wish {
            Wish::Open => open_account().into(),
            Wish::Password => self.present_password(ask, password).into(),
            Wish::Code => PresentCode {
                at,
                challenge: self.challenge(ask),
                verdict: self.code(ask),
                device: ask.flag.then(|| device(1)),
                session: self.new_session(),
            }
            .into(),
            Wish::SignOut => SignOut { at, session }.into(),
            Wish::EndSession => EndSession {
                at,
                session,
                target: chosen(&self.sessions, ask.pick).unwrap_or(session),
            }
            .into(),
            Wish::EndOthers => EndOtherSessions { at, session }.into(),
            Wish::Remember => RememberDevice {
                device: device(self.fresh()),
            }
            .into(),
            Wish::RequestReset => RequestReset {
                at,
                reset: reset(self.fresh()),
            }
            .into(),
            Wish::Reset => ResetPassword {
                at,
                reset: self.reset(ask),
                password: credential(self.fresh()),
                device: device(self.fresh()),
            }
            .into(),
            Wish::SetPassword => SetPassword {
                at,
                session,
                verdict: password,
                password: credential(self.fresh()),
            }
            .into(),
            Wish::StartEnrollment => StartEnrollment {
                at,
                session,
                verdict: password,
                enrollment: credential(self.fresh()),
            }
            .into(),
            Wish::ConfirmEnrollment => ConfirmEnrollment {
                at,
                session,
                verdict: self.code(ask),
            }
            .into(),
            Wish::CancelEnrollment => CancelEnrollment { at, session }.into(),
            Wish::Disable => DisableTwoFactor {
                at,
                session,
                verdict: password,
            }
            .into(),
            Wish::Unlock => AdminUnlock {
                passwords_refused: ask.flag,
                ..unlock(at)
            }
            .into(),
            Wish::Recover => RecoverAccount {
                at,
                step: (at.timestamp() / 30).cast_unsigned(),
            }
            .into(),
        }
    }

    fn present_password(&mut self, ask: &Ask, verdict: PasswordVerdict) -> PresentPassword {
        PresentPassword {
            at: self.at,
            verdict,
            device: ask.flag.then(|| device(1)),
            wait: ask.of_old.then_some(Wait::Closed),
            rehashed: (ask.pick == 0).then(|| credential(self.fresh())),
            session: self.new_session(),
            challenge: challenge(self.fresh()),
        }
    }

    fn fresh(&mut self) -> u128 {
        self.fresh += 1;
        self.fresh
    }

    fn new_session(&mut self) -> NewSession {
        NewSession {
            id: session(self.fresh()),
            device: device(self.fresh()),
        }
    }

    fn session(&self, ask: &Ask) -> SessionId {
        let live = self.account.opened.as_ref().unwrap().sessions_except(None);
        let among = if ask.of_old { &self.sessions } else { &live };
        chosen(among, ask.pick).unwrap_or(session(7))
    }

    fn challenge(&self, ask: &Ask) -> ChallengeId {
        let pending = &self.account.opened.as_ref().unwrap().challenges;
        let live = pending.iter().map(|c| c.id).collect::<Vec<_>>();
        let among = if ask.of_old { &self.challenges } else { &live };
        chosen(among, ask.pick).unwrap_or(challenge(7))
    }

    fn reset(&self, ask: &Ask) -> ResetId {
        let pending = &self.account.opened.as_ref().unwrap().resets;
        let live = pending.iter().map(|r| r.id).collect::<Vec<_>>();
        let among = if ask.of_old { &self.resets } else { &live };
        chosen(among, ask.pick).unwrap_or(reset(7))
    }

    fn password(&self, ask: &Ask) -> PasswordVerdict {
        let current = self.account.opened.as_ref().unwrap().password.credential;
        match ask.checked {
            Checked::Right => PasswordVerdict::new(current, true),
            Checked::Wrong => PasswordVerdict::new(current, false),
            Checked::Stale => PasswordVerdict::new(REPLACED, true),
        }
    }

    fn code(&self, ask: &Ask) -> Option<CodeVerdict> {
        let now = self.at.timestamp() / 30;
        let steps = ask.steps.clone()?;
        let steps = steps.iter().map(|step| (now + step).cast_unsigned());
        Some(CodeVerdict::new(self.authenticator(ask), steps.collect()))
    }

    fn authenticator(&self, ask: &Ask) -> CredentialId {
        match self.account.opened.as_ref().unwrap().two_factor {
            _ if ask.checked == Checked::Stale => REPLACED,
            TwoFactor::Disabled => REPLACED,
            TwoFactor::Enrolling { enrollment, .. } => enrollment,
            TwoFactor::Enabled { authenticator, .. } => authenticator,
        }
    }
}

fn chosen<T: Copy>(among: &[T], pick: usize) -> Option<T> {
    among.get(pick.checked_rem(among.len())?).copied()
}

/// The aggregate waits for nothing, so it is ready when first asked.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a decision waited for something"),
    }
}
