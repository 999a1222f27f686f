//! Why a server does not start. Each text ends with what the operator can do about it.

use std::{io, path::PathBuf};

/// Why [`crate::start`], [`crate::join`] or [`crate::Server::stop`] failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither the named folder nor the usual places hold a server.
    #[error(
        "no PostgreSQL server was found in {searched}. Install one (`apt-get install \
         postgresql`), name the folder of its programs in PG_BIN, or use a database of your \
         own with DATABASE_URL"
    )]
    Missing {
        /// Where it was looked for, for people.
        searched: String,
    },
    /// A server is there, but none that is new enough.
    #[error(
        "PostgreSQL {found} is too old: 15 or newer is needed. Install it (`apt-get install \
         postgresql-15`), name the folder of its programs in PG_BIN, or use a database of \
         your own with DATABASE_URL"
    )]
    TooOld {
        /// The version or versions that were found.
        found: String,
    },
    /// The cluster belongs to a major version whose programs are not here.
    #[error(
        "the database in {} was made by PostgreSQL {cluster}, and here is only PostgreSQL \
         {found}. Install the programs of {cluster} (`apt-get install postgresql-{cluster}`) \
         or name their folder in PG_BIN; to move the data to a newer version use pg_upgrade \
         or pg_dump",
        path.display()
    )]
    OtherMajor {
        /// The folder of the cluster.
        path: PathBuf,
        /// Its major version.
        cluster: u32,
        /// The versions that were found.
        found: String,
    },
    /// The programs are there and do not run.
    #[error(
        "{} does not run: {reason}. Repair the installation, or name the folder of another \
         one in PG_BIN",
        program.display()
    )]
    Broken {
        /// The program.
        program: PathBuf,
        /// Its own words.
        reason: String,
    },
    /// There is something in the place of the cluster that is none.
    #[error(
        "{} holds files but no PostgreSQL cluster (there is no readable PG_VERSION). Restore \
         it from a backup, or move it away to begin with an empty database",
        path.display()
    )]
    NotACluster {
        /// The folder.
        path: PathBuf,
    },
    /// Another run holds the data directory.
    #[error(
        "{} is in use by another run{}. Stop that one first, or choose another data directory",
        path.display(),
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The data directory.
        path: PathBuf,
        /// The process that holds it, where it could be read.
        pid: Option<u32>,
    },
    /// Another run has been starting for longer than [`crate::join`] waits.
    #[error(
        "another run has been starting the database in {} for a minute. See postgres.log \
         there, and try again",
        path.display()
    )]
    StillStarting {
        /// The data directory.
        path: PathBuf,
    },
    /// PostgreSQL does not run as root, and there is nobody else.
    #[error(
        "PostgreSQL does not run as root, and there is neither a user `postgres` nor a user \
         `nobody`. Create one (`adduser --system postgres`), or start as an ordinary user"
    )]
    NoServerUser,
    /// The user has no name, which PostgreSQL cannot do without.
    #[error(
        "user id {uid} has no entry in the user database, and PostgreSQL needs its name. Add \
         one to /etc/passwd, or start as a user that has one"
    )]
    Nameless {
        /// The user id.
        uid: u32,
    },
    /// The cluster is somebody else's.
    #[error(
        "the database in {} belongs to user {owner} and cannot be run by user {user}. Start \
         as its owner or as root, or hand it over (`chown -R {user}: '{}'`)",
        path.display(),
        path.display()
    )]
    OtherOwner {
        /// The folder of the cluster.
        path: PathBuf,
        /// Name or number of its owner.
        owner: String,
        /// Who would have to own it.
        user: String,
    },
    /// The server's user is kept out by a folder on the way.
    #[error(
        "PostgreSQL runs as user {user}, who cannot enter {}. Allow it (`chmod o+x '{}'`), or \
         choose a folder outside, such as one in /var/lib for the data",
        folder.display(),
        folder.display()
    )]
    CannotEnter {
        /// Whom the server runs as.
        user: String,
        /// The first folder that keeps them out.
        folder: PathBuf,
    },
    /// The fixed place of the socket is not ours.
    #[error(
        "{} cannot hold the database's socket: {reason}. Remove it, and start again",
        path.display()
    )]
    SocketFolder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A tool that every Linux system has is missing.
    #[error("`{name}` was not found. Install it (`apt-get install {package}`)")]
    ToolMissing {
        /// The tool.
        name: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
    },
    /// The cluster could not be made.
    #[error(
        "a new database could not be made in {}: {output}. Nothing was left half done; put \
         that right and start again",
        path.display()
    )]
    Initialise {
        /// Where it should have been made.
        path: PathBuf,
        /// What initdb said.
        output: String,
    },
    /// The server ended before it was ready.
    #[error(
        "PostgreSQL ended while it started ({status}). It said: {said}. The whole text is in \
         {}",
        log.display()
    )]
    Launch {
        /// How it ended.
        status: String,
        /// The last lines of its log.
        said: String,
        /// The log.
        log: PathBuf,
    },
    /// The server runs and does not open its socket.
    #[error(
        "PostgreSQL did not answer within a minute and was stopped. See {}, and start again",
        log.display()
    )]
    Silent {
        /// The log.
        log: PathBuf,
    },
    /// The caller no longer waits.
    #[error("the start was given up. Start again")]
    Abandoned,
    /// A server of an earlier run, or our own, does not end.
    #[error("PostgreSQL (process {pid}) does not end. End it (`kill -9 {pid}`), and start again")]
    Undying {
        /// One of its processes.
        pid: u32,
    },
    /// The server refused to make a role or the database.
    #[error(
        "PostgreSQL refused to set up its roles and database: {message}. Put that right, or \
         move the data directory away to begin with an empty one"
    )]
    SetUp {
        /// The server's own words.
        message: String,
    },
    /// No role was asked for.
    #[error("at least one database role is needed: name the owner of the database")]
    NoRole,
    /// A name needs quoting.
    #[error(
        "`{name}` is no name for a role or a database here: use up to 63 of a-z, 0-9 and _, \
         not first a digit, and neither `postgres` nor what begins with `pg_`"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The file system or the operating system refused something.
    #[error("could not {doing} {}: {source}. Check that folder, its owner, its mode and its free space", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// For `map_err`: what was being done to which path when it failed.
pub(crate) fn io_error(
    doing: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io {
        doing,
        path,
        source,
    }
}
