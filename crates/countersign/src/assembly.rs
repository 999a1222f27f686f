//! The service, put together from the configuration.

use std::path::Path;
use std::sync::Arc;

use account::Policy;
use account::throttle::SourcePolicy;
use chrono::Duration;
use credentials::{HashingPool, Keyring, MasterKeys, PasswordRules, SystemRandom};
use mail::{Letterhead, Mailbox, Transport};
use service::{Clock, Post, Service, Settings};
use sqlx::PgPool;
use store::{Role, Store, check_keys, connect};
use url::Url;
use web::Site;

use crate::configuration::{Configuration, SupportContact};
use crate::database::{self, Database};
use crate::failure::Failure;
use crate::key_follower::KeyFile;
use crate::keys;

/// A service on its database.
pub(crate) struct Assembly {
    pub(crate) service: Service,
    pub(crate) store: Store,
    pub(crate) keyring: Arc<Keyring>,
    /// Of the log, where it has keys of its own.
    pub(crate) log_keyring: Option<Arc<Keyring>>,
    pub(crate) pool: PgPool,
}

/// The master keys of the configuration. The embedded database's first start makes them; no other
/// absence does, since a database cannot be read with new ones.
pub(crate) fn master_keys(configuration: &Configuration) -> Result<MasterKeys, Failure> {
    let path = &configuration.master_key_file;
    let keys = if is_first_start(configuration) && !path.exists() {
        embedded_postgres::make_data_dir(&configuration.data_dir)
            .map_err(|error| Failure::because(&error))?;
        keys::generate(path, &SystemRandom)
    } else {
        keys::read(path)
    };
    keys.map_err(|error| Failure::because(&error))
}

/// Whether there is no embedded database yet.
pub(crate) fn is_first_start(configuration: &Configuration) -> bool {
    configuration.database_url.is_none() && !database::exists(configuration)
}

pub(crate) async fn assemble(
    configuration: &Configuration,
    keys: &MasterKeys,
    database: &Database,
    public_url: String,
    clock: Arc<dyn Clock>,
) -> Result<Assembly, Failure> {
    let keyring = followed(keys, &configuration.master_key_file);
    let pool = connect(
        &database.url(Role::App),
        Role::App,
        configuration.database_pool_size,
    )
    .await
    .map_err(|error| Failure::because(&error))?;
    check_keys(&pool, &keyring)
        .await
        .map_err(|error| Failure::because(&error))?;
    let mut store = Store::new(pool.clone(), Arc::clone(&keyring));
    let log_keyring = log_keyring(configuration)?;
    if let Some(keyring) = &log_keyring {
        store = store.signing_under(Arc::clone(keyring));
    }
    let hashing = HashingPool::new(configuration.hashing(), &SystemRandom)
        .map_err(|error| Failure::because(&error))?;
    let settings = Settings {
        policy: policy(configuration),
        password_rules: PasswordRules {
            min_length: configuration.password_min_length,
        },
        issuer: configuration.issuer.clone(),
        public_url,
    };
    let service = Service::new(
        store.clone(),
        hashing,
        clock,
        Arc::new(SystemRandom),
        settings,
    );
    Ok(Assembly {
        service,
        store,
        keyring,
        log_keyring,
        pool,
    })
}

fn followed(keys: &MasterKeys, path: &Path) -> Arc<Keyring> {
    let file = KeyFile::new(path.to_owned());
    Arc::new(Keyring::following(keys, Box::new(file)))
}

fn log_keyring(configuration: &Configuration) -> Result<Option<Arc<Keyring>>, Failure> {
    let Some(path) = &configuration.log_key_file else {
        return Ok(None);
    };
    let keys = keys::read(path).map_err(|error| Failure::because(&error))?;
    Ok(Some(followed(&keys, path)))
}

fn policy(configuration: &Configuration) -> Policy {
    let span = |setting: std::time::Duration| Duration::from_std(setting).unwrap_or(Duration::MAX);
    let limited = configuration.source_limits;
    let origin = Policy::default();
    Policy {
        session_idle: span(configuration.session_idle),
        session_lifetime: span(configuration.session_lifetime),
        challenge_lifetime: span(configuration.challenge_lifetime),
        enrollment_lifetime: span(configuration.enrollment_lifetime),
        reset_lifetime: span(configuration.reset_lifetime),
        verification_lifetime: span(configuration.verification_lifetime),
        source: limited.then(SourcePolicy::default),
        mails_per_source: origin.mails_per_source.filter(|_| limited),
        ..origin
    }
}

pub(crate) fn site(configuration: &Configuration, public_url: Url) -> Site {
    Site {
        name: configuration.issuer.clone(),
        public_url,
        support_contact: configuration.support_contact.as_ref().map(contact),
        app_urls: configuration
            .app_urls
            .iter()
            .map(|app| app.url().clone())
            .collect(),
    }
}

fn contact(contact: &SupportContact) -> web::SupportContact {
    match contact {
        SupportContact::Mail(address) => web::SupportContact::Mail(address.clone()),
        SupportContact::Page(url) => web::SupportContact::Page(url.clone()),
    }
}

/// How mail leaves: over SMTP, or into a folder of the data directory.
pub(crate) fn post(configuration: &Configuration, public_url: String) -> Result<Post, Failure> {
    let transport = match &configuration.smtp_url {
        Some(url) => Transport::smtp(url.expose()),
        None => Transport::directory(mail_folder(&configuration.data_dir)),
    };
    let from = match &configuration.mail_from {
        Some(from) => from.clone(),
        None => local_sender()?,
    };
    Ok(Post {
        letterhead: Letterhead {
            from,
            support_contact: configuration
                .support_contact
                .as_ref()
                .map(ToString::to_string),
            public_url,
            service_name: configuration.issuer.clone(),
        },
        transport: transport.map_err(|error| Failure::because(&error))?,
    })
}

fn mail_folder(data_dir: &Path) -> std::path::PathBuf {
    data_dir.join("mail")
}

/// Mail that is only written into a folder needs no address of the operator's.
fn local_sender() -> Result<Mailbox, Failure> {
    "countersign@localhost"
        .parse()
        .map_err(|_| Failure::Failed("no sender for mail".to_owned()))
}
