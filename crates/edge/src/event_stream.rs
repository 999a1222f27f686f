//! Server-sent events (HTML standard, section 9.2), as `EventSource` and `curl -N` read them.
//!
//! Events bear no name, so that a browser hands all of them to `onmessage`. A heartbeat is a
//! comment with an id: nothing is dispatched, but a client that connects anew goes on from there.

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use serde::Serialize;
use service::Error;

use crate::layers::chain;

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
/// A proxy that would collect the answer before it passes it on (nginx) lets this one through.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");
/// How long a client waits before it connects anew.
const OPENING: Bytes = Bytes::from_static(b"retry: 1000\n\n");

/// What is written at once.
#[derive(Debug)]
pub enum Frame<E> {
    Event { id: Option<u64>, data: E },
    Heartbeat { id: Option<u64> },
}

/// A fault breaks the connection off, and the client connects anew. `request_id` is for the log.
pub fn event_stream<E: Serialize>(
    frames: impl Stream<Item = Result<Frame<E>, Error>> + Send + 'static,
    request_id: String,
) -> Response {
    let written = frames.map(move |frame| {
        let bytes = frame.and_then(|frame| written(&frame));
        bytes.inspect_err(|error| {
            tracing::error!(
                request.id = request_id,
                error.chain = chain(error),
                "a live feed broke off"
            );
        })
    });
    let body = futures::stream::once(std::future::ready(Ok(OPENING))).chain(written);
    let headers = [(header::CONTENT_TYPE, EVENT_STREAM)];
    (headers, [UNBUFFERED], Body::from_stream(body)).into_response()
}

fn written(frame: &Frame<impl Serialize>) -> Result<Bytes, Error> {
    let (id, content) = match frame {
        Frame::Event { id, data } => {
            // JSON on one line, whatever its texts hold.
            let json =
                serde_json::to_string(data).map_err(|error| Error::Internal(error.into()))?;
            (id, format!("data: {json}"))
        }
        Frame::Heartbeat { id } => (id, ": still here".to_owned()),
    };
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Ok(format!("{id}{content}\n\n").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(frame: &Frame<&str>) -> String {
        String::from_utf8(written(frame).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn an_event_is_its_position_and_one_line_of_json() {
        let (id, data) = (Some(7), "a\nb\rc");
        assert_eq!(
            text(&Frame::Event { id, data }),
            "id: 7\ndata: \"a\\nb\\rc\"\n\n"
        );
    }

    #[test]
    fn a_heartbeat_dispatches_nothing() {
        assert_eq!(text(&Frame::Heartbeat { id: None }), ": still here\n\n");
        let id = Some(0);
        assert_eq!(text(&Frame::Heartbeat { id }), "id: 0\n: still here\n\n");
    }
}
