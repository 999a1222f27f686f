//! Where the server listens: a short, fixed, private folder in the system's temporary one.
//!
//! A socket's path may have 107 bytes, so it cannot live in the data directory; `TMPDIR` may
//! be long or closed to the server's user, so it does not count either. Everybody can make
//! folders in /tmp: one that somebody else has made is refused.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, io_error},
    identity::Identity,
    layout::make_folder,
};

const PARENT: &str = "/tmp";
const PRIVATE: u32 = 0o700;

/// In the name of the socket file. No TCP port is opened.
pub(crate) const PORT: u16 = 5432;

/// A folder that holds the socket of one data directory. Dropped when no server uses it any
/// more, it removes itself; what a killed run leaves is cleared by the next start.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
}

impl Folder {
    /// Makes the folder, or clears what an earlier run has left in it. Only for the holder
    /// of the data directory's lock, when no server runs there.
    pub(crate) fn prepare(root: &Path, identity: &Identity) -> Result<Self, Error> {
        let name = format!(
            "embedded-postgres-{}-{:016x}",
            identity.server.uid,
            fingerprint(root)
        );
        let path = Path::new(PARENT).join(name);
        if fs::symlink_metadata(&path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            make_folder(&path, PRIVATE)?;
            identity.give(&path)?;
        }
        check(&path, identity)?;
        let folder = Self { path };
        folder.clear();
        Ok(folder)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path.join(format!(".s.PGSQL.{PORT}"))
    }

    fn clear(&self) {
        let socket = self.socket();
        let _ = fs::remove_file(socket.with_added_extension("lock"));
        let _ = fs::remove_file(socket);
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.clear();
        let _ = fs::remove_dir(&self.path);
    }
}

fn check(path: &Path, identity: &Identity) -> Result<(), Error> {
    let metadata = fs::symlink_metadata(path).map_err(io_error("look at", path))?;
    let reason = if !metadata.is_dir() {
        "it is no folder".to_owned()
    } else if metadata.uid() != identity.server.uid {
        format!("it belongs to user id {}", metadata.uid())
    } else if metadata.mode() & 0o777 != PRIVATE {
        format!("its mode is {:o} instead of 700", metadata.mode() & 0o777)
    } else {
        return Ok(());
    };
    Err(Error::SocketFolder {
        path: path.to_owned(),
        reason,
    })
}

/// FNV-1a: short, the same in every version, and no secret.
fn fingerprint(root: &Path) -> u64 {
    root.as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_the_published_fnv_1a() {
        assert_eq!(fingerprint(Path::new("foobar")), 0x8594_4171_f739_67e8);
    }
}
