//! One run per data directory, and how others find that run.
//!
//! `postgres.lock` is locked from before anything is touched until the postmaster has ended.
//! The operating system gives the lock back when its holder dies, so a stale one does not
//! exist. The file's text says who holds it and, once the server is ready, where it listens.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{ErrorKind, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use rustix::fs::OFlags;

use crate::{
    error::{Error, io_error},
    layout::Layout,
    server::{Address, Joined},
    tools::pause,
};

const NAME: &str = "postgres.lock";

/// A `join` holds the lock, shared, for as long as it takes to see that it could: an
/// exclusive attempt that meets one tries again this often before it believes it.
const TRIES: u32 = 50;

/// How long, and how often, `join` looks whether a server that is starting is ready.
const JOIN_BEAT: Duration = Duration::from_millis(20);
const JOIN_PATIENCE: Duration = Duration::from_mins(1);

/// Held by the run that owns the data directory. Dropping it gives the directory free.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    pub(crate) fn take(layout: &Layout) -> Result<Self, Error> {
        let path = layout.root.join(NAME);
        let mut file = open(OpenOptions::new().write(true).create(true), &path)
            .map_err(io_error("open", &path))?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => {
                    let lock = Self { file, path };
                    lock.write(&format!("{}\n", process::id()))?;
                    return Ok(lock);
                }
                Err(TryLockError::WouldBlock) => pause(),
                Err(TryLockError::Error(error)) => return Err(io_error("lock", path)(error)),
            }
        }
        let holder = Note::read(&mut file).map_err(io_error("read", &path))?;
        Err(Error::InUse {
            path: layout.root.clone(),
            pid: holder.pid,
        })
    }

    /// From here on others can join.
    pub(crate) fn publish(&self, address: &Address) -> Result<(), Error> {
        let (socket, database) = (address.socket.display(), &address.database);
        self.write(&format!("{}\n{socket}\n{database}\n", process::id()))
    }

    /// In one write, so that nobody reads half a text.
    fn write(&self, text: &str) -> Result<(), Error> {
        let mut file = &self.file;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(io_error("write", &self.path))
    }
}

/// The server that somebody else's [`crate::start`] runs on `data_dir` right now, for
/// commands beside it. Waits up to a minute for one that is still starting.
pub async fn join(data_dir: &Path) -> Result<Option<Joined>, Error> {
    let path = data_dir.join(NAME);
    let mut waited = Duration::ZERO;
    while waited < JOIN_PATIENCE {
        let mut file = match open(&mut OpenOptions::new(), &path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("open", path)(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(io_error("lock", path)(error)),
        }
        let note = Note::read(&mut file).map_err(io_error("read", &path))?;
        if let Some(address) = note.address {
            return Ok(Some(Joined { address }));
        }
        tokio::time::sleep(JOIN_BEAT).await;
        waited += JOIN_BEAT;
    }
    Err(Error::StillStarting {
        path: data_dir.to_owned(),
    })
}

/// Readable by its owner alone: who can open a file can also hold a lock on it.
fn open(options: &mut OpenOptions, path: &Path) -> std::io::Result<File> {
    let no_link = OFlags::NOFOLLOW.bits().cast_signed();
    options
        .read(true)
        .mode(0o600)
        .custom_flags(no_link)
        .open(path)
}

/// What the lock file says.
struct Note {
    pid: Option<u32>,
    address: Option<Address>,
}

impl Note {
    fn read(file: &mut File) -> std::io::Result<Self> {
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let mut lines = text.lines();
        let pid = lines.next().and_then(|line| line.parse().ok());
        let address = lines
            .next()
            .zip(lines.next())
            .map(|(socket, database)| Address {
                socket: PathBuf::from(socket),
                database: database.to_owned(),
            });
        Ok(Self { pid, address })
    }
}
