//! The log: the one order of all events, the Merkle tree over it, and its signed checkpoints.

mod grow;
mod head;
mod proofs;
mod publication;

pub(crate) use self::proofs::to_hash;
pub(crate) use grow::{Growth, grow, signed_head};
pub use head::LogHead;
pub use publication::record_publication;
