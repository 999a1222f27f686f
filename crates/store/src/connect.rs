//! Connections, each in the role that its work needs, and migrations.

use std::str::FromStr;
use std::time::Duration;

use credentials::{KeyId, Keyring};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool, Row};
use thiserror::Error;

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// What a connection may do; see `migrations/0001_roles.sql`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Whoever the URL names; migrates.
    Owner,
    App,
    Sequencer,
    Reader,
}

impl Role {
    const fn name(self) -> Option<&'static str> {
        match self {
            Self::Owner => None,
            Self::App => Some("countersign_app"),
            Self::Sequencer => Some("countersign_sequencer"),
            Self::Reader => Some("countersign_reader"),
        }
    }

    /// The owner's statements change the schema or whole tables.
    const fn patience(self) -> &'static str {
        match self {
            Self::Owner => "0",
            Self::App | Self::Sequencer | Self::Reader => "10s",
        }
    }
}

#[derive(Debug, Error)]
pub enum ConnectError {
    #[error("the database URL cannot be read")]
    Url(#[source] sqlx::Error),
    #[error("the database cannot be reached")]
    Unreachable(#[source] sqlx::Error),
    #[error("the migrations failed")]
    Migrate(#[from] MigrateError),
    #[error(
        "this database was made under another master key {0}: start with the key file that belongs \
         to it, or with an empty database"
    )]
    OtherKey(KeyId),
    #[error(transparent)]
    Store(#[from] crate::Error),
}

/// On a new database plans are made before there are statistics, and kept: neither a look-up nor what
/// takes a batch of a long work list may read a whole table for it.
const BY_INDEX: [(&str, &str); 3] = [
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_seqscan", "off"),
];

fn options(url: &str, role: Role) -> Result<PgConnectOptions, ConnectError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(ConnectError::Url)?
        .application_name("countersign")
        .statement_cache_capacity(200)
        // Nearly every statement is a look-up by key. Planned anew each time, the commit costs twice;
        // compiled, a plan that has no index to use would cost more than what it reads.
        .options([
            ("plan_cache_mode", "force_generic_plan"),
            ("jit", "off"),
            ("statement_timeout", role.patience()),
        ]);
    let options = match role {
        Role::App | Role::Sequencer => options.options(BY_INDEX),
        Role::Owner | Role::Reader => options,
    };
    Ok(match role.name() {
        Some(name) => options.options([("role", name)]),
        None => options,
    })
}

/// A pool of at most `connections`. A connection that was idle for a while is asked before it is
/// used; a busy one is not.
pub async fn connect(url: &str, role: Role, connections: u32) -> Result<PgPool, ConnectError> {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(2))
        .test_before_acquire(false)
        .before_acquire(|connection, use_of| {
            Box::pin(async move {
                if use_of.idle_for < Duration::from_secs(30) {
                    return Ok(true);
                }
                let answer = tokio::time::timeout(Duration::from_secs(1), connection.ping()).await;
                Ok(matches!(answer, Ok(Ok(()))))
            })
        })
        .connect_with(options(url, role)?)
        .await
        .map_err(ConnectError::Unreachable)
}

/// Whether the user of `url` may act in this role.
pub async fn may_be(url: &str, role: Role) -> Result<bool, ConnectError> {
    match PgConnection::connect_with(&options(url, role)?).await {
        Ok(connection) => {
            connection
                .close()
                .await
                .map_err(ConnectError::Unreachable)?;
            Ok(true)
        }
        // No such role, or none of this user's.
        Err(sqlx::Error::Database(cause))
            if matches!(cause.code().as_deref(), Some("22023" | "42501")) =>
        {
            Ok(false)
        }
        Err(other) => Err(ConnectError::Unreachable(other)),
    }
}

/// Brings the schema to the present version.
pub async fn migrate(url: &str) -> Result<(), ConnectError> {
    let mut connection = PgConnection::connect_with(&options(url, Role::Owner)?)
        .await
        .map_err(ConnectError::Unreachable)?;
    // A newer server beside this one may have migrated further: migrations expand before they contract.
    let mut migrator = sqlx::migrate!("../../migrations");
    migrator.set_ignore_missing(true);
    migrator.run(&mut connection).await?;
    connection.close().await.map_err(ConnectError::Unreachable)
}

/// Whether every migration that this program knows has been applied to the database at `url`, as
/// far as its user can see.
pub async fn is_migrated(url: &str) -> Result<bool, ConnectError> {
    let mut connection = PgConnection::connect_with(&options(url, Role::Owner)?)
        .await
        .map_err(ConnectError::Unreachable)?;
    let begun = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut connection)
        .await
        .map_err(crate::Error::from)?;
    let current = begun && all_applied(&mut connection).await?;
    connection
        .close()
        .await
        .map_err(ConnectError::Unreachable)?;
    Ok(current)
}

async fn all_applied(executor: impl sqlx::PgExecutor<'_>) -> Result<bool, crate::Error> {
    let applied = sqlx::query_scalar::<_, i64>(
        "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version",
    )
    .fetch_all(executor)
    .await?;
    Ok(MIGRATOR
        .iter()
        .all(|migration| applied.contains(&migration.version)))
}

impl crate::Store {
    /// Whether every migration that this program knows has been applied.
    pub async fn migrations_are_current(&self) -> Result<bool, crate::Error> {
        all_applied(&self.pool).await
    }
}

/// Claims a new database for the keys in use; refuses one that belongs to other keys, or that was
/// written under keys which are missing now.
pub async fn check_keys(pool: &PgPool, keyring: &Keyring) -> Result<(), ConnectError> {
    for key in keyring.key_ids() {
        let value = keyring.check_value(key).map_err(crate::Error::from)?;
        sqlx::query(
            "INSERT INTO key_checks (key_id, check_value) VALUES ($1, $2)
            ON CONFLICT (key_id) DO NOTHING",
        )
        .bind(crate::columns::key_column(key))
        .bind(value.as_slice())
        .execute(pool)
        .await
        .map_err(crate::Error::from)?;
    }
    let stored = sqlx::query("SELECT key_id, check_value FROM key_checks")
        .fetch_all(pool)
        .await
        .map_err(crate::Error::from)?;
    for row in stored {
        let key = crate::error::key_id(row.try_get("key_id").map_err(crate::Error::from)?)?;
        let value: Vec<u8> = row.try_get("check_value").map_err(crate::Error::from)?;
        let expected = keyring.check_value(key).ok();
        if expected.is_none_or(|expected| expected.as_slice() != value) {
            return Err(ConnectError::OtherKey(key));
        }
    }
    Ok(())
}
