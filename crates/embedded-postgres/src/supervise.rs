//! One thread per server, from the first look at the data directory to the server's end.
//!
//! The kernel tells a child that its parent has died when the *thread* that spawned it ends,
//! and the threads of a runtime's pool end when they like. So one thread of our own spawns
//! the server, waits for it, and holds the lock until it is gone.

use std::{path::PathBuf, thread};

use tokio::sync::{oneshot, watch};

use crate::{
    configure,
    error::{Error, io_error},
    identity::Identity,
    initialise,
    launch::Postmaster,
    layout::Layout,
    locate::{self, Binaries},
    lock::Lock,
    orphan, provision,
    server::{Address, Server},
    settings::Settings,
    socket::Folder,
};

type Answer = oneshot::Sender<Result<Server, Error>>;

/// Starts the server of a data directory, making the cluster, the roles and the database
/// that are not there yet, and ending a server that a killed run has left behind. Returns
/// when the database answers. A second start on one directory is [`Error::InUse`] and
/// leaves the first alone. Dropping the future gives the start up.
pub async fn start(settings: Settings) -> Result<Server, Error> {
    settings.check()?;
    let (answer, started) = oneshot::channel();
    thread::Builder::new()
        .name("postgres".to_owned())
        .spawn(move || supervise(&settings, answer))
        .map_err(io_error("start a thread for", PathBuf::from("postgres")))?;
    started.await.unwrap_or(Err(Error::Abandoned))
}

/// All that stands before the server does. The lock is given back last.
pub(crate) struct Prepared {
    pub(crate) layout: Layout,
    pub(crate) identity: Identity,
    pub(crate) binaries: Binaries,
    pub(crate) socket: Folder,
    lock: Lock,
}

fn supervise(settings: &Settings, answer: Answer) {
    let (run, postmaster) = match bring_up(settings, &answer) {
        Ok(up) => up,
        Err(error) => {
            let _ = answer.send(Err(error));
            return;
        }
    };
    let (tell, ended) = watch::channel(false);
    let server = Server {
        handle: postmaster.handle.clone(),
        ended,
        address: address(&run, settings),
        version: run.binaries.version.clone(),
    };
    // A caller who has gone drops the server, which ends it.
    let _ = answer.send(Ok(server));
    postmaster.wait();
    drop(run);
    let _ = tell.send(true);
}

fn bring_up(settings: &Settings, answer: &Answer) -> Result<(Prepared, Postmaster), Error> {
    let run = prepare(settings)?;
    let mut postmaster = Postmaster::spawn(&run, settings.durability)?;
    let mut session = postmaster.wait_until_ready(&run.socket.socket(), || answer.is_closed())?;
    let done = provision::set_up(&mut session, settings)
        .and_then(|()| run.lock.publish(&address(&run, settings)));
    if let Err(error) = done {
        postmaster.end()?;
        return Err(error);
    }
    tracing::info!(
        version = run.binaries.version,
        process.id = postmaster.handle.pid(),
        "PostgreSQL is ready"
    );
    Ok((run, postmaster))
}

fn prepare(settings: &Settings) -> Result<Prepared, Error> {
    let layout = Layout::prepare(&settings.data_dir)?;
    let cluster = layout.cluster();
    let identity = Identity::resolve(&cluster)?;
    let lock = Lock::take(&layout)?;
    identity.must_enter(&layout.root)?;
    let major = layout.cluster_major()?;
    let of_cluster = major.map(|major| (cluster.as_path(), major));
    let binaries = locate::binaries(settings.bin_dir.as_deref(), of_cluster, &identity)?;
    orphan::stop(&cluster)?;
    orphan::stop(&layout.half_made())?;
    if major.is_none() {
        initialise::make_cluster(&layout, &binaries, &identity, settings.durability)?;
    }
    let socket = Folder::prepare(&layout.root, &identity)?;
    configure::write_files(&cluster, settings, &identity)?;
    Ok(Prepared {
        layout,
        identity,
        binaries,
        socket,
        lock,
    })
}

fn address(run: &Prepared, settings: &Settings) -> Address {
    Address {
        socket: run.socket.path.clone(),
        database: settings.database.clone(),
    }
}
