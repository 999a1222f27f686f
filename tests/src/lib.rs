//! What acceptance tests are written with: real servers on a real PostgreSQL, callers as types, a
//! clock that can be turned, and programs that are not ours to check ours against.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::return_self_not_must_use,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on fails"
)]

mod caller;
pub mod chromium;
mod clock;
mod deployment;
mod follower;
mod forgery;
mod mailbox;
mod options;
pub mod oracle;
mod person;
mod server;
mod terminal;
mod tour;

pub use caller::{Answer, Caller};
pub use chromium::Chromium;
pub use clock::TurnableClock;
pub use deployment::Deployment;
pub use follower::Follower;
pub use forgery::forged;
pub use mailbox::Mail;
pub use options::Options;
pub use person::{Authenticator, Person};
pub use server::ServerProcess;
pub use tour::Tour;

/// Long enough for every rule, in no list.
pub const PASSWORD: &str = "violet harbour tuning 41";
pub const OTHER_PASSWORD: &str = "seventeen quiet lanterns";
