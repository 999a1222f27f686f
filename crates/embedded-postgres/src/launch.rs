//! Starts the postmaster and waits until it serves.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Child, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustix::{
    fs::OFlags,
    io::retry_on_intr,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid},
};

use crate::{
    configure,
    error::{Error, io_error},
    settings::{Durability, SUPERUSER},
    shutdown,
    supervise::Prepared,
    tools::{last_lines, pause},
    wire::{Failure, Session},
};

/// A log that has grown beyond this is begun anew at the next start.
const LOG_LIMIT: u64 = 10 << 20;

/// How long a server may leave its socket unopened. Recovery, which may take long, answers.
const PATIENCE: Duration = Duration::from_mins(1);

/// Sends signals to the postmaster, and to nobody who has its number later.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    pid: Pid,
    alive: Arc<Mutex<bool>>,
}

impl Handle {
    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        if *alive && let Err(error) = kill_process(self.pid, signal) {
            tracing::error!(process.id = self.pid(), %error, "could not signal PostgreSQL");
        }
    }
}

/// A child of the thread that made it: it must live as long as the server shall.
#[derive(Debug)]
pub(crate) struct Postmaster {
    child: Child,
    pub(crate) handle: Handle,
    log: PathBuf,
    log_begin: u64,
}

impl Postmaster {
    pub(crate) fn spawn(run: &Prepared, durability: Durability) -> Result<Self, Error> {
        let log = run.layout.log();
        let (sink, log_begin) = open_log(&log)?;
        let stdout = sink.try_clone().map_err(io_error("open", &log))?;
        let cluster = run.layout.cluster();
        let program = run.binaries.dir.join("postgres");
        let mut command = run.identity.command(&program);
        command
            .current_dir(&cluster)
            .arg("-D")
            .arg(&cluster)
            .stdout(stdout)
            .stderr(sink);
        for setting in configure::fixed(durability, &run.socket) {
            command.arg("-c").arg(setting);
        }
        let broken = |reason: String| Error::Broken {
            program: program.clone(),
            reason,
        };
        let child = command.spawn().map_err(|error| broken(error.to_string()))?;
        let pid = Pid::from_child(&child);
        Ok(Self {
            child,
            handle: Handle {
                pid,
                alive: Arc::new(Mutex::new(true)),
            },
            log,
            log_begin,
        })
    }

    /// A superuser's session, as soon as the server grants one. However it fails, the server
    /// has ended afterwards.
    pub(crate) fn wait_until_ready(
        &mut self,
        socket: &Path,
        abandoned: impl Fn() -> bool,
    ) -> Result<Session, Error> {
        let mut heard = Instant::now();
        while heard.elapsed() < PATIENCE {
            if let Some(status) = self.ended()? {
                return Err(self.why_ended(status));
            }
            if abandoned() {
                self.end()?;
                return Err(Error::Abandoned);
            }
            match Session::open(socket, SUPERUSER, SUPERUSER) {
                Ok(session) => return Ok(session),
                Err(failure) if failure.is_not_yet() => heard = Instant::now(),
                Err(failure) if failure.is_nobody() => {}
                Err(failure @ Failure::Refused { .. }) => {
                    self.end()?;
                    return Err(failure.into());
                }
                Err(Failure::Io(error)) => tracing::debug!(%error, "PostgreSQL is not ready"),
            }
            pause();
        }
        self.end()?;
        Err(Error::Silent {
            log: self.log.clone(),
        })
    }

    /// Ends the server and waits until it has ended.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        let handle = self.handle.clone();
        let gone = || self.ended().map(|status| status.is_some());
        if shutdown::end(|signal| handle.signal(signal), gone)? {
            return Ok(());
        }
        Err(Error::Undying { pid: handle.pid() })
    }

    /// Blocks until the server has ended by itself or by a signal. The number is given up
    /// only after nobody can signal it any more.
    pub(crate) fn wait(mut self) {
        let pid = WaitId::Pid(self.handle.pid);
        let _ =
            retry_on_intr(|| waitid(pid.clone(), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
        self.forget_number();
        let status = self.child.wait();
        tracing::info!(
            status = status.map_or_else(|error| error.to_string(), |status| status.to_string()),
            "PostgreSQL has ended"
        );
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        let status = self
            .child
            .try_wait()
            .map_err(io_error("wait for the server of", &self.log))?;
        if status.is_some() {
            self.forget_number();
        }
        Ok(status)
    }

    fn forget_number(&self) {
        let alive = &self.handle.alive;
        *alive.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }

    fn why_ended(&self, status: ExitStatus) -> Error {
        let said = tail(&self.log, self.log_begin).unwrap_or_default();
        Error::Launch {
            status: status.to_string(),
            said: last_lines(&said, 5),
            log: self.log.clone(),
        }
    }
}

/// The log, and where this start's part of it begins.
fn open_log(path: &Path) -> Result<(File, u64), Error> {
    let open = || -> std::io::Result<(File, u64)> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)?;
        if file.metadata()?.len() > LOG_LIMIT {
            file.set_len(0)?;
        }
        let begin = file.metadata()?.len();
        Ok((file, begin))
    };
    open().map_err(io_error("open", path))
}

fn tail(log: &Path, begin: u64) -> std::io::Result<String> {
    let mut file = fs::File::open(log)?;
    file.seek(SeekFrom::Start(begin))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}
