//! The layers around every route, also around paths and methods that do not exist.

mod cross_site;
mod guards;
mod headers;
mod observe;
mod problems;
mod request_id;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

pub use guards::{BODY_LIMIT, is_too_long};
pub use problems::{Asked, Render};
pub use request_id::RequestId;

use crate::problem::Problem;
use crate::settings::Edge;
use cross_site::refuse_cross_site;
use guards::{catch_panic, limit_body, limit_time};
use headers::secure_headers;
use observe::Observed;
pub(crate) use observe::route;
pub(crate) use problems::chain;
use request_id::{assign_request_id, tell_request_id};

/// Puts what every request meets around a public listener's router. One layer: each of them boxes
/// the answer that it waits for.
pub fn surround(router: Router, edge: &Edge, render: Render) -> Router {
    router.layer(from_fn_with_state((edge.clone(), render), answer_observed))
}

/// The same for the operators' listener: no browser comes there, and probes fill no log.
pub fn surround_internal(router: Router, edge: &Edge, render: Render) -> Router {
    router.layer(from_fn_with_state((edge.clone(), render), answer))
}

type Around = (Edge, Render);

/// What every answer has, whatever became of the request: an id, problems told, safe headers.
async fn answer(State(around): State<Around>, mut request: Request, next: Next) -> Response {
    let id = assign_request_id(&mut request, &around.0);
    let asked = Asked::of(&request, &id);
    let response = catch_panic(limit_time(next.run(request))).await;
    complete(around.1.problem_of(response, &asked), &id, &around.0)
}

async fn answer_observed(
    State((edge, render)): State<Around>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = assign_request_id(&mut request, &edge);
    let asked = Asked::of(&request, &id);
    let observed = Observed::begin(&request, &edge);
    let response = catch_panic(admit(request, &edge, next)).await;
    let response = render.problem_of(response, &asked);
    observed.answered(&response, &id, &edge);
    complete(response, &id, &edge)
}

fn complete(mut response: Response, id: &str, edge: &Edge) -> Response {
    secure_headers(&mut response, edge);
    tell_request_id(&mut response, id);
    response
}

async fn admit(request: Request, edge: &Edge, next: Next) -> Response {
    match admitted(request, edge) {
        Ok(request) => limit_time(next.run(request)).await,
        Err(problem) => problem.into_response(),
    }
}

/// What every request is held to before a handler sees it.
fn admitted(request: Request, edge: &Edge) -> Result<Request, Problem> {
    let request = limit_body(request)?;
    refuse_cross_site(&request, edge)?;
    Ok(request)
}
