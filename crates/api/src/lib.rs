//! The JSON API over HTTP: what a request may say, who may make it, and how it is answered.
//! Whatever is decided about an account is decided below, in `service`.
//!
//! Read in this order: the extractors in `extract`, one area such as `visitors/sign_in.rs`, then
//! `problem_document.rs`. What stands around the calls is in [`edge`].

mod audit;
mod extract;
mod fields;
mod figures;
mod internal;
mod layers;
mod openapi;
mod owners;
mod problem_document;
mod routes;
mod state;
mod support;
mod two_factor;
mod visitors;

pub use internal::internal_router;
pub use routes::{openapi, router};
