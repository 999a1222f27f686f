//! Events as lines of JSON. A fault in the middle breaks the connection off, so that nobody takes a
//! part for the whole.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use serde::Serialize;
use service::Error;

use crate::layers::chain;

const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// `request_id` is for the log, should the lines break off.
pub fn lines<E: Serialize>(
    events: impl Stream<Item = Result<E, Error>> + Send + 'static,
    request_id: String,
) -> Response {
    let lines = events.map(move |event| {
        let line = event.and_then(|event| line(&event));
        line.inspect_err(|error| {
            tracing::error!(
                request.id = request_id,
                error.chain = chain(error),
                "lines broke off"
            );
        })
    });
    ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response()
}

fn line(event: &impl Serialize) -> Result<Bytes, Error> {
    let mut line = serde_json::to_vec(event).map_err(|error| Error::Internal(error.into()))?;
    line.push(b'\n');
    Ok(line.into())
}
