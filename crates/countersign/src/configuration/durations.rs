//! Humane durations (`30m`, `14d`), always with an upper bound: a lifetime without one is
//! a credential that never dies, and overflows when it is added to a time.

use std::time::Duration;

pub(crate) const MINUTE: Duration = Duration::from_mins(1);
pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);

pub(crate) fn at_most(text: &str, most: Duration) -> Result<Duration, String> {
    let bound = in_words(most);
    let duration = humantime::parse_duration(text).map_err(|_| {
        format!("not a duration; write for instance 30m, 24h or 14d (at most {bound})")
    })?;
    if duration.is_zero() {
        return Err("must be longer than nothing; write for instance 30m".to_owned());
    }
    if duration > most {
        return Err(format!("too long; at most {bound}"));
    }
    Ok(duration)
}

/// As people write it; for bounds, which are a minute or whole hours.
fn in_words(duration: Duration) -> String {
    match duration.as_secs() / 3600 {
        0 => format!("{}m", duration.as_secs() / 60),
        hours @ 1..=24 => format!("{hours}h"),
        hours => format!("{}d", hours / 24),
    }
}
