//! Bounds that hold for every request: how long, how large, and that a fault ends one request and
//! not the process.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http_body_util::{LengthLimitError, Limited};

use crate::problem::{Code, Problem};

const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Bytes of a request body.
pub const BODY_LIMIT: usize = 64 * 1024;

/// Bounds the time until an answer begins. A stream that is being answered may go on.
pub(super) async fn limit_time(answer: impl Future<Output = Response>) -> Response {
    match tokio::time::timeout(TIME_LIMIT, answer).await {
        Ok(response) => response,
        Err(elapsed) => Problem::unavailable(elapsed).into_response(),
    }
}

/// Refuses a body that announces too much, and cuts one that only turns out so.
pub(super) fn limit_body(request: Request) -> Result<Request, Problem> {
    if announced_length(request.headers()).is_some_and(|length| length > BODY_LIMIT as u64) {
        return Err(Problem::new(Code::PayloadTooLarge));
    }
    if request.body().is_end_stream() {
        return Ok(request);
    }
    Ok(request.map(|body| Body::new(Limited::new(body, BODY_LIMIT))))
}

/// Whether a body could not be read because it was longer than a limit, whoever set that.
pub fn is_too_long(error: &(dyn Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_too_long)
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// A fault ends one request and not the process. The payload may hold anything, so it is neither
/// told nor logged; the panic hook has logged the place.
pub(super) async fn catch_panic(answer: impl Future<Output = Response>) -> Response {
    let caught = AssertUnwindSafe(answer).catch_unwind().await;
    caught.unwrap_or_else(|_| Problem::internal("the handler panicked").into_response())
}
