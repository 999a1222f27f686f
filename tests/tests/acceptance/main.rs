//! Acceptance tests: everything that a user can do, over HTTP, against real servers and a real
//! PostgreSQL. Run by `scripts/test`, which brings the database along.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod browser;
mod evidence;
mod log;
mod pages;
mod promises;
mod races;
mod requirements;
mod restore;
mod surface;
mod tampering;
mod throttles;
