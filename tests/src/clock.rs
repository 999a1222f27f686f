//! The clock of all servers of a deployment.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Duration, Utc};
use service::{Clock, SystemClock};

#[derive(Debug)]
pub struct TurnableClock(PathBuf);

impl TurnableClock {
    pub(crate) fn new(folder: &Path) -> Self {
        let clock = Self(folder.join("clock"));
        clock.set_ahead(0);
        clock
    }

    pub(crate) fn file(&self) -> &Path {
        &self.0
    }

    pub fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + Duration::milliseconds(self.ahead())
    }

    /// Lets time pass, or turns it back.
    pub fn turn(&self, by: Duration) {
        self.set_ahead(self.ahead() + by.num_milliseconds());
    }

    /// To the first moment of the next TOTP step, with nearly all of it left.
    pub fn turn_to_next_step(&self) {
        let into_step = self.now().timestamp_millis().rem_euclid(30_000);
        self.turn(Duration::milliseconds(30_000 - into_step));
    }

    fn ahead(&self) -> i64 {
        std::fs::read_to_string(&self.0)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    /// By a rename, so that no server reads half of it.
    fn set_ahead(&self, milliseconds: i64) {
        let written = self.0.with_extension("new");
        std::fs::write(&written, milliseconds.to_string()).unwrap();
        std::fs::rename(written, &self.0).unwrap();
    }
}
