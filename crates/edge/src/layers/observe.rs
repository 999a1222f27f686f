//! One log line and one measurement a request. The route is a template: neither the path nor the
//! query is ever logged, since they may hold tokens.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Extensions, Method};
use axum::middleware::Next;
use axum::response::Response;

use super::RequestId;
use crate::problem;
use crate::settings::Edge;

const NO_ROUTE: &str = "(no route)";

pub(super) async fn observe(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = known_method(request.method());
    let route = route(request.extensions());
    let request_id = match request.extensions().get::<RequestId>() {
        Some(RequestId(id)) => id.clone(),
        None => String::new(),
    };
    let in_flight = edge.metrics().begin();
    let response = next.run(request).await;
    drop(in_flight);

    let latency = started.elapsed();
    let status = response.status().as_u16();
    edge.metrics().answered(method, &route, status, latency);
    let code = problem::of(&response).map(|problem| problem.code().name());
    tracing::info!(
        request.id = request_id,
        http.method = method,
        http.route = route,
        http.status = status,
        http.latency_ms = latency.as_secs_f64() * 1000.0,
        problem.code = code,
        "request answered"
    );
    response
}

/// As the description of the API has it. A path that only the catch-all takes is no route.
pub(crate) fn route(extensions: &Extensions) -> String {
    match extensions.get::<MatchedPath>() {
        Some(path) if !path.as_str().ends_with("/{*rest}") => path.as_str().replace("{*", "{"),
        _ => NO_ROUTE.to_owned(),
    }
}

/// Anybody can invent methods; labels must not grow with them.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
