//! Where things are in a data directory, and what state its cluster is in.

use std::{
    fs::{self, DirBuilder, Permissions},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, io_error},
    locate::major_of,
};

/// The server's user must pass through on the way to the cluster; nobody needs to look.
const PASSABLE: u32 = 0o711;

/// The paths of one data directory, all absolute.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
}

impl Layout {
    /// Makes the directory and what is missing above it, with a mode that the umask has no
    /// say in.
    pub(crate) fn prepare(data_dir: &Path) -> Result<Self, Error> {
        let wanted = std::path::absolute(data_dir).map_err(io_error("find", data_dir))?;
        let mut missing: Vec<&Path> = wanted.ancestors().take_while(|dir| !dir.exists()).collect();
        missing.reverse();
        for dir in missing {
            match DirBuilder::new().mode(PASSABLE).create(dir) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(io_error("make the folder", dir)(error));
                }
                // Another run may make it at the same moment: the lock decides between them.
                _ => allow(dir, PASSABLE)?,
            }
        }
        let root = fs::canonicalize(&wanted).map_err(io_error("open the folder", &wanted))?;
        open_if_fresh(&root)?;
        Ok(Self { root })
    }

    pub(crate) fn cluster(&self) -> PathBuf {
        self.root.join("postgres")
    }

    /// Where initdb works. It becomes the cluster by being renamed, or never.
    pub(crate) fn half_made(&self) -> PathBuf {
        self.root.join("postgres.new")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    /// The major version of the cluster; `None` before there is one.
    pub(crate) fn cluster_major(&self) -> Result<Option<u32>, Error> {
        let path = self.cluster();
        let mut entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("read", path)(error)),
        };
        if entries.next().is_none() {
            return Ok(None);
        }
        let version = fs::read_to_string(path.join("PG_VERSION")).unwrap_or_default();
        match major_of(&version) {
            Some(major) => Ok(Some(major)),
            None => Err(Error::NotACluster { path }),
        }
    }
}

/// Makes the data directory, for a caller who keeps something of their own in it before the first
/// [`crate::start`].
pub fn make_data_dir(data_dir: &Path) -> Result<(), Error> {
    Layout::prepare(data_dir).map(drop)
}

/// A folder that somebody made for us, such as with `mktemp -d`, is as good as one that we made. One
/// with anything in it is not ours to open.
fn open_if_fresh(root: &Path) -> Result<(), Error> {
    let ours =
        fs::metadata(root).is_ok_and(|found| found.uid() == rustix::process::geteuid().as_raw());
    let empty = fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_none());
    if ours && empty {
        allow(root, PASSABLE)
    } else {
        Ok(())
    }
}

/// A folder that was not there before.
pub(crate) fn make_folder(path: &Path, mode: u32) -> Result<(), Error> {
    DirBuilder::new()
        .mode(mode)
        .create(path)
        .map_err(io_error("make the folder", path))?;
    allow(path, mode)
}

fn allow(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(io_error("set the mode of", path))
}
