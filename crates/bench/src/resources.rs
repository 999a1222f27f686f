//! What the server takes: memory, time to start, and room on the disk.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use credentials::HashingSettings;
use tempfile::TempDir;

use crate::Outcome;
use crate::table::Table;
use crate::world::{World, program};

const ROUNDS: usize = 3;
/// In MiB.
const IDLE: f64 = 40.0;
const UNDER_LOAD: f64 = 60.0;
const BINARY: f64 = 15.0;
/// In milliseconds, beyond what PostgreSQL takes.
const STARTED_WITHIN: f64 = 300.0;
const MADE_WITHIN: f64 = 1000.0;

pub(crate) async fn idle(world: &World, table: &mut Table) -> Outcome<()> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    let resident = world.resident_memory()?;
    table.bound("memory of the idle server", "MiB", &[resident], IDLE);
    Ok(())
}

/// The most that was used, after everything that hashes.
pub(crate) fn under_load(world: &World, table: &mut Table) -> Outcome<()> {
    let HashingSettings {
        memory_kib,
        permits,
        ..
    } = HashingSettings::default();
    let permits = f64::from(u32::try_from(permits)?);
    let most = IDLE + permits * f64::from(memory_kib) / 1024.0 + UNDER_LOAD;
    let used = world.server_memory()?;
    table.bound("memory of the server under load", "MiB", &[used], most);
    Ok(())
}

pub(crate) async fn starts(table: &mut Table) -> Outcome<()> {
    let (mut existing, mut new) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let world = World::start().await?;
        let ours = milliseconds(world.ready_at() - began);
        let folder = world.stop_and_keep().await?;
        let cluster = folder.path().join("data/postgres");
        let (made, started) = (initdb(&cluster)?, postgres(&cluster)?);
        new.push(ours - made - started);

        let began = Instant::now();
        let world = World::start_in(folder).await?;
        existing.push(milliseconds(world.ready_at() - began) - started);
        world.stop().await?;
    }
    let name = "start beyond PostgreSQL's own";
    table.bound(name, "ms", &existing, STARTED_WITHIN);
    let name = "first start beyond initdb and PostgreSQL's";
    table.bound(name, "ms", &new, MADE_WITHIN);
    Ok(())
}

pub(crate) fn binary(table: &mut Table) -> Outcome<()> {
    let bytes = std::fs::metadata(program()?)?.len();
    let mebibytes = f64::from(u32::try_from(bytes >> 10)?) / 1024.0;
    table.bound("the binary", "MiB", &[mebibytes], BINARY);
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What fills a new folder beside `cluster`, with the same options.
fn initdb(cluster: &Path) -> Outcome<f64> {
    let place = owned_folder(cluster)?;
    let folder = place.path().join("postgres");
    let began = Instant::now();
    let made = as_owner(cluster, "initdb")?
        .arg("-D")
        .arg(&folder)
        .args(["--auth=reject", "--encoding=UTF8", "--locale=C.UTF-8"])
        .args(["--lc-collate=C", "--no-instructions", "--data-checksums"])
        .stdout(Stdio::null())
        .status()?;
    let took = milliseconds(began.elapsed());
    made.success()
        .then_some(took)
        .ok_or_else(|| "initdb failed".into())
}

/// From its start until it says that it is ready.
fn postgres(cluster: &Path) -> Outcome<f64> {
    let sockets = owned_folder(cluster)?;
    let began = Instant::now();
    let mut server = as_owner(cluster, "postgres")?
        .arg("-D")
        .arg(cluster)
        .args(["-c", "listen_addresses="])
        .arg("-k")
        .arg(sockets.path())
        .stderr(Stdio::null())
        .spawn()?;
    let ready = until_ready(&cluster.join("postmaster.pid"), began);
    end(&mut server)?;
    ready
}

/// Of whoever owns the cluster.
fn owned_folder(cluster: &Path) -> Outcome<TempDir> {
    let (folder, owner) = (tempfile::tempdir()?, std::fs::metadata(cluster)?);
    chown(folder.path(), Some(owner.uid()), Some(owner.gid()))?;
    Ok(folder)
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing else runs while PostgreSQL starts"
)]
fn until_ready(state: &Path, began: Instant) -> Outcome<f64> {
    while began.elapsed() < Duration::from_secs(30) {
        let told = std::fs::read_to_string(state).unwrap_or_default();
        if told.lines().any(|line| line.trim() == "ready") {
            return Ok(milliseconds(began.elapsed()));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err("PostgreSQL was not ready within half a minute".into())
}

fn end(server: &mut Child) -> Outcome<()> {
    let pid = rustix::process::Pid::from_child(server);
    rustix::process::kill_process(pid, rustix::process::Signal::INT)?;
    server.wait()?;
    Ok(())
}

/// One of PostgreSQL's programs, as the user whose cluster it is: it refuses to be root.
fn as_owner(cluster: &Path, name: &str) -> Outcome<Command> {
    let owner = std::fs::metadata(cluster)?;
    let told = Command::new("pg_config").arg("--bindir").output()?;
    let folder = PathBuf::from(String::from_utf8(told.stdout)?.trim());
    let mut command = Command::new(folder.join(name));
    command.current_dir("/");
    if rustix::process::geteuid().is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    Ok(command)
}
