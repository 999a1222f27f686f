//! The threads on which passwords are hashed. A hash holds a core for as long as everything else
//! that the service does takes a few dozen times over, so they give way to all of it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

/// Steps of niceness below the other threads.
const GIVES_WAY: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that end with their handle.
#[derive(Debug)]
pub(super) struct Workers(Sender<Job>);

impl Workers {
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..count {
            let queue = Arc::clone(&queue);
            Builder::new()
                .name("hashing".to_owned())
                .spawn(move || work(&queue))?;
        }
        Ok(Self(jobs))
    }

    pub(super) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let _ = self.0.send(Box::new(job));
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    // Of this thread alone, as Linux has it. A machine that forbids it hashes like everything else.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(GIVES_WAY);
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            // Whoever waits for it is told; the thread is needed still.
            Ok(job) => drop(catch_unwind(AssertUnwindSafe(job))),
            Err(_) => return,
        }
    }
}
