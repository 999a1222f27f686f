//! Ends a server that a killed run has left behind.
//!
//! Every process of a cluster works in the cluster's folder, so `/proc/PID/cwd` tells which
//! are its own, by device and inode and whatever the folder is called now. The number in
//! `postmaster.pid` tells nothing after a crash: it may be anybody's by then.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    error::{Error, io_error},
    shutdown,
};

/// What runs in a cluster's folder as part of it. A shell of the operator does not.
const PROGRAMS: [&str; 2] = ["postgres", "initdb"];

#[derive(Debug, Clone, Copy)]
struct Process {
    pid: i32,
    parent: i32,
}

/// Ends every server process of `cluster` and clears what would keep a new one from
/// starting. Only for the holder of the data directory's lock.
pub(crate) fn stop(cluster: &Path) -> Result<(), Error> {
    let left = processes_in(cluster)?;
    if let Some(first) = left.first() {
        tracing::warn!(
            process.id = first.pid,
            "ending the PostgreSQL server that an earlier run has left behind"
        );
        let gone = || processes_in(cluster).map(|left| left.is_empty());
        if !shutdown::end(|signal| signal_all(cluster, signal), gone)? {
            return Err(Error::Undying {
                pid: first.pid.cast_unsigned(),
            });
        }
    }
    forget_reused_number(cluster)
}

/// Only what has no parent among them is told (the postmaster, which tells the rest), until
/// it comes to killing. A stopped process hears nothing before it continues.
fn signal_all(cluster: &Path, signal: Signal) {
    let all = processes_in(cluster).unwrap_or_default();
    let is_ours = |pid: i32| all.iter().any(|process| process.pid == pid);
    for process in &all {
        let told = signal == Signal::KILL || !is_ours(process.parent);
        if let Some(pid) = Pid::from_raw(process.pid).filter(|_| told) {
            let _ = kill_process(pid, signal);
            let _ = kill_process(pid, Signal::CONT);
        }
    }
}

fn processes_in(cluster: &Path) -> Result<Vec<Process>, Error> {
    let home = match fs::metadata(cluster) {
        Ok(metadata) => (metadata.dev(), metadata.ino()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error("look at", cluster)(error)),
    };
    let entries = fs::read_dir("/proc").map_err(io_error("read", "/proc"))?;
    Ok(entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| works_in(*pid, home))
        .filter_map(server_process)
        .collect())
}

/// A process that has ended meanwhile, or that is another user's, works nowhere.
fn works_in(pid: i32, home: (u64, u64)) -> bool {
    fs::metadata(proc_of(pid).join("cwd"))
        .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == home)
}

fn server_process(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(proc_of(pid).join("stat")).ok()?;
    let (program, parent) = parse_stat(&stat)?;
    PROGRAMS
        .contains(&program)
        .then_some(Process { pid, parent })
}

/// `4711 (postgres) S 1 …`: the name and the parent.
fn parse_stat(stat: &str) -> Option<(&str, i32)> {
    let (head, rest) = stat.rsplit_once(") ")?;
    let (_, program) = head.split_once('(')?;
    let parent = rest.split(' ').nth(1)?.parse().ok()?;
    Some((program, parent))
}

fn proc_of(pid: i32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

/// PostgreSQL refuses to start while the process in its pid file lives, also when the number
/// has long gone to somebody else. Its own interlock stays in every other case.
fn forget_reused_number(cluster: &Path) -> Result<(), Error> {
    let path = cluster.join("postmaster.pid");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let number: Option<i32> = text.lines().next().and_then(|line| line.parse().ok());
    if number.is_some_and(|pid| proc_of(pid.saturating_abs()).exists()) {
        fs::remove_file(&path).map_err(io_error("remove", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_a_bracket_in_its_name_does_not_confuse_the_reader() {
        assert_eq!(parse_stat("7 (a) b) S 42 7 7"), Some(("a) b", 42)));
        assert_eq!(parse_stat("7 (postgres) S 1 7 7"), Some(("postgres", 1)));
        assert_eq!(parse_stat("nonsense"), None);
    }

    #[test]
    fn a_shell_in_the_folder_of_the_cluster_is_no_server() {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = std::process::Command::new("/bin/sleep")
            .arg("60")
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        stop(folder.path()).unwrap();
        let alive = shell.try_wait().unwrap().is_none();
        shell.kill().unwrap();
        shell.wait().unwrap();
        assert!(alive);
    }
}
