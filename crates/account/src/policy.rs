//! The numbers that decisions follow, as one value. The default is the origin profile: the flow
//! of the product exactly. A stricter profile is another value of these types.

use chrono::Duration;

use crate::throttle::{BackoffPolicy, SourcePolicy, WindowPolicy};

#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub session_lifetime: Duration,
    pub session_idle: Duration,
    /// The oldest session ends when one more begins (ASVS 7.1.2).
    pub sessions_per_account: usize,
    pub challenge_lifetime: Duration,
    /// Pending challenges per account; the oldest makes room.
    pub challenges_per_account: usize,
    /// Wrong codes that end a challenge.
    pub attempts_per_challenge: u32,
    pub enrollment_lifetime: Duration,
    pub reset_lifetime: Duration,
    /// Reset links per account; the oldest makes room.
    pub resets_per_account: usize,
    pub verification_lifetime: Duration,
    pub unblock_lifetime: Duration,
    /// Wrong passwords from browsers that are not known, one budget per address.
    pub strangers: BackoffPolicy,
    /// Wrong codes at sign-in, one budget per account (RFC 4226, section 7.3).
    pub codes: BackoffPolicy,
    /// Wrong codes for an enrollment that is not confirmed; never touches `codes`.
    pub enrollment_codes: BackoffPolicy,
    /// Wrong current passwords in one session.
    pub current_password: WindowPolicy,
    /// Wrong passwords from one known device.
    pub device: WindowPolicy,
    /// A device with this many wrong passwords in all is known no longer.
    pub device_failures: u32,
    /// `None` where the operator limits sources in front of the service.
    pub source: Option<SourcePolicy>,
    pub mails_per_address: [WindowPolicy; 2],
    /// `None` where the operator limits sources in front of the service.
    pub mails_per_source: Option<WindowPolicy>,
}

impl Default for Policy {
    fn default() -> Self {
        let hundred_failures = BackoffPolicy {
            free: 5,
            first_wait: Duration::seconds(30),
            longest_wait: Duration::hours(24),
            closed_at: Some(100),
        };
        Self {
            session_lifetime: Duration::days(14),
            session_idle: Duration::hours(24),
            sessions_per_account: 10,
            challenge_lifetime: Duration::minutes(5),
            challenges_per_account: 40,
            attempts_per_challenge: 5,
            enrollment_lifetime: Duration::minutes(15),
            reset_lifetime: Duration::minutes(30),
            resets_per_account: 10,
            verification_lifetime: Duration::hours(24),
            // They open nothing, so they may live long enough to be found in the morning.
            unblock_lifetime: Duration::hours(24),
            strangers: hundred_failures,
            codes: hundred_failures,
            enrollment_codes: BackoffPolicy {
                free: 10,
                first_wait: Duration::seconds(30),
                longest_wait: Duration::minutes(5),
                closed_at: None,
            },
            current_password: WindowPolicy {
                limit: 10,
                window: Duration::hours(1),
            },
            device: WindowPolicy {
                limit: 10,
                window: Duration::hours(1),
            },
            device_failures: 100,
            source: Some(SourcePolicy::default()),
            mails_per_address: [
                WindowPolicy {
                    limit: 3,
                    window: Duration::hours(1),
                },
                WindowPolicy {
                    limit: 10,
                    window: Duration::days(1),
                },
            ],
            mails_per_source: Some(WindowPolicy {
                limit: 20,
                window: Duration::hours(1),
            }),
        }
    }
}
