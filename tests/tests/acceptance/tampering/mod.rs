//! History changed by a hostile administrator of the database: `audit verify` finds it, and names
//! where and what. Nothing is found where nobody did anything.
mod bundles;
mod columns;
mod deletions;
mod forger;
mod insertions;
mod kept;
mod life;
mod log;
mod openings;
mod order;
mod read_models;
mod rewrites;
mod unreadable;
mod untouched;
mod upgrade;
pub(crate) mod world;
