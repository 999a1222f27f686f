//! The file with the master key: read only when nobody else can read it, made only where
//! there is none (ASVS-13.3.2).
//!
//! Whoever has this file and the database can read everything, and without it nobody can,
//! so it is neither overwritten nor left half written: where a key is added, the new file takes
//! the place of the old in one step.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use credentials::{MasterKeys, Random, RandomUnavailable};
use zeroize::Zeroizing;

/// Far above a file of many keys; a larger one is some other file.
const SIZE_MAX: u64 = 64 * 1024;

/// Entered by PostgreSQL's own user, whose data may lie in a folder of it.
const FOLDER_MODE: u32 = 0o711;
const OTHERS: u32 = 0o077;

/// Why there is no master key to work with.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// No such file.
    #[error(
        "there is no master key at {}: put the one of this database there, or, for a new database \
         only, make one with `countersign keys generate`", .path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The mode lets others in.
    #[error(
        "the master key {} can be read by others (mode {mode:04o}): run `chmod 600 {}`, and think \
         about who has read it", .path.display(), .path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Somebody else's file: they can read it, whatever its mode.
    #[error(
        "the master key {} belongs to another user: run `chown` to make it yours, and think about who \
         has read it", .path.display()
    )]
    OfAnother {
        /// The file.
        path: PathBuf,
    },
    /// Creating found a file.
    #[error(
        "{} exists and is not overwritten: without it nobody can read its database; choose \
         another --output", .path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else adds a key to it.
    #[error("the master key {} is being changed by another command", .path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The text is no key file.
    #[error("{} is not a master key file", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Which line, never what it holds.
        #[source]
        source: credentials::KeyFileError,
    },
    /// The operating system refused.
    #[error("the master key {} cannot be {action}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read`, `locked` or `written`.
        action: &'static str,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// No key can be made.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
}

/// Reads the master keys, unless somebody else can.
pub fn read(path: &Path) -> Result<MasterKeys, KeysError> {
    let failed = io_error(path, "read");
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => KeysError::Missing { path: path.into() },
        _ => failed(error),
    })?;
    let metadata = file.metadata().map_err(&failed)?;
    let mode = metadata.mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(KeysError::Exposed {
            path: path.into(),
            mode,
        });
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(KeysError::OfAnother { path: path.into() });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(SIZE_MAX)
        .read_to_string(&mut text)
        .map_err(&failed)?;
    MasterKeys::parse(&text).map_err(|source| KeysError::Malformed {
        path: path.into(),
        source,
    })
}

/// Makes a new master key in a new file with mode 0600, on disk when this returns.
pub fn generate(path: &Path, random: &dyn Random) -> Result<MasterKeys, KeysError> {
    let keys = MasterKeys::generate(random)?;
    let failed = io_error(path, "written");
    let folder = folder_of(path);
    if !folder.is_dir() {
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(folder)
            .map_err(&failed)?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let file = file.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => KeysError::Exists { path: path.into() },
        _ => failed(error),
    })?;
    if let Err(error) = fill(file, folder, &keys.to_file_text()) {
        // Half a key would stand in the way of the next try.
        let _ = std::fs::remove_file(path);
        return Err(failed(error));
    }
    Ok(keys)
}

/// Held while keys are added to a file: two of a kind would each lose the other's.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "open, it holds the lock")] File);

