//! The table of all settings: one declaration each, in the order they are shown.
//!
//! A declaration is the type that the value is parsed into, the variable, the default and
//! the parser; its doc comment is the help text. The names are public contract: a key, its
//! variable and its flag never change.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use credentials::HashingSettings;
use ipnet::IpNet;
use mail::Mailbox;

use super::durations::{DAY, HOUR, MINUTE, at_most};
use super::numbers::{self, LogFormat, between};
use super::people::{self, SupportContact};
use super::resolver::Resolver;
use super::secret_url;
use super::setting::{Entry, Setting, variable};
use super::web_origin::{self, WebOrigin};
use super::{load, network};
use crate::secret_text::SecretText;

/// Declares the settings: generates the typed struct, the table, and the draft that holds
/// what could be parsed while problems are still being collected.
macro_rules! settings {
    ($(
        $(#[doc = $help:literal])+
        $field:ident: $type:ty = $declaration:expr => $parse:expr;
    )+) => {
        /// The settings in force. Made by [`super::resolve`] only, so that every value has
        /// been checked, alone and against the others.
        #[derive(Debug)]
        pub struct Configuration {
            $(
                $(#[doc = $help])+
                pub $field: $type,
            )+
            /// Every setting as it may be shown, with its origin.
            pub entries: Vec<Entry>,
            /// Things that look like mistakes but stop nothing.
            pub warnings: Vec<String>,
        }

        /// Every setting there is.
        pub const SETTINGS: &[Setting] = &[$(
            Setting { key: stringify!($field), help: concat!($($help),+), ..$declaration },
        )+];

        pub(super) struct Draft { $(pub(super) $field: Option<$type>,)+ }

        impl Draft {
            pub(super) fn take(resolver: &mut Resolver<'_>) -> Self {
                Self { $($field: resolver.take(
                    Setting { key: stringify!($field), help: concat!($($help),+), ..$declaration },
                    $parse,
                ),)+ }
            }

            pub(super) fn complete(
                self,
                entries: Vec<Entry>,
                warnings: Vec<String>,
            ) -> Option<Configuration> {
                Some(Configuration { $($field: self.$field?,)+ entries, warnings })
            }
        }
    };
}

settings! {
    /// Address and port of the API
    listen: SocketAddr = variable("COUNTERSIGN_LISTEN").flag().or("127.0.0.1:8080")
        => network::socket_address;

    /// Address and port for operators: /livez, /readyz, /metrics; keep it private
    internal_listen: SocketAddr =
        variable("COUNTERSIGN_INTERNAL_LISTEN").flag().or("127.0.0.1:9090")
        => network::socket_address;

    /// What people type to get here: begins mailed links, and is the origin that requests
    /// must come from
    public_url: WebOrigin = variable("COUNTERSIGN_PUBLIC_URL").flag()
        .derived("http://localhost:<port of listen>", web_origin::on_localhost)
        => web_origin::protected;

    /// Folder of the embedded database, of the master key and of mails that have no SMTP server
    data_dir: PathBuf = variable("COUNTERSIGN_DATA_DIR").flag()
        .derived("./data; as root /var/lib/countersign", load::data_dir)
        => load::path;

    /// Address of an outside PostgreSQL (postgres://…); without it the embedded one is used
    database_url: Option<SecretText> = variable("DATABASE_URL").flag().secret()
        => secret_url::database;

    /// The same database as the owner of the tables, who migrates; else DATABASE_URL
    migration_database_url: Option<SecretText> =
        variable("COUNTERSIGN_MIGRATION_DATABASE_URL").secret()
        => secret_url::database;

    /// The same database as the role that orders the log; else DATABASE_URL
    sequencer_database_url: Option<SecretText> =
        variable("COUNTERSIGN_SEQUENCER_DATABASE_URL").secret()
        => secret_url::database;

    /// Database connections that one server holds at most
    database_pool_size: u32 = variable("COUNTERSIGN_DATABASE_POOL_SIZE").or("16")
        => |text| between(text, 1, 1_000);

    /// File with the master key, readable by this user alone (`countersign keys generate`)
    master_key_file: PathBuf = variable("COUNTERSIGN_MASTER_KEY_FILE")
        .derived("<data-dir>/master.key", load::master_key_file)
        => load::path;

    /// File with a key of its own for signing the log, made like the master key (`keys generate
    /// --output`); without it a key derived from the master key signs
    log_key_file: Option<PathBuf> = variable("COUNTERSIGN_LOG_KEY_FILE")
        => |text| Ok(load::optional_path(text));

    /// Folder in which checkpoints of the log are kept; best one that nobody can write to who can
    /// write to the database
    checkpoint_dir: PathBuf = variable("COUNTERSIGN_CHECKPOINT_DIR")
        .derived("<data-dir>/checkpoints", load::checkpoint_dir)
        => load::path;

    /// Where else each checkpoint is sent to, by PUT URL/LOG/DAY/EPOCH-SIZE: an HTTP server
    /// that asks for no more than a bearer token (not S3, whose requests are signed)
    checkpoint_url: Option<SecretText> = variable("COUNTERSIGN_CHECKPOINT_URL").secret()
        => secret_url::checkpoint_sink;

    /// Bearer token for COUNTERSIGN_CHECKPOINT_URL
    checkpoint_token: Option<SecretText> = variable("COUNTERSIGN_CHECKPOINT_TOKEN").secret()
        => secret_url::token;

    /// How long a new checkpoint waits before it is kept, a minute at most
    checkpoint_interval: Duration = variable("COUNTERSIGN_CHECKPOINT_INTERVAL").or("10s")
        => |text| at_most(text, MINUTE);

    /// Mail server, as smtps://user:password@host or smtp://…?tls=required; without it mails
    /// are files in the folder mail of the data directory
    smtp_url: Option<SecretText> = variable("COUNTERSIGN_SMTP_URL").secret()
        => secret_url::smtp;

    /// Sender of mails, an address with or without a name; required with SMTP
    mail_from: Option<Mailbox> = variable("COUNTERSIGN_MAIL_FROM")
        => people::mail_from;

    /// Mail address or web page that people are sent to when they are locked out; required
    /// with SMTP
    support_contact: Option<SupportContact> = variable("COUNTERSIGN_SUPPORT_CONTACT")
        => people::support_contact;

    /// Origins, separated by commas, that return_to may lead to
    app_urls: Vec<WebOrigin> = variable("COUNTERSIGN_APP_URLS")
        => web_origin::list;

    /// Name that an authenticator app shows
    issuer: String = variable("COUNTERSIGN_ISSUER").or("Countersign")
        => people::issuer;

    /// A session ends after this long without a request
    session_idle: Duration = variable("COUNTERSIGN_SESSION_IDLE").or("24h")
        => |text| at_most(text, 90 * DAY);

    /// A session ends this long after the sign-in
    session_lifetime: Duration = variable("COUNTERSIGN_SESSION_LIFETIME").or("14d")
        => |text| at_most(text, 90 * DAY);

    /// Time to enter the code after the password
    challenge_lifetime: Duration = variable("COUNTERSIGN_CHALLENGE_LIFETIME").or("5m")
        => |text| at_most(text, HOUR);

    /// Time to confirm an authenticator app after its QR code was shown
    enrollment_lifetime: Duration = variable("COUNTERSIGN_ENROLLMENT_LIFETIME").or("15m")
        => |text| at_most(text, DAY);

    /// Time to use a mailed reset link
    reset_lifetime: Duration = variable("COUNTERSIGN_RESET_LIFETIME").or("30m")
        // NIST SP 800-63B-4, section 4.2.1.2.
        => |text| at_most(text, DAY);

    /// Time to use a mailed verification link
    verification_lifetime: Duration = variable("COUNTERSIGN_VERIFICATION_LIFETIME").or("24h")
        => |text| at_most(text, 7 * DAY);

    /// Characters that a password has at least (8 to 256)
    password_min_length: usize = variable("COUNTERSIGN_PASSWORD_MIN_LENGTH").or("15")
        => numbers::password_length;

    /// Networks, separated by commas, of proxies whose X-Forwarded-For counts
    trusted_proxies: Vec<IpNet> = variable("COUNTERSIGN_TRUSTED_PROXIES")
        => network::networks;

    /// on or off: limits per source address (off when something in front does it; limits per
    /// account stay)
    source_limits: bool = variable("COUNTERSIGN_SOURCE_LIMITS").or("on")
        => numbers::on_or_off;

    /// Memory of one password hash in KiB
    hash_memory_kib: u32 = variable("COUNTERSIGN_HASH_MEMORY_KIB").or("19456")
        => |text| between(text, 12_288, 4_194_304);

    /// Passes of one password hash
    hash_iterations: u32 = variable("COUNTERSIGN_HASH_ITERATIONS").or("2")
        => |text| between(text, 1, 64);

    /// Password hashes computed at a time
    hash_permits: usize = variable("COUNTERSIGN_HASH_PERMITS")
        .derived("the number of cores", load::cores)
        => |text| between(text, 1, 1_024);

    /// Password hashes that may wait; more are answered with 503
    hash_queue: usize = variable("COUNTERSIGN_HASH_QUEUE").or("32")
        => |text| between(text, 0, 10_000);

    /// What is logged, as in info,sqlx=warn
    log: String = variable("COUNTERSIGN_LOG").or("info,sqlx=warn")
        => numbers::log_filter;

    /// text, json, or auto (text on a terminal, else json)
    log_format: LogFormat = variable("COUNTERSIGN_LOG_FORMAT").or("auto")
        => numbers::log_format;
}

impl Configuration {
    /// What password hashing costs and how much of it goes on at a time; above the floor.
    pub fn hashing(&self) -> HashingSettings {
        HashingSettings {
            memory_kib: self.hash_memory_kib,
            iterations: self.hash_iterations,
            permits: self.hash_permits,
            queue: self.hash_queue,
            ..HashingSettings::default()
        }
    }

    /// Where the value of `key` came from.
    pub fn origin(&self, key: &str) -> Option<&super::Origin> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(&entry.origin)
    }

    /// The public URL of a server that got `port`: where nobody set the URL it follows the
    /// port, which is not known before binding when `listen` asks for port 0.
    pub fn public_url_at(&self, port: u16) -> WebOrigin {
        match self.origin("public_url") {
            Some(super::Origin::Default) => self.public_url.at_port(port),
            _ => self.public_url.clone(),
        }
    }
}
