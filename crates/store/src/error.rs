//! What can go wrong with the database, typed where it happens.

use std::sync::Arc;

use account::{CredentialId, StaffId};
use credentials::{KeyId, SealError, UnknownKey, Unsealable, Unsignable};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum Error {
    /// Somebody else changed the stream or a row since it was read: load and decide again.
    #[error("changed by somebody else in the meantime")]
    Conflict,
    #[error("the address belongs to an account already")]
    AddressTaken,
    /// The database did not answer. A commit may or may not have happened.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
    #[error("{0}")]
    Corrupt(#[from] Corruption),
    #[error(transparent)]
    Key(#[from] UnknownKey),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Unseal(#[from] Unsealable),
    #[error(transparent)]
    Sign(#[from] Unsignable),
    #[error("an event could not be written as JSON")]
    Serialize(#[source] serde_json::Error),
    /// A caller's fault: an event was committed without the token or the key that it issues.
    #[error("the commit of {event} lacks its {missing}")]
    Incomplete {
        event: &'static str,
        missing: &'static str,
    },
}

/// A stored row that is not what this service wrote, or that it cannot read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Corruption {
    #[error("{stream}, event {sequence}: {what}")]
    Event {
        stream: String,
        sequence: u64,
        what: String,
    },
    #[error("{stream}: the history has no event {expected}")]
    Gap { stream: String, expected: u64 },
    #[error(
        "{stream}, event {sequence}: this server does not know {event_type} version {version}: a \
         newer one wrote it"
    )]
    UnknownEvent {
        stream: String,
        sequence: u64,
        event_type: String,
        version: String,
    },
    #[error("the secret {0} is missing")]
    MissingSecret(CredentialId),
    #[error("the row of {table} for {row} is not what this service wrote")]
    Row { table: &'static str, row: String },
    #[error("the data key of {0} is missing")]
    MissingDataKey(uuid::Uuid),
    #[error("the record of staff member {0} does not fit its history")]
    Staff(StaffId),
    #[error("{0} is no key id")]
    KeyId(i32),
    #[error("the log: {0}")]
    Log(String),
}

impl Error {
    /// What failed for many at once.
    pub(crate) fn shared(error: &Arc<sqlx::Error>) -> Self {
        let shared = sqlx::Error::AnyDriverError(Box::new(Arc::clone(error)));
        if is_unavailable(error) {
            Self::Unavailable(shared)
        } else {
            Self::Database(shared)
        }
    }

    /// Whether rows are not what this service wrote. An event of a newer version is.
    pub const fn is_damage(&self) -> bool {
        match self {
            Self::Corrupt(what) => !matches!(what, Corruption::UnknownEvent { .. }),
            Self::Database(cause) => matches!(cause, sqlx::Error::ColumnDecode { .. }),
            other => matches!(other, Self::Key(_) | Self::Unseal(_)),
        }
    }

    /// Constraint names are translated here and nowhere else.
    pub(crate) fn from_sqlx(error: sqlx::Error) -> Self {
        if is_unavailable(&error) {
            return Self::Unavailable(error);
        }
        let sqlx::Error::Database(cause) = &error else {
            return Self::Database(error);
        };
        match (cause.code().as_deref(), cause.constraint()) {
            (Some("23505"), Some("logins_address_key")) => Self::AddressTaken,
            (
                Some("23505"),
                Some("events_pkey" | "throttles_pkey" | "devices_pkey" | "idempotent_answers_pkey"),
            )
            | (Some("40001" | "40P01"), _) => Self::Conflict,
            _ => Self::Database(error),
        }
    }
}

fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(cause) => cause.code().is_some_and(|code| is_outage(&code)),
        other => matches!(
            other,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::Protocol(_)
        ),
    }
}

/// Whether the connection failed, and not what was asked over it.
pub(crate) fn is_lost_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(cause) => cause
            .code()
            .is_some_and(|code| code.starts_with("08") || code.starts_with("57P")),
        other => matches!(other, sqlx::Error::Io(_) | sqlx::Error::Protocol(_)),
    }
}

/// Connection exceptions, resources exhausted, operator intervention, system errors, read-only standby.
fn is_outage(code: &str) -> bool {
    ["08", "53", "57", "58"]
        .iter()
        .any(|class| code.starts_with(class))
        || code == "25006"
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::from_sqlx(error)
    }
}

pub(crate) fn key_id(stored: i32) -> Result<KeyId, Error> {
    KeyId::try_from(stored).map_err(|_| Corruption::KeyId(stored).into())
}
