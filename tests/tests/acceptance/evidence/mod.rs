//! Evidence: what somebody who writes to the database can and cannot do, that secrets are where
//! they belong, that history verifies by other means than ours, and what the command line says.
mod canary;
mod chain;
mod command_line;
mod commands_database;
mod commands_people;
mod events_forged;
mod files;
mod flags_flipped;
mod grants;
mod master_key;
mod projections;
mod rebuild;
mod rows_forged;
mod rows_put_back;
mod sequences;
pub(crate) mod source;
mod story;
mod support;
mod upcasting;
