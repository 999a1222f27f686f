//! Finds the machine's own PostgreSQL. Several versions may be installed side by side: the
//! one that made the cluster wins, else the newest.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    error::Error,
    identity::Identity,
    tools::{run, said},
};

/// The oldest major version that the schema and the configuration are made for.
const OLDEST: u32 = 15;

/// Where Debian's packages put one folder per major version.
const PACKAGES: &str = "/usr/lib/postgresql";

/// The programs of one installation.
#[derive(Debug)]
pub(crate) struct Binaries {
    pub(crate) dir: PathBuf,
    /// As the server tells it, such as `15.18`.
    pub(crate) version: String,
}

/// `named` alone counts where it is given. `cluster` is the path and the major version of
/// the data that must be served.
pub(crate) fn binaries(
    named: Option<&Path>,
    cluster: Option<(&Path, u32)>,
    identity: &Identity,
) -> Result<Binaries, Error> {
    let own = cluster.map(|(_, major)| major);
    let search_path = env::var_os("PATH").unwrap_or_default();
    let folders = match named {
        Some(dir) => vec![std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned())],
        None => usual_folders(Path::new(PACKAGES), &search_path, own),
    };
    let mut found = Vec::new();
    for dir in folders.into_iter().filter(|dir| has_server(dir)) {
        let version = version_in(&dir, identity)?;
        let major = major_of(&version).unwrap_or(0);
        if major >= OLDEST && own.is_none_or(|own| own == major) {
            return Ok(Binaries { dir, version });
        }
        found.push((major, version));
    }
    Err(why_none(named, cluster, &found))
}

fn why_none(named: Option<&Path>, cluster: Option<(&Path, u32)>, found: &[(u32, String)]) -> Error {
    let versions: Vec<&str> = found.iter().map(|(_, version)| version.as_str()).collect();
    let versions = versions.join(", ");
    if found.is_empty() {
        let searched = named.map_or_else(
            || format!("{PACKAGES} and PATH"),
            |dir| dir.display().to_string(),
        );
        return Error::Missing { searched };
    }
    match cluster {
        Some((path, major)) if found.iter().all(|(found, _)| *found != major) => {
            Error::OtherMajor {
                path: path.to_owned(),
                cluster: major,
                found: versions,
            }
        }
        _ => Error::TooOld { found: versions },
    }
}

fn usual_folders(packages: &Path, search_path: &OsStr, own: Option<u32>) -> Vec<PathBuf> {
    let mut installed: Vec<(u32, PathBuf)> = fs::read_dir(packages)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.parse().ok()?;
            Some((major, entry.path().join("bin")))
        })
        .collect();
    installed.sort_by_key(|(major, _)| std::cmp::Reverse((Some(*major) == own, *major)));
    let on_path = env::split_paths(search_path).filter(|dir| dir.is_absolute());
    installed
        .into_iter()
        .map(|(_, dir)| dir)
        .chain(on_path)
        .collect()
}

fn has_server(dir: &Path) -> bool {
    dir.join("postgres").is_file() && dir.join("initdb").is_file()
}

fn version_in(dir: &Path, identity: &Identity) -> Result<String, Error> {
    identity.must_enter(dir)?;
    let program = dir.join("postgres");
    let mut command = identity.command(&program);
    command.arg("--version");
    let output = run(command, &program)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = parse_version(&text).filter(|_| output.status.success());
    version.ok_or_else(|| Error::Broken {
        reason: said(&output),
        program,
    })
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is `15.18`.
fn parse_version(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("(PostgreSQL)")?;
    let version = rest.split_whitespace().next()?;
    major_of(version).map(|_| version.to_owned())
}

/// The leading digits: `15.18` is 15, and so are `15beta2` and the content of PG_VERSION.
pub(crate) fn major_of(version: &str) -> Option<u32> {
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first_and_the_clusters_own_before_it() {
        let packages = tempfile::tempdir().unwrap();
        for name in ["9.6", "15", "17", "common"] {
            fs::create_dir(packages.path().join(name)).unwrap();
        }
        let order = |own| -> Vec<PathBuf> {
            usual_folders(packages.path(), OsStr::new("/opt/a:relative"), own)
        };
        let bin = |major: &str| packages.path().join(major).join("bin");
        let last = PathBuf::from("/opt/a");
        assert_eq!(order(None), [bin("17"), bin("15"), last.clone()]);
        assert_eq!(order(Some(15)), [bin("15"), bin("17"), last]);
    }

    #[test]
    fn a_version_is_read_from_what_the_server_says() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(parse_version(debian).as_deref(), Some("15.18"));
        assert_eq!(
            parse_version("postgres (PostgreSQL) 19beta1").as_deref(),
            Some("19beta1")
        );
        assert_eq!(parse_version("something else"), None);
        assert_eq!(major_of("19beta1"), Some(19));
        assert_eq!(major_of("15\n"), Some(15));
        assert_eq!(major_of(""), None);
    }
}
