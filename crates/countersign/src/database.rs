//! The database of the configuration: an outside one by its URL, or the embedded one, which is
//! started, or joined while somebody else serves it.

use std::time::{Duration, Instant};

use embedded_postgres::{Durability, Joined, Server, Settings};
use store::Role;
use url::Url;

use crate::configuration::Configuration;
use crate::failure::Failure;

const OWNER: &str = "countersign_owner";
const APP: &str = "countersign_app";
const SEQUENCER: &str = "countersign_sequencer";
const READER: &str = "countersign_reader";
const DATABASE: &str = "countersign";

const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) enum Database {
    Outside {
        app: String,
        owner: String,
        sequencer: String,
    },
    Started(Box<Server>),
    Joined(Joined),
}

impl Database {
    /// For `serve`: the embedded database is this process's alone. A command that has it for the
    /// moment is waited for; another server has it for longer than that.
    pub(crate) async fn start(configuration: &Configuration) -> Result<Self, Failure> {
        let began = Instant::now();
        loop {
            match Self::try_start(configuration).await {
                Err(embedded_postgres::Error::InUse { .. }) if began.elapsed() < PATIENCE => {
                    tokio::time::sleep(PAUSE).await;
                }
                started => return started.map_err(|error| Failure::because(&error)),
            }
        }
    }

    /// For commands beside a server: its database, or one that is started for the moment. A server
    /// that starts or another command that ends meanwhile is waited for.
    pub(crate) async fn join(configuration: &Configuration) -> Result<Self, Failure> {
        let began = Instant::now();
        loop {
            if let Some(database) = Self::in_use(configuration).await? {
                return Ok(database);
            }
            match Self::try_start(configuration).await {
                Err(embedded_postgres::Error::InUse { .. }) if began.elapsed() < PATIENCE => {
                    tokio::time::sleep(PAUSE).await;
                }
                started => return started.map_err(|error| Failure::because(&error)),
            }
        }
    }

    async fn try_start(configuration: &Configuration) -> Result<Self, embedded_postgres::Error> {
        if let Some(outside) = Self::outside(configuration) {
            return Ok(outside);
        }
        let server = embedded_postgres::start(settings(configuration)).await?;
        Ok(Self::Started(Box::new(server)))
    }

    /// The database that a server uses now; none if the embedded one is not running.
    pub(crate) async fn in_use(configuration: &Configuration) -> Result<Option<Self>, Failure> {
        if let Some(outside) = Self::outside(configuration) {
            return Ok(Some(outside));
        }
        let joined = embedded_postgres::join(&configuration.data_dir).await;
        joined
            .map(|joined| joined.map(Self::Joined))
            .map_err(|error| Failure::because(&error))
    }

    fn outside(configuration: &Configuration) -> Option<Self> {
        let app = configuration.database_url.as_ref()?.expose().to_owned();
        let or_app = |url: &Option<crate::secret_text::SecretText>| {
            url.as_ref()
                .map_or_else(|| app.clone(), |url| url.expose().to_owned())
        };
        let owner = or_app(&configuration.migration_database_url);
        let sequencer = or_app(&configuration.sequencer_database_url);
        Some(Self::Outside {
            app,
            owner,
            sequencer,
        })
    }

    pub(crate) fn url(&self, role: Role) -> String {
        match self {
            Self::Outside {
                app,
                owner,
                sequencer,
            } => match role {
                Role::Owner => owner.clone(),
                Role::App | Role::Reader => app.clone(),
                Role::Sequencer => sequencer.clone(),
            },
            Self::Started(server) => server.url(user(role)),
            Self::Joined(server) => server.url(user(role)),
        }
    }

    /// As [`Self::url`], for the role of whoever asked. Outside, the reader's is that of the first
    /// user of the configuration who may act as the reader.
    pub(crate) async fn url_for_people(&self, role: Role) -> Result<String, Failure> {
        let Self::Outside { app, owner, .. } = self else {
            return Ok(self.url(role));
        };
        if role == Role::Owner {
            return Ok(owner.clone());
        }
        for url in [app, owner] {
            let may = store::may_be(url, role).await;
            if may.map_err(|error| Failure::because(&error))? {
                return Ok(as_reader(url));
            }
        }
        Err(Failure::Failed(format!(
            "no user of the configuration may act as {READER}: run `countersign migrate`, or GRANT \
             {READER} to the user of DATABASE_URL"
        )))
    }

    /// Runs a program on the embedded database, as its owner; none on an outside one.
    pub(crate) async fn run(
        &self,
        program: &str,
        arguments: &[String],
    ) -> Option<std::io::Result<std::process::ExitStatus>> {
        match self {
            Self::Outside { .. } => None,
            Self::Started(server) => Some(server.run(OWNER, program, arguments).await),
            Self::Joined(server) => Some(server.run(OWNER, program, arguments).await),
        }
    }

    /// Brings the schema to this version, as the owner of the tables.
    pub(crate) async fn migrate(&self) -> Result<(), Failure> {
        let migrated = store::migrate(&self.url(Role::Owner)).await;
        migrated.map_err(|error| Failure::because(&error))
    }

    pub(crate) async fn is_migrated(&self) -> Result<bool, Failure> {
        let current = store::is_migrated(&self.url(Role::App)).await;
        current.map_err(|error| Failure::because(&error))
    }

    /// Whether no server can be using it: it was started by this process, for itself.
    pub(crate) const fn is_alone(&self) -> bool {
        matches!(self, Self::Started(_))
    }

    /// Resolves when the embedded database ends by itself; never for any other.
    pub(crate) async fn died(&self) {
        match self {
            Self::Started(server) => server.died().await,
            Self::Outside { .. } | Self::Joined(_) => std::future::pending().await,
        }
    }

    /// Stops what this process started.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        match self {
            Self::Started(server) => server
                .stop()
                .await
                .map_err(|error| Failure::because(&error)),
            Self::Outside { .. } | Self::Joined(_) => Ok(()),
        }
    }
}

/// Whether the embedded database has been made already.
pub(crate) fn exists(configuration: &Configuration) -> bool {
    configuration.data_dir.join("postgres").exists()
}

fn settings(configuration: &Configuration) -> Settings {
    Settings {
        data_dir: configuration.data_dir.clone(),
        bin_dir: std::env::var_os("PG_BIN").map(Into::into),
        roles: [OWNER, APP, SEQUENCER, READER]
            .map(ToOwned::to_owned)
            .to_vec(),
        database: DATABASE.to_owned(),
        durability: Durability::Durable,
    }
}

const fn user(role: Role) -> &'static str {
    match role {
        Role::Owner => OWNER,
        Role::App => APP,
        Role::Sequencer => SEQUENCER,
        Role::Reader => READER,
    }
}

/// The same login, in the reader's role.
fn as_reader(url: &str) -> String {
    Url::parse(url).map_or_else(
        |_| url.to_owned(),
        |mut url| {
            url.query_pairs_mut()
                .append_pair("options", "-c role=countersign_reader");
            url.to_string().replace('+', "%20")
        },
    )
}
