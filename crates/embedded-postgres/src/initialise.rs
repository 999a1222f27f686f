//! Makes a new cluster: beside its place, and then by one rename. A run that is killed on
//! the way leaves a folder that the next one throws away.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::Path,
};

use crate::{
    error::{Error, io_error},
    identity::Identity,
    layout::{Layout, make_folder},
    locate::Binaries,
    settings::{Durability, SUPERUSER},
    tools::{run, said},
};

pub(crate) fn make_cluster(
    layout: &Layout,
    binaries: &Binaries,
    identity: &Identity,
    durability: Durability,
) -> Result<(), Error> {
    let half_made = layout.half_made();
    match fs::remove_dir_all(&half_made) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(io_error("remove", &half_made)(error));
        }
        _ => {}
    }
    make_folder(&half_made, 0o700)?;
    identity.give(&half_made)?;
    tracing::info!(
        version = binaries.version,
        "making a new PostgreSQL cluster"
    );
    initdb(&half_made, binaries, identity, durability)?;

    let cluster = layout.cluster();
    fs::rename(&half_made, &cluster).map_err(io_error("rename to", &cluster))?;
    File::open(&layout.root)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error("sync", &layout.root))
}

/// Works in the folder that it fills, so that the next run finds it there, should this one
/// be killed.
fn initdb(
    folder: &Path,
    binaries: &Binaries,
    identity: &Identity,
    durability: Durability,
) -> Result<(), Error> {
    let program = binaries.dir.join("initdb");
    let mut command = identity.command(&program);
    command
        .current_dir(folder)
        .arg("-D")
        .arg(folder)
        .arg(format!("--username={SUPERUSER}"))
        .args(["--auth=reject", "--encoding=UTF8", "--locale=C.UTF-8"])
        // The order of bytes, which no other version of the C library changes, and compares fastest.
        .arg("--lc-collate=C")
        .arg("--no-instructions")
        .arg(match durability {
            Durability::Durable => "--data-checksums",
            Durability::Disposable => "--no-sync",
        });
    let output = run(command, &program)?;
    if output.status.success() {
        return Ok(());
    }
    let _ = fs::remove_dir_all(folder);
    Err(Error::Initialise {
        path: folder.to_owned(),
        output: said(&output),
    })
}
