//! Pages that need no session: signing in, registering, and the mailed links.

mod ask;
mod choose_password;
pub(crate) mod code;
pub(crate) mod register;
pub(crate) mod reset;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod unblock;
