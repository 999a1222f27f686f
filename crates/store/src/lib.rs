//! PostgreSQL: the only code with SQL.
//!
//! A command is committed whole in one statement ([`Store::commit`]): its events, every row that
//! follows from them, and what stands beside the log. Read in this order: `statement`,
//! `event_row`, `stream`, `projection`, `dossier`, `sequencer`; then `walk`, `check` and `rebuild`.

mod audit;
mod check;
mod columns;
mod commit;
mod compare;
mod connect;
mod dossier;
mod erasure;
mod error;
mod event_row;
mod event_store;
mod history;
mod housekeeping;
mod idempotency;
mod key_usage;
mod links;
mod live_rows;
mod log;
mod lookup;
mod outbox;
mod projection;
mod ready;
mod rebuild;
mod recovery;
mod rekey;
mod replay;
mod row_mac;
mod sequencer;
mod sessions;
mod staff;
mod statement;
mod statistics;
mod stream;
mod throttles;
mod verify;
mod walk;

use std::sync::Arc;

use account::{Account, upcasters};
use cqrs_es::persist::EventUpcaster;
use credentials::Keyring;
use sqlx::PgPool;
use tokio::sync::Notify;

use crate::lookup::Lookups;
use crate::ready::Ready;

pub use audit::{Feed, LoggedEvent};
pub use check::{CheckReport, Finding, OnProgress};
pub use commit::{
    Answer, Beside, DeviceChange, NewRegistration, NewSecret, SealedMail, Spent, ThrottleChange,
};
pub use connect::{ConnectError, Role, check_keys, connect, is_migrated, may_be, migrate};
pub use dossier::{Device, Dossier, SignInDossier};
pub use error::{Corruption, Error};
pub use history::StoredEvent;
pub use idempotency::EarlierAnswer;
pub use key_usage::{Ends, KeyUse};
pub use links::Registration;
pub use log::{LogHead, record_publication};
pub use outbox::{Job, QueuedMail, Taken};
pub use projection::{Entry, Issued, NewToken, device_expiry};
pub use rebuild::{RebuildError, Rebuilt};
pub use recovery::LostHistory;
pub use rekey::Rekeyed;
pub use sequencer::{Lead, Sequencer};
pub use sessions::{Holder, Profile, SessionOrigin, SessionRecord, TwoFactorStatus};
pub use staff::StaffRecord;
pub use statistics::Statistics;
pub use stream::{Decided, Loaded};
pub use throttles::Versioned;
pub use verify::{Attested, Damage, Damaged, Gap, Kept, KeptCheckpoints, Progress, Verdict};

/// The database of one deployment, as the service uses it.
#[derive(Clone)]
pub struct Store {
    pool: PgPool,
    /// Of the same pool, for what every request does.
    ready: Arc<Ready>,
    lookups: Arc<Lookups>,
    keyring: Arc<Keyring>,
    log_keyring: Arc<Keyring>,
    upcasters: Arc<[Box<dyn EventUpcaster>]>,
    appended: Arc<Notify>,
    sequenced: Arc<Notify>,
}

impl Store {
    /// `pool` is connected as [`Role::App`].
    pub fn new(pool: PgPool, keyring: Arc<Keyring>) -> Self {
        Self::with_upcasters(pool, keyring, upcasters())
    }

    /// A store that reads events of versions older than the present ones through `upcasters`.
    pub fn with_upcasters(
        pool: PgPool,
        keyring: Arc<Keyring>,
        upcasters: Vec<Box<dyn EventUpcaster>>,
    ) -> Self {
        let ready = Arc::new(Ready::of(pool.clone()));
        Self {
            lookups: Arc::new(Lookups::over(Arc::clone(&ready))),
            ready,
            pool,
            log_keyring: Arc::clone(&keyring),
            keyring,
            upcasters: upcasters.into(),
            appended: Arc::new(Notify::new()),
            sequenced: Arc::new(Notify::new()),
        }
    }

    /// The log is signed under these keys instead.
    #[must_use]
    pub fn signing_under(self, log_keyring: Arc<Keyring>) -> Self {
        Self {
            log_keyring,
            ..self
        }
    }

    /// The same store over other connections, such as those of [`Role::Owner`].
    #[must_use]
    pub fn through(&self, pool: PgPool) -> Self {
        let ready = Arc::new(Ready::of(pool.clone()));
        Self {
            lookups: Arc::new(Lookups::over(Arc::clone(&ready))),
            ready,
            pool,
            ..self.clone()
        }
    }

    /// Waits for all connections to end; every later statement fails.
    pub async fn close(&self) {
        let closing = self.pool.close();
        self.ready.release();
        closing.await;
    }

    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Woken after each commit of this process that appended events.
    pub fn appended(&self) -> Arc<Notify> {
        Arc::clone(&self.appended)
    }

    /// Woken each time the sequencer of this process has given positions, if it leads.
    pub fn sequenced(&self) -> Arc<Notify> {
        Arc::clone(&self.sequenced)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

/// The stream that holds an account's history.
const ACCOUNT: &str = <Account as cqrs_es::Aggregate>::TYPE;
