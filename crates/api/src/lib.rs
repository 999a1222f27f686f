//! The JSON API over HTTP: what a request may say, who may make it, and how it is answered.
//! Whatever is decided about an account is decided below, in `service`.
//!
//! Read in this order: [`problem`], the extractors in `extract`, one area such as
//! `visitors/sign_in.rs`, then [`middleware`].

mod audit;
mod cookies;
mod credentials;
mod edge;
mod extract;
mod fields;
mod figures;
mod internal;
pub mod metrics;
pub mod middleware;
mod openapi;
mod owners;
pub mod problem;
mod problem_document;
mod routes;
mod source;
mod staff_record;
mod state;
mod support;
mod two_factor;
mod visitors;

pub use edge::{Edge, HttpSettings};
pub use internal::internal_router;
pub use metrics::Metrics;
pub use routes::{openapi, router};
