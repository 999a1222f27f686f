//! Makes the roles and the database that the settings name and that are not there yet. The
//! names are plain (see `settings`), so they need no quoting.

use crate::{
    error::Error,
    settings::{Durability, Settings},
    wire::Session,
};

pub(crate) fn set_up(session: &mut Session, settings: &Settings) -> Result<(), Error> {
    let there = session.query("SELECT rolname FROM pg_roles")?;
    let missing = settings.roles.iter().filter(|role| !there.contains(role));
    for role in missing {
        let rights = rights(role, settings);
        session.query(&format!("CREATE ROLE {role} LOGIN {rights}"))?;
    }
    let there = session.query("SELECT datname FROM pg_database")?;
    if !there.contains(&settings.database) {
        let (database, owner) = (&settings.database, settings.owner());
        session.query(&format!("CREATE DATABASE {database} OWNER {owner}"))?;
    }
    Ok(())
}

fn rights(role: &str, settings: &Settings) -> &'static str {
    match settings.durability {
        _ if role != settings.owner() => "",
        Durability::Durable => "CREATEROLE",
        Durability::Disposable => "CREATEROLE CREATEDB",
    }
}
