//! Throttles as small state machines: a value, what happened, the time, and a policy in; the next
//! value and perhaps a wait out. Attempts that are refused are not evaluated and not counted.
//!
//! ```text
//! Backoff   free ──failure ×5──▶ waiting 30 s ──failure──▶ 60 s ──▶ … ──▶ 24 h ──100th──▶ closed
//!            ▲                        │ (the wait passes: the next attempt is evaluated)
//!            └────────success─────────┘
//! Window    open ──failure ×N within T──▶ refused until T has passed since the first ──▶ open
//! Source    open ──20 a minute, 100 an hour──▶ refused until that window ends
//!                ──failures at more than 20 addresses an hour──▶ refused for an hour
//! ```
//!
//! Why these numbers: five free tries forgive a person; the tenth comes after 16 minutes and the
//! hundredth after 84 days, so that a stranger has about one guess a day and account (NIST SP
//! 800-63B-4, section 3.2.2, allows 100 in all). The cap of 24 hours, not one, is what makes it so.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// Until when attempts are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    Until(DateTime<Utc>),
    /// Until somebody lifts it: a reset or an unlock by support.
    Closed,
}

impl Wait {
    /// What a client is told: closed waits look like the longest one.
    pub fn remaining(self, now: DateTime<Utc>, longest: Duration) -> Duration {
        match self {
            Self::Until(end) => end - now,
            Self::Closed => longest,
        }
    }

    const fn is_over(self, now: &DateTime<Utc>) -> bool {
        match self {
            Self::Until(end) => end.timestamp_micros() <= now.timestamp_micros(),
            Self::Closed => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffPolicy {
    /// Failures before the first wait.
    pub free: u32,
    /// Doubles with each further failure.
    pub first_wait: Duration,
    pub longest_wait: Duration,
    /// Consecutive failures at which attempts are refused for good.
    pub closed_at: Option<u32>,
}

impl BackoffPolicy {
    fn wait_after(&self, failures: u32, now: DateTime<Utc>) -> Option<Wait> {
        if self.closed_at.is_some_and(|limit| failures >= limit) {
            return Some(Wait::Closed);
        }
        let doublings = failures.checked_sub(self.free)?.min(30);
        let wait = self.first_wait * (1 << doublings);
        Some(Wait::Until(now + wait.min(self.longest_wait)))
    }
}

/// Consecutive failures with a growing wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    pub failures: u32,
    pub wait: Option<Wait>,
}

impl Backoff {
    pub fn refusal(&self, now: DateTime<Utc>) -> Option<Wait> {
        self.wait.filter(|wait| !wait.is_over(&now))
    }

    /// The next value, whose `wait` is the one that this failure starts, if any.
    #[must_use]
    pub fn after_failure(&self, now: DateTime<Utc>, policy: &BackoffPolicy) -> Self {
        let failures = self.failures.saturating_add(1);
        Self {
            failures,
            wait: policy.wait_after(failures, now),
        }
    }

    /// Lets the next attempt through without forgetting the failures before it.
    #[must_use]
    pub const fn lifted(&self) -> Self {
        Self {
            failures: self.failures,
            wait: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowPolicy {
    pub limit: u32,
    pub window: Duration,
}

/// At most so many within a window that opens with the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub count: u32,
    pub opened_at: Option<DateTime<Utc>>,
}

impl Window {
    /// The end of the window that is open.
    fn end(&self, now: DateTime<Utc>, policy: WindowPolicy) -> Option<DateTime<Utc>> {
        let end = self.opened_at?.checked_add_signed(policy.window)?;
        (now < end).then_some(end)
    }

    pub fn refusal(&self, now: DateTime<Utc>, policy: WindowPolicy) -> Option<Wait> {
        let end = self.end(now, policy)?;
        (self.count >= policy.limit).then_some(Wait::Until(end))
    }

    #[must_use]
    pub fn counted(&self, now: DateTime<Utc>, policy: WindowPolicy) -> Self {
        match self.end(now, policy) {
            Some(_) => Self {
                count: self.count.saturating_add(1),
                opened_at: self.opened_at,
            },
            None => Self {
                count: 1,
                opened_at: Some(now),
            },
        }
    }
}

/// Wrong passwords from one known device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceFailures {
    pub window: Window,
    pub total: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourcePolicy {
    pub per_minute: WindowPolicy,
    pub per_hour: WindowPolicy,
    /// Distinct addresses with failures within the hour's window, above which strangers from this
    /// source are refused.
    pub addresses_per_hour: usize,
    pub spraying_wait: Duration,
}

impl Default for SourcePolicy {
    fn default() -> Self {
        Self {
            per_minute: WindowPolicy {
                limit: 20,
                window: Duration::minutes(1),
            },
            per_hour: WindowPolicy {
                limit: 100,
                window: Duration::hours(1),
            },
            addresses_per_hour: 20,
            spraying_wait: Duration::hours(1),
        }
    }
}

/// Failed sign-ins from one source (an IPv4 address or an IPv6 /64). Successes are not counted:
/// an office behind one address signs in all morning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFailures {
    pub minute: Window,
    pub hour: Window,
    /// Distinct addresses within the current hour's window, as short keyed hashes.
    pub addresses: Vec<u64>,
    pub spraying: Option<Wait>,
}

impl SourceFailures {
    pub fn refusal(&self, now: DateTime<Utc>, policy: &SourcePolicy) -> Option<Wait> {
        [
            self.minute.refusal(now, policy.per_minute),
            self.hour.refusal(now, policy.per_hour),
            self.spraying.filter(|wait| !wait.is_over(&now)),
        ]
        .into_iter()
        .flatten()
        .max()
    }

    #[must_use]
    pub fn after_failure(&self, address: u64, now: DateTime<Utc>, policy: &SourcePolicy) -> Self {
        let hour = self.hour.counted(now, policy.per_hour);
        let mut addresses = if hour.opened_at == self.hour.opened_at {
            self.addresses.clone()
        } else {
            Vec::new()
        };
        if !addresses.contains(&address) {
            addresses.push(address);
        }
        let limit = policy.addresses_per_hour;
        let begun = self.spraying.filter(|wait| !wait.is_over(&now));
        let spraying = begun
            .or_else(|| (addresses.len() > limit).then(|| Wait::Until(now + policy.spraying_wait)));
        addresses.truncate(limit + 1);
        Self {
            minute: self.minute.counted(now, policy.per_minute),
            hour,
            addresses,
            spraying,
        }
    }
}

#[cfg(test)]
mod tests;
