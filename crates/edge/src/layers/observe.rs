//! One log line and one measurement a request. The route is a template: neither the path nor the
//! query is ever logged, since they may hold tokens.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::response::Response;

use crate::metrics::InFlight;
use crate::problem;
use crate::settings::Edge;

const NO_ROUTE: &str = "(no route)";

/// A request that is being answered.
pub(super) struct Observed {
    started: Instant,
    method: &'static str,
    route: String,
    in_flight: InFlight,
}

impl Observed {
    pub(super) fn begin(request: &Request, edge: &Edge) -> Self {
        Self {
            started: Instant::now(),
            method: known_method(request.method()),
            route: route(request.extensions().get()),
            in_flight: edge.metrics().begin(),
        }
    }

    pub(super) fn answered(self, response: &Response, request_id: &str, edge: &Edge) {
        let (method, route, latency) = (self.method, self.route, self.started.elapsed());
        drop(self.in_flight);
        let status = response.status().as_u16();
        edge.metrics().answered(method, &route, status, latency);
        let code = problem::of(response).map(|problem| problem.code().name());
        tracing::info!(
            request.id = request_id,
            http.method = method,
            http.route = route,
            http.status = status,
            http.latency_ms = latency.as_secs_f64() * 1000.0,
            problem.code = code,
            "request answered"
        );
    }
}

/// As the description of the API has it. A path that only the catch-all takes is no route.
pub(crate) fn route(matched: Option<&MatchedPath>) -> String {
    match matched {
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
