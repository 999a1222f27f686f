//! Pages of a signed-in account about itself.

pub(crate) mod home;
pub(crate) mod password;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod two_factor;
