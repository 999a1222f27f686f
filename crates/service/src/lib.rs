//! The use cases: gather facts, decide, commit, answer.
//!
//! Each is a method of [`Service`]: it loads what the decision needs, checks credentials on the
//! hashing pool with no connection held, lets `account` decide, and commits. When somebody else was
//! faster it loads and decides again, within bounds, and never hashes twice for the same
//! credential. It answers from committed events alone.

mod act;
mod activity;
mod audit;
mod caller;
mod clock;
mod counting;
mod current_password;
mod enrollment;
mod erasure;
mod error;
mod export;
mod facts;
mod fault;
mod feed;
mod follow;
mod forms;
mod issuing;
mod jobs;
mod links;
mod mailing;
mod opening;
mod operations;
mod owner;
mod password_check;
mod proof;
mod recovery;
mod reset;
mod second_factor;
mod sign_in;
mod staff;
mod staff_session;
mod support;
mod unblock;
mod view;

use std::sync::Arc;

use account::Policy;
use credentials::{HashingPool, Keyring, PasswordRules, Random};
use store::Store;
use tokio::sync::Notify;
use zeroize::Zeroizing;

pub use account::filter::EventFilter;
pub use account::replay::{At, NoSuchPoint};
pub use audit::Selection;
pub use caller::{Caller, Owner, StaffMember, Transport};
pub use clock::{Clock, SystemClock};
pub use credentials::PasswordRejection;
pub use enrollment::Enrollment;
pub use erasure::Erasure;
pub use error::Error;
pub use export::{Export, Exported};
pub use feed::Resumed;
pub use follow::Followed;
pub use forms::FormFor;
pub use links::MailedLink;
pub use mail::Browser;
pub use mailing::Post;
pub use operations::{Figures, NotReady};
pub use proof::{CheckpointView, ConsistencyView, InclusionView};
pub use recovery::DamagedStreams;
pub use second_factor::is_code;
pub use sign_in::{NewSession, SignIn, SignInOutcome};
pub use staff::StaffToken;
pub use staff_session::{STAFF_SESSION_IDLE, STAFF_SESSION_LIFETIME, SignedInStaff};
pub use support::Unlock;
pub use view::{
    AccountSummary, AccountView, Activity, ActorView, EventSketch, EventView, Examination, Page,
    RequestView, SessionListing, SessionView, SettingsView, StateView, TwoFactorView,
    UnlockPreview, WaitView,
};

/// A secret on its way to the one answer that issues it.
pub type Secret = Zeroizing<String>;

/// What an operator decides.
#[derive(Clone, Debug)]
pub struct Settings {
    pub policy: Policy,
    pub password_rules: PasswordRules,
    /// The name that an authenticator app shows.
    pub issuer: String,
    /// Without a slash at its end; mailed links begin with it.
    pub public_url: String,
}

/// All use cases. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Service(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    hashing: HashingPool,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    settings: Settings,
    turns: act::Turns,
    counters: operations::Counters,
    job_added: Notify,
    mail_promised: Notify,
    followers: follow::Followers,
}

impl Service {
    pub fn new(
        store: Store,
        hashing: HashingPool,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        settings: Settings,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            hashing,
            clock,
            random,
            settings,
            turns: act::Turns::default(),
            counters: operations::Counters::default(),
            job_added: Notify::new(),
            mail_promised: Notify::new(),
            followers: follow::Followers::default(),
        }))
    }

    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    fn keyring(&self) -> &Keyring {
        self.0.store.keyring()
    }

    fn policy(&self) -> &Policy {
        &self.0.settings.policy
    }

    fn random(&self) -> &dyn Random {
        self.0.random.as_ref()
    }

    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.0.clock.now()
    }

    fn new_id(&self) -> Result<uuid::Uuid, Error> {
        Ok(self.random().id(self.now())?)
    }
}
