//! What anybody can check with nothing but public data: the hash of an event, the Merkle tree over
//! all events (RFC 6962), its signed checkpoints (C2SP), and the bundles that are exported.
//!
//! No database, no clock and no secret is known here, so that an auditor's machine runs the very
//! code that the service runs. The formats are specified in `docs/log-format.md`.
//!
//! Read in this order: [`event`], [`tree`], [`checkpoint`], [`bundle`].

pub mod bundle;
pub mod checkpoint;
pub mod event;
pub mod tree;

/// SHA-256, of an event, a leaf, a node or a root.
pub type Hash = [u8; 32];
