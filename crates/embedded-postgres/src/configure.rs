//! What the server is told: the files that are written anew at each start, and the settings
//! on its command line, which no file can change.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::{
    error::{Error, io_error},
    identity::Identity,
    settings::{Durability, SUPERUSER, Settings},
    socket::{Folder, PORT},
};

/// Whoever the kernel says is at the other end; what they may be stands in pg_ident.conf.
const HBA: &str = "local all all peer map=embedded\n";

const HEADER: &str = "# Written anew at each start. Use ALTER SYSTEM for settings of your own.\n";

/// For one small server beside an application on the same machine.
const DURABLE: &str = "\
max_connections = 100
shared_buffers = 64MB
effective_cache_size = 512MB
max_wal_size = 512MB
jit = off
";

const DISPOSABLE: &str = "\
max_connections = 300
shared_buffers = 64MB
autovacuum = off
jit = off
";

/// No statement, parameter or row ever reaches the log: an error's own text may quote a
/// value, so errors of sessions are not logged at all; the session is told.
const SILENT: [&str; 12] = [
    "logging_collector=off",
    "log_destination=stderr",
    "log_min_messages=log",
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
    "log_statement=none",
    "log_min_duration_statement=-1",
    "log_duration=off",
    "log_checkpoints=off",
    "log_parameter_max_length=0",
    "log_parameter_max_length_on_error=0",
    "log_timezone=UTC",
];

const FORGETFUL: [&str; 5] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
];

const LASTING: [&str; 2] = ["fsync=on", "full_page_writes=on"];

/// Writes the configuration of this start into the cluster.
pub(crate) fn write_files(
    cluster: &Path,
    settings: &Settings,
    identity: &Identity,
) -> Result<(), Error> {
    let tuning = match settings.durability {
        Durability::Durable => DURABLE,
        Durability::Disposable => DISPOSABLE,
    };
    let map = user_map(settings, identity);
    for (name, content) in [
        ("postgresql.conf", tuning),
        ("pg_hba.conf", HBA),
        ("pg_ident.conf", map.as_str()),
    ] {
        replace(&cluster.join(name), &format!("{HEADER}{content}"), identity)?;
    }
    Ok(())
}

/// The `-c` settings that hold whatever a file or ALTER SYSTEM says.
pub(crate) fn fixed(durability: Durability, socket: &Folder) -> Vec<String> {
    let lasting: &[&str] = match durability {
        Durability::Durable => &LASTING,
        Durability::Disposable => &FORGETFUL,
    };
    let own = [
        "listen_addresses=".to_owned(),
        format!("port={PORT}"),
        format!("unix_socket_directories={}", socket.path.display()),
        "unix_socket_permissions=0700".to_owned(),
    ];
    let named = SILENT
        .iter()
        .chain(lasting)
        .map(|&setting| setting.to_owned());
    own.into_iter().chain(named).collect()
}

/// The caller, the server's user and root may be every role. All three can read the data
/// files anyway, so this opens nothing; everybody else is refused.
fn user_map(settings: &Settings, identity: &Identity) -> String {
    let users = BTreeSet::from([
        identity.caller.name.as_str(),
        identity.server.name.as_str(),
        "root",
    ]);
    let roles = settings.roles.iter().map(String::as_str);
    let mut map = String::new();
    for role in roles.chain([SUPERUSER]) {
        for user in &users {
            let _ = writeln!(map, "embedded \"{user}\" \"{role}\"");
        }
    }
    map
}

/// By a new file and a rename: root writes here into a folder of another user, who must not
/// be able to lead the writing elsewhere by a link.
fn replace(path: &Path, content: &str, identity: &Identity) -> Result<(), Error> {
    let new = path.with_added_extension("new");
    let _ = fs::remove_file(&new);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(io_error("write", &new))?;
    identity.give(&new)?;
    fs::rename(&new, path).map_err(io_error("write", path))
}
