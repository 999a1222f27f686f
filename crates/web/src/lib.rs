//! The pages: what the API offers, for people. Rendered here, on the same use cases; no rule about
//! accounts is decided in this crate.
//!
//! Read in this order: `routes.rs`, one page such as `visitors/sign_in.rs` with its template, then
//! `visit.rs` (who looks), `posted.rs` (forms that come back) and `frame.rs` (what every page has).

mod address;
mod assets;
mod destination;
mod errors;
mod faults;
mod frame;
mod instead;
mod language;
mod owners;
mod posted;
mod presence;
mod return_to;
mod routes;
mod site;
mod staff;
mod violations;
mod visit;
mod visitors;
mod wording;

pub use routes::router;
pub use site::{Site, SupportContact};
