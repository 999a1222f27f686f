//! What must hold when many things happen at once, and when processes die in the middle of them.
mod asked_together;
mod budget;
pub(crate) mod crash;
pub(crate) mod crowd;
mod ended;
mod erasure;
mod hang_up;
pub(crate) mod load;
mod mail_crash;
mod mail_server;
mod once_codes;
mod once_links;
mod pressure;
mod sequencer;
mod serving;
mod used_up;
