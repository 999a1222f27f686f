//! The layers around every route, also around paths and methods that do not exist. They are
//! public so that pages can stand behind the same ones.

mod cross_site;
mod guards;
mod headers;
mod observe;
mod problems;
mod request_id;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

pub use cross_site::refuse_cross_site;
pub(crate) use guards::BODY_LIMIT;
pub use guards::{limit_body, limit_time, panicked};
pub use headers::secure_headers;
pub use observe::observe;
pub use problems::render_problems;
pub use request_id::{RequestId, assign_request_id};

use crate::edge::Edge;

pub(crate) use observe::NO_ROUTE;

/// Puts the layers of a public listener around a router, the outermost first.
pub fn surround(router: Router, edge: &Edge) -> Router {
    router.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state(edge.clone(), assign_request_id))
            .layer(from_fn_with_state(edge.clone(), secure_headers))
            .layer(from_fn_with_state(edge.clone(), observe))
            .layer(from_fn(render_problems))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn(limit_time))
            .layer(from_fn(limit_body))
            .layer(from_fn_with_state(edge.clone(), refuse_cross_site)),
    )
}

/// The same for the operators' listener: no browser comes there, and probes fill no log.
pub(crate) fn surround_internal(router: Router, edge: &Edge) -> Router {
    router.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state(edge.clone(), assign_request_id))
            .layer(from_fn_with_state(edge.clone(), secure_headers))
            .layer(from_fn(render_problems))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn(limit_time)),
    )
}
