//! Evidence: what somebody who writes to the database can and cannot do, that secrets are where
//! they belong, that history verifies by other means than ours, and what the command line says.
pub(crate) mod canary;
mod chain;
pub(crate) mod command_line;
mod commands_audit;
mod commands_database;
mod commands_people;
mod erasure;
mod events_forged;
mod files;
mod flags_flipped;
mod grants;
mod key_rotation;
mod master_key;
mod projections;
mod rebuild;
mod rows_forged;
mod rows_put_back;
mod sequences;
pub(crate) mod source;
mod story;
pub(crate) mod support;
mod upcasting;
