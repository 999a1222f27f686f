//! Lets whoever answers here show what went wrong in their own way, and logs the cause, once.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;

use crate::problem::Problem;

/// What is known of a request that failed.
#[derive(Clone, Debug)]
pub struct Asked {
    pub request_id: String,
    pub accept_language: Option<HeaderValue>,
}

type Write = dyn Fn(Response, &Problem, &Asked) -> Response + Send + Sync;

/// Writes a problem into the answer that has its status and headers.
#[derive(Clone)]
pub struct Render(Arc<Write>);

impl Render {
    pub fn new(
        render: impl Fn(Response, &Problem, &Asked) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(render))
    }
}

impl fmt::Debug for Render {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Render(…)")
    }
}

impl Asked {
    pub(super) fn of(request: &Request, request_id: &str) -> Self {
        Self {
            request_id: request_id.to_owned(),
            accept_language: request.headers().get(header::ACCEPT_LANGUAGE).cloned(),
        }
    }
}

impl Render {
    /// An answer that is no problem stays as it is.
    pub(super) fn problem_of(&self, response: Response, asked: &Asked) -> Response {
        let Some(problem) = response.extensions().get::<Problem>().cloned() else {
            return response;
        };
        if let Some(cause) = problem.cause() {
            log_cause(&problem, cause, &asked.request_id);
        }
        let mut response = (self.0)(response, &problem, asked);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response
    }
}

fn log_cause(problem: &Problem, cause: &(dyn Error + 'static), request_id: &str) {
    tracing::error!(
        request.id = request_id,
        problem.code = problem.code().name(),
        error.chain = chain(cause),
        "a request failed for a fault of ours"
    );
}

/// An error with its causes, for the log.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
