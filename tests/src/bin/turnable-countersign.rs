//! The program on a clock that tests can turn: all of it is the product's, but for the clock.
//!
//! `COUNTERSIGN_TEST_CLOCK` names a file that holds by how many milliseconds the clock is ahead;
//! it is read at each look at the clock, so that many processes are turned at once.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use service::{Clock, SystemClock};

#[derive(Debug)]
struct FileClock(Option<PathBuf>);

impl Clock for FileClock {
    fn now(&self) -> DateTime<Utc> {
        let text = self
            .0
            .as_ref()
            .and_then(|path| std::fs::read_to_string(path).ok());
        let ahead = text
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or_default();
        SystemClock.now() + Duration::milliseconds(ahead)
    }
}

fn main() -> ExitCode {
    let path = std::env::var_os("COUNTERSIGN_TEST_CLOCK").map(PathBuf::from);
    countersign::run(Arc::new(FileClock(path)))
}
