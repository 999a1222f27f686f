//! The program, on the machine's own clock.

use std::process::ExitCode;
use std::sync::Arc;

use service::SystemClock;

fn main() -> ExitCode {
    countersign::run(Arc::new(SystemClock))
}
