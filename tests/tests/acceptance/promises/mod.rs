//! The promises of the product to its users: the life of two-factor, what must never happen, and
//! the contract of every call that visitors and owners can make.
pub(crate) mod browser;
mod code;
mod device_known;
mod enrollment;
mod life_of_two_factor;
mod never_after_its_end;
mod never_mistaken;
mod never_twice;
mod notices;
mod owners;
mod password;
mod password_rules;
mod protected;
mod registration;
mod reset;
mod sessions;
mod shape;
mod sign_in;
mod unblock;
