//! Every request has an id: its client's, if that is a decent one, or ours. It is found in the
//! answer, in the log and in the metadata of events.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;

use crate::settings::Edge;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 64;

/// An extension of each request.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

pub(super) fn assign_request_id(request: &mut Request, edge: &Edge) -> String {
    let id = chosen_by_client(request.headers()).unwrap_or_else(|| edge.new_request_id());
    request.extensions_mut().insert(RequestId(id.clone()));
    id
}

pub(super) fn tell_request_id(response: &mut Response, id: &str) {
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
}

/// A UUID, or at most 64 of `[A-Za-z0-9._-]`: the second includes the first.
fn chosen_by_client(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(X_REQUEST_ID).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let text = value.to_str().ok()?;
    let is_decent = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let decent = (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(is_decent);
    decent.then(|| text.to_owned())
}
