//! Who the server runs as. PostgreSQL refuses to be root, so root's server runs as another
//! user, who must be able to reach every folder on the way.

use std::{
    fs,
    os::unix::fs::{MetadataExt, lchown},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    error::{Error, io_error},
    tools,
};

/// An entry of the system's user database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Who calls and who serves.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) caller: User,
    pub(crate) server: User,
    setpriv: PathBuf,
}

impl Identity {
    /// The owner of an existing `cluster` stays its server's user. Without one it is the
    /// caller, or for root `postgres`, else `nobody`.
    pub(crate) fn resolve(cluster: &Path) -> Result<Self, Error> {
        let setpriv = tools::tool("setpriv", "util-linux")?;
        let uid = rustix::process::geteuid().as_raw();
        let owner = owner_of(cluster)?;
        let mut keys = vec![uid.to_string(), "postgres".to_owned(), "nobody".to_owned()];
        keys.extend(owner.map(|owner| owner.to_string()));
        let users = look_up(&keys)?;
        let by_id = |id: u32| users.iter().find(|user| user.uid == id).cloned();
        let by_name = |name: &str| users.iter().find(|user| user.name == name).cloned();

        let caller = by_id(uid).ok_or(Error::Nameless { uid })?;
        let preferred = if uid == 0 {
            by_name("postgres").or_else(|| by_name("nobody"))
        } else {
            Some(caller.clone())
        };
        let server = match owner {
            None => preferred.ok_or(Error::NoServerUser)?,
            Some(owner) if owner != 0 && (uid == 0 || owner == uid) => {
                by_id(owner).ok_or(Error::Nameless { uid: owner })?
            }
            Some(owner) => {
                return Err(Error::OtherOwner {
                    path: cluster.to_owned(),
                    owner: by_id(owner).map_or(owner.to_string(), |user| user.name),
                    user: preferred.ok_or(Error::NoServerUser)?.name,
                });
            }
        };
        Ok(Self {
            caller,
            server,
            setpriv,
        })
    }

    fn is_root(&self) -> bool {
        self.caller.uid == 0
    }

    /// A program that runs as the server's user, and that gets SIGINT when the *thread*
    /// that spawned it ends. It has a process group of its own, so that Ctrl-C reaches the
    /// application first.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = tools::bare(&self.setpriv);
        command.process_group(0).arg("--pdeathsig=INT");
        if self.is_root() {
            command
                .arg(format!("--reuid={}", self.server.uid))
                .arg(format!("--regid={}", self.server.gid))
                .arg("--clear-groups");
        }
        command.arg("--").arg(program);
        command
    }

    /// Makes what root has created the server's. Never follows a link.
    pub(crate) fn give(&self, path: &Path) -> Result<(), Error> {
        if !self.is_root() {
            return Ok(());
        }
        lchown(path, Some(self.server.uid), Some(self.server.gid))
            .map_err(io_error("change the owner of", path))
    }

    /// Whether the server's user gets into `folder`; if not, the error names the folder
    /// that keeps them out. The kernel is asked, since a mode alone does not tell.
    pub(crate) fn must_enter(&self, folder: &Path) -> Result<(), Error> {
        if !self.is_root() || self.can_enter(folder)? {
            return Ok(());
        }
        let mut way: Vec<&Path> = folder.ancestors().collect();
        way.reverse();
        for step in way {
            if !self.can_enter(step)? {
                return Err(Error::CannotEnter {
                    user: self.server.name.clone(),
                    folder: step.to_owned(),
                });
            }
        }
        Ok(())
    }

    fn can_enter(&self, folder: &Path) -> Result<bool, Error> {
        let test = tools::tool("test", "coreutils")?;
        let mut command = self.command(&test);
        command.arg("-x").arg(folder);
        Ok(tools::run(command, &test)?.status.success())
    }
}

fn owner_of(cluster: &Path) -> Result<Option<u32>, Error> {
    match fs::metadata(cluster) {
        Ok(metadata) => Ok(Some(metadata.uid())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("look at", cluster)(error)),
    }
}

/// `getent` and not /etc/passwd: the users of a directory service count for PostgreSQL too.
fn look_up(keys: &[String]) -> Result<Vec<User>, Error> {
    let getent = tools::tool("getent", "libc-bin")?;
    let mut command = tools::bare(&getent);
    command.arg("passwd").args(keys);
    let output = tools::run(command, &getent)?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(parse_entry).collect())
}

fn parse_entry(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(User { name, uid, gid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_the_user_database_is_read() {
        let line = "postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash";
        let expected = User {
            name: "postgres".to_owned(),
            uid: 101,
            gid: 104,
        };
        assert_eq!(parse_entry(line), Some(expected));
        assert_eq!(parse_entry("broken"), None);
    }
}
