//! The layers of `edge`, with failures told as RFC 9457 documents.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use edge::Edge;
use edge::layers::{self, Asked, Render};
use edge::problem::Problem;

use crate::problem_document::ProblemDocument;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

pub(crate) fn surround(router: Router, edge: &Edge) -> Router {
    layers::surround(router, edge, Render::new(document))
}

pub(crate) fn surround_internal(router: Router, edge: &Edge) -> Router {
    layers::surround_internal(router, edge, Render::new(document))
}

fn document(mut response: Response, problem: &Problem, asked: &Asked) -> Response {
    let document = ProblemDocument::new(problem, asked.request_id.clone());
    let body = serde_json::to_vec(&document).unwrap_or_default();
    *response.body_mut() = Body::from(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
    response
}

#[cfg(test)]
mod tests;