/// Locks the file's folder, which stays when the file is replaced.
pub(crate) fn lock(path: &Path) -> Result<Lock, KeysError> {
    let failed = io_error(path, "locked");
    let real = path.canonicalize().map_err(|error| match error.kind() {
        ErrorKind::NotFound => KeysError::Missing { path: path.into() },
        _ => failed(error),
    })?;
    let folder = File::open(folder_of(&real)).map_err(&failed)?;
    match folder.try_lock() {
        Ok(()) => Ok(Lock(folder)),
        Err(TryLockError::WouldBlock) => Err(KeysError::Busy { path: path.into() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Puts `keys` in place of the file's, on disk when this returns. At every moment the file is the
/// one or the other, whole.
pub(crate) fn replace(path: &Path, keys: &MasterKeys, _: &Lock) -> Result<(), KeysError> {
    let failed = io_error(path, "written");
    let real = path.canonicalize().map_err(&failed)?;
    let mut name = real.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let written = real.with_file_name(name);
    let write = || {
        // What an interrupted command has left.
        match std::fs::remove_file(&written) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let new = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&written)?;
        fill(new, folder_of(&real), &keys.to_file_text())?;
        std::fs::rename(&written, &real)?;
        File::open(folder_of(&real))?.sync_all()
    };
    write().map_err(|error| {
        let _ = std::fs::remove_file(&written);
        failed(error)
    })
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn fill(mut file: File, folder: &Path, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}

fn io_error(path: &Path, action: &'static str) -> impl Fn(io::Error) -> KeysError {
    move |source| KeysError::Io {
        path: path.into(),
        action,
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use credentials::SystemRandom;

    use super::*;

    fn new_key() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made").join("master.key");
        generate(&path, &SystemRandom).unwrap();
        (folder, path)
    }

    #[test]
    fn a_new_key_is_readable_by_its_owner_alone_and_reads_back() {
        let (_folder, path) = new_key();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let read_back = read(&path).unwrap().to_file_text();
        assert_eq!(*read_back, fs::read_to_string(&path).unwrap());
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let (_folder, path) = new_key();
        let before = fs::read(&path).unwrap();
        let error = generate(&path, &SystemRandom).unwrap_err();
        assert!(matches!(error, KeysError::Exists { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_key_file_is_replaced_whole_also_where_an_interrupted_command_left_a_part() {
        let (_folder, path) = new_key();
        let keys = read(&path).unwrap().with_standby(&SystemRandom).unwrap();
        fs::write(path.with_file_name("master.key.new"), "1 half").unwrap();
        let link = path.with_file_name("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let lock = lock(&link).unwrap();
        replace(&link, &keys, &lock).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(*read(&path).unwrap().to_file_text(), *keys.to_file_text());
        assert!(!path.with_file_name("master.key.new").exists());
        // Where it cannot be written, what was there stays.
        let folder = path.parent().unwrap();
        fs::create_dir(folder.join("master.key.new")).unwrap();
        assert!(replace(&path, &keys.promoted(), &lock).is_err());
        assert!(read(&path).unwrap().standby().is_some());
    }

    #[test]
    fn two_commands_do_not_add_keys_at_once() {
        let (_folder, path) = new_key();
        let held = lock(&path).unwrap();
        assert!(matches!(lock(&path), Err(KeysError::Busy { .. })));
        drop(held);
        lock(&path).unwrap();
    }

    /// ASVS-13.3.2.
    #[test]
    fn key_file_mode_check() {
        let (_folder, path) = new_key();
        for mode in [0o640, 0o604, 0o620, 0o666, 0o610] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let message = read(&path).unwrap_err().to_string();
            let advice = format!("chmod 600 {}", path.display());
            assert!(message.contains(&advice), "{message}");
            assert!(message.contains(&format!("{mode:04o}")), "{message}");
        }
        for mode in [0o600, 0o400] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            read(&path).unwrap();
        }
    }

    #[test]
    fn a_missing_key_names_the_command_that_makes_one() {
        let message = read(Path::new("/nowhere/master.key"))
            .unwrap_err()
            .to_string();
        assert!(message.contains("/nowhere/master.key"), "{message}");
        assert!(message.contains("countersign keys generate"), "{message}");
    }

    #[test]
    fn a_damaged_key_names_the_line_and_not_what_it_holds() {
        let (_folder, path) = new_key();
        fs::write(&path, "1 S3CRETS3CRET\n").unwrap();
        let error = read(&path).unwrap_err();
        let text = format!("{error}: {}", error.source().unwrap());
        assert!(text.contains("line 1"), "{text}");
        assert!(!text.contains("S3CRET"), "{text}");
    }
}
