//! What may happen to an account.
//!
//! The account is an event-sourced aggregate. [`Account::decide`] is a pure function of the
//! state, a command that carries every fact it needs, and a [`Policy`]; it answers with events or
//! with a [`Refusal`]. There is no clock, no randomness and no input or output in this crate: the
//! time, new identifiers and the verdicts of credential checks come in with the command.
//!
//! Read in this order: [`event`], [`state`], one file of [`decide`] with its tests, [`policy`],
//! [`throttle`].

mod aggregate;
pub mod command;
pub mod decide;
mod email;
pub mod event;
mod id;
pub mod log;
pub mod metadata;
mod personal;
pub mod policy;
mod prose;
mod refusal;
pub mod staff;
pub mod state;
pub mod throttle;
mod verdict;

pub use aggregate::upcasters;
pub use command::Command;
pub use email::{EmailAddress, InvalidEmailAddress};
pub use event::AccountEvent;
pub use id::{
    AccountId, ChallengeId, CredentialId, DeviceId, ResetId, SessionId, StaffId, StaffSessionId,
};
pub use metadata::{Actor, Metadata, Origin};
pub use personal::Personal;
pub use policy::Policy;
pub use prose::{NotProse, UnlockReason, UnlockTicket};
pub use refusal::Refusal;
pub use state::Account;
pub use throttle::Wait;
pub use verdict::{CodeVerdict, PasswordVerdict};
