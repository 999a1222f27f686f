//! Proofs that history is whole: checkpoints, inclusion, consistency and tiles, checked with
//! nothing but what an auditor is given.

mod auditing;
mod checkpoint;
mod exported;
mod kept;
mod on_record;
mod proven;
mod refused;
mod rotated;
mod tiles;
