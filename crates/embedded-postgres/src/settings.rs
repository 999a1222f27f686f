//! What a caller decides about its server. Names of roles and databases are checked here,
//! once, so that they can stand in SQL, in `pg_ident.conf` and in a URL as they are.

use std::path::PathBuf;

use crate::error::Error;

/// The longest name that PostgreSQL keeps whole.
const NAME_LIMIT: usize = 63;

/// Who initialised the cluster. No role of a caller may take its name.
pub(crate) const SUPERUSER: &str = "postgres";

/// What [`crate::start`] needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Made if it is missing. Holds the cluster (`postgres/`), `postgres.log` and
    /// `postgres.lock`; other files in it are left alone.
    pub data_dir: PathBuf,
    /// The folder of `postgres` and `initdb` (what an operator sets as `PG_BIN`). `None`
    /// looks where packages put them, and then in `PATH`.
    pub bin_dir: Option<PathBuf>,
    /// Database users that this process may be. The first owns the database and may create
    /// roles; the others may log in and nothing else until somebody grants it.
    pub roles: Vec<String>,
    /// Made if it is missing, owned by the first role.
    pub database: String,
    /// What a power failure may cost.
    pub durability: Durability,
}

/// What a power failure may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was acknowledged.
    Durable,
    /// Everything: for tests alone. Faster, up to 300 connections, and the first role may
    /// also create databases.
    Disposable,
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.roles.is_empty() {
            return Err(Error::NoRole);
        }
        let names = self.roles.iter().chain([&self.database]);
        for name in names {
            if !is_plain(name) {
                return Err(Error::Name { name: name.clone() });
            }
        }
        Ok(())
    }

    pub(crate) fn owner(&self) -> &str {
        self.roles.first().map_or(SUPERUSER, String::as_str)
    }
}

fn is_plain(name: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let reserved = name.starts_with("pg_") || name == SUPERUSER;
    let continues_well = name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    starts_well && continues_well && !reserved && name.len() <= NAME_LIMIT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_need_quoting_anywhere_is_refused() {
        for good in ["countersign_owner", "_a", "a1"] {
            assert!(is_plain(good), "{good}");
        }
        let long = "a".repeat(NAME_LIMIT + 1);
        for bad in [
            "", "1a", "Owner", "a b", "a\"b", "a'b", "pg_x", "postgres", "ä", &long,
        ] {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}
