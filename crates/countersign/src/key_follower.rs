//! Servers take up what changes in the key file without a restart.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use credentials::{KeySource, Keyring, KeysLost, MasterKeys};
use sqlx::PgPool;
use store::check_keys;

use crate::keys;

/// How often the file is looked at. A key id that is met and not known is looked for at once.
const POLL: Duration = Duration::from_secs(1);
/// How long after a change every server of this machine has taken it up.
pub(crate) const TAKEN_UP: Duration = Duration::from_secs(3);

/// A key file, as a running server follows it.
pub(crate) struct KeyFile {
    path: PathBuf,
    seen: Mutex<Option<Stamp>>,
}

/// What differs whenever the file was written, replaced, taken away or opened to others.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp(Option<[i64; 6]>);

impl Stamp {
    fn of(path: &Path) -> Self {
        let metadata = std::fs::metadata(path).ok();
        Self(metadata.map(|file| {
            [
                file.ino().cast_signed(),
                file.size().cast_signed(),
                file.mtime(),
                file.mtime_nsec(),
                file.ctime(),
                file.ctime_nsec(),
            ]
        }))
    }
}

impl KeyFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            seen: Mutex::default(),
        }
    }
}

impl KeySource for KeyFile {
    /// The stamp is taken first: what is written while the file is read is read at the next look.
    fn changed(&self) -> Option<MasterKeys> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Stamp::of(&self.path);
        if seen.replace(now) == Some(now) {
            return None;
        }
        keys::read(&self.path)
            .inspect_err(|error| {
                tracing::error!(
                    key.file = %self.path.display(),
                    error = error as &dyn std::error::Error,
                    "the key file cannot be used: the keys read before stay in use"
                );
            })
            .ok()
    }

    fn refused(&self, why: KeysLost) {
        tracing::error!(
            key.file = %self.path.display(),
            error = &why as &dyn std::error::Error,
            "the key file is not taken up: the keys read before stay in use"
        );
    }
}

/// Takes up what changes, for as long as it runs. A new key is written with once the database knows
/// it for the one of its id.
pub(crate) async fn follow(keyring: Arc<Keyring>, pool: PgPool) {
    let mut told = String::new();
    loop {
        tokio::time::sleep(POLL).await;
        keyring.reload();
        let newest = keyring.newest();
        if newest <= keyring.current() {
            continue;
        }
        match check_keys(&pool, &keyring).await {
            Ok(()) => {
                keyring.write_with_newest();
                tracing::info!(key.id = newest.0, "a new master key is in use");
            }
            Err(error) if error.to_string() != told => {
                told = error.to_string();
                tracing::error!(
                    key.id = newest.0,
                    error = &error as &dyn std::error::Error,
                    "a new master key is not taken into use"
                );
            }
            Err(_) => {}
        }
    }
}

/// The same for a log with keys of its own. Nothing is made under them but signatures, and the key
/// before signs too: servers may take a new one up one after the other.
pub(crate) async fn follow_log(keyring: Arc<Keyring>) {
    loop {
        tokio::time::sleep(POLL).await;
        keyring.reload();
        let newest = keyring.newest();
        if newest > keyring.current() {
            keyring.write_with_newest();
            tracing::info!(key.id = newest.0, "a new key of the log is in use");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use credentials::SystemRandom;

    use super::*;

    #[test]
    fn a_file_is_read_when_it_has_changed_and_one_that_cannot_be_used_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let first = keys::generate(&path, &SystemRandom).unwrap();
        let keyring = Keyring::following(&first, Box::new(KeyFile::new(path.clone())));
        let newest = || {
            keyring.reload();
            keyring.newest().0
        };
        let rotated = first.with_standby(&SystemRandom).unwrap();
        keys::replace(&path, &rotated, &keys::lock(&path).unwrap()).unwrap();
        assert_eq!(newest(), 1);
        let text = rotated.promoted().to_file_text();
        for damaged in [&text.as_bytes()[..text.len() - 20], b"", b"2 nonsense\n"] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(newest(), 1);
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(newest(), 1);
        fs::write(&path, text.as_bytes()).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(newest(), 1);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(newest(), 2);
        // Without its first line with a key: nothing that was written under it could be read.
        let shorter = text.lines().filter(|line| !line.starts_with("1 "));
        fs::write(&path, shorter.collect::<Vec<_>>().join("\n")).unwrap();
        keyring.reload();
        assert_eq!(keyring.key_ids().len(), 2);
    }
}
