//! Bundles, good and damaged, before two verifiers: ours, and the script of the documentation, which
//! was written from the format alone. They must agree on each.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops where it fails"
)]

mod archives;
mod damage;
mod example;
mod flips;
mod forgery;
mod proofs_alone;
mod sample;
mod script;
mod size;
