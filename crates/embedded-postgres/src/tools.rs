//! The few programs of the base system that are run by their full path, and running any
//! program to its end.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use crate::error::Error;

/// How often a state outside this process is looked at again.
const BEAT: Duration = Duration::from_millis(5);

/// Waits for one beat. Only for threads of our own: never call it on the runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "runs on the supervising thread, which no task shares"
)]
pub(crate) fn pause() {
    thread::sleep(BEAT);
}

/// The full path of a tool, from the system's folders first: what a caller has put into
/// PATH does not decide what runs as root.
pub(crate) fn tool(name: &'static str, package: &'static str) -> Result<PathBuf, Error> {
    let from_path = env::var_os("PATH").unwrap_or_default();
    ["/usr/bin", "/bin"]
        .into_iter()
        .map(PathBuf::from)
        .chain(env::split_paths(&from_path).filter(|dir| dir.is_absolute()))
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
        .ok_or(Error::ToolMissing { name, package })
}

/// A program with no arguments of a caller's environment: the locale of the operator breaks
/// initdb, and nothing else of theirs is the server's business. Where unpacked binaries
/// find their libraries is the exception.
pub(crate) fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("PATH", "/usr/bin:/bin")
        .current_dir("/")
        .stdin(Stdio::null());
    if let Some(libraries) = env::var_os("LD_LIBRARY_PATH") {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command
}

/// What a program wrote, as one line for an error text.
pub(crate) fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    last_lines(&String::from_utf8_lossy(&text), 6)
}

/// The last lines of a text that say anything, as one.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let mut lines: Vec<&str> = text
        .lines()
        .rev()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(count)
        .collect();
    if lines.is_empty() {
        return "nothing".to_owned();
    }
    lines.reverse();
    lines.join("; ")
}

/// Runs to the end; a program that does not even begin is [`Error::Broken`].
pub(crate) fn run(mut command: Command, program: &Path) -> Result<Output, Error> {
    command.output().map_err(|source: io::Error| Error::Broken {
        program: program.to_owned(),
        reason: source.to_string(),
    })
}
