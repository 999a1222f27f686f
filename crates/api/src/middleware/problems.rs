//! Writes the problem document of a failed request, and logs its cause, once.

use std::error::Error;
use std::fmt::Write as _;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::RequestId;
use crate::problem::Problem;
use crate::problem_document::ProblemDocument;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

pub async fn render_problems(request: Request, next: Next) -> Response {
    let request_id = match request.extensions().get::<RequestId>() {
        Some(RequestId(id)) => id.clone(),
        None => String::new(),
    };
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions().get::<Problem>() else {
        return response;
    };
    if let Some(cause) = problem.cause() {
        log_cause(problem, cause, &request_id);
    }
    let document = ProblemDocument::new(problem, request_id);
    let body = serde_json::to_vec(&document).unwrap_or_default();
    *response.body_mut() = Body::from(body);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, PROBLEM_JSON);
    response
}

fn log_cause(problem: &Problem, cause: &(dyn Error + 'static), request_id: &str) {
    tracing::error!(
        request.id = request_id,
        problem.code = problem.code().name(),
        error.chain = chain(cause),
        "a request failed for a fault of ours"
    );
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
