//! The layers around every route, also around paths and methods that do not exist.

mod cross_site;
mod guards;
mod headers;
mod observe;
mod problems;
mod request_id;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

pub use guards::{BODY_LIMIT, is_too_long};
pub use problems::{Asked, Render};
pub use request_id::RequestId;

use crate::problem::Problem;
use crate::settings::Edge;
use cross_site::refuse_cross_site;
use guards::{limit_body, limit_time, panicked};
use headers::secure_headers;
use observe::Observed;
pub(crate) use observe::route;
pub(crate) use problems::chain;
use request_id::{assign_request_id, tell_request_id};

/// Puts the layers of a public listener around a router.
pub fn surround(router: Router, edge: &Edge, render: Render) -> Router {
    router.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state((edge.clone(), render), answer_observed))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn_with_state(edge.clone(), guard)),
    )
}

/// The same for the operators' listener: no browser comes there, and probes fill no log.
pub fn surround_internal(router: Router, edge: &Edge, render: Render) -> Router {
    let guard = |request: Request, next: Next| limit_time(next.run(request));
    router.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state((edge.clone(), render), answer))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn(guard)),
    )
}

type Around = (Edge, Render);

/// What every answer has, whatever became of the request: an id, problems told, safe headers.
async fn answer(State(around): State<Around>, mut request: Request, next: Next) -> Response {
    let id = assign_request_id(&mut request, &around.0);
    let response = rendered(&around, &id, request, next).await;
    complete(response, &id, &around.0)
}

async fn answer_observed(
    State(around): State<Around>,
    mut request: Request,
    next: Next,
) -> Response {
    let edge = &around.0;
    let id = assign_request_id(&mut request, edge);
    let observed = Observed::begin(&request, edge);
    let response = rendered(&around, &id, request, next).await;
    observed.answered(&response, &id, edge);
    complete(response, &id, edge)
}

async fn rendered((_, render): &Around, id: &str, request: Request, next: Next) -> Response {
    let asked = Asked::of(&request, id);
    render.problem_of(next.run(request).await, &asked)
}

fn complete(mut response: Response, id: &str, edge: &Edge) -> Response {
    secure_headers(&mut response, edge);
    tell_request_id(&mut response, id);
    response
}

/// What every request is held to before a handler sees it.
async fn guard(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    match admitted(request, &edge) {
        Ok(request) => limit_time(next.run(request)).await,
        Err(problem) => problem.into_response(),
    }
}

fn admitted(request: Request, edge: &Edge) -> Result<Request, Problem> {
    let request = limit_body(request)?;
    refuse_cross_site(&request, edge)?;
    Ok(request)
}
