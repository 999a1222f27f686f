//! How a server is ended: politely first, and in any case.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::tools::pause;

/// A fast shutdown cuts connections and writes everything out; an immediate one leaves the
/// rest to the next start's recovery, as does a kill. No step loses what was acknowledged.
pub(crate) const LADDER: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(30)),
    (Signal::QUIT, Duration::from_secs(5)),
    (Signal::KILL, Duration::from_secs(5)),
];

/// Climbs the ladder until `gone`; whether it was gone in the end.
pub(crate) fn end<E>(
    mut send: impl FnMut(Signal),
    mut gone: impl FnMut() -> Result<bool, E>,
) -> Result<bool, E> {
    for (signal, patience) in LADDER {
        send(signal);
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if gone()? {
                return Ok(true);
            }
            pause();
        }
    }
    Ok(false)
}
