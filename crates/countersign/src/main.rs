//! The program, on the machine's own clock.

use std::process::ExitCode;
use std::sync::Arc;

use mimalloc::MiMalloc;
use service::SystemClock;

/// A request makes some hundred small allocations, and a core's worth of threads makes them at once.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    countersign::run_here(Arc::new(SystemClock))
}
