//! The layers around every route, also around paths and methods that do not exist.

mod cross_site;
mod guards;
mod headers;
mod observe;
mod problems;
mod request_id;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

pub use guards::{BODY_LIMIT, is_too_long};
pub use problems::{Asked, Render};
pub use request_id::RequestId;

use crate::settings::Edge;
use cross_site::refuse_cross_site;
use guards::{limit_body, limit_time, panicked};
use headers::secure_headers;
use observe::observe;
pub(crate) use observe::route;
pub(crate) use problems::chain;
use problems::render_problems;
use request_id::assign_request_id;

/// Puts the layers of a public listener around a router, the outermost first.
pub fn surround(router: Router, edge: &Edge, render: Render) -> Router {
    router.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state(edge.clone(), assign_request_id))
            .layer(from_fn_with_state(edge.clone(), secure_headers))
            .layer(from_fn_with_state(edge.clone(), observe))
            .layer(from_fn_with_state(render, render_problems))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn(limit_time))
            .layer(from_fn(limit_body))
            .layer(from_fn_with_state(edge.clone(), refuse_cross_site)),
    )
}

/// The same for the operators' listener: no browser comes there, and probes fill no log.
pub fn surround_internal(router: Router, edge: &Edge, render: Render) -> Router {
    router.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state(edge.clone(), assign_request_id))
            .layer(from_fn_with_state(edge.clone(), secure_headers))
            .layer(from_fn_with_state(render, render_problems))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn(limit_time)),
    )
}
