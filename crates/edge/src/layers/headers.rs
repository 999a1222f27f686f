//! Security headers, on every answer. A handler that sets one of them keeps its own value: pages
//! need another content policy than the API.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

use crate::settings::Edge;

const STRICT_TRANSPORT: HeaderValue =
    HeaderValue::from_static("max-age=63072000; includeSubDomains; preload");

const ALWAYS: [(HeaderName, HeaderValue); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::VARY,
        HeaderValue::from_static("Cookie, Authorization"),
    ),
];

pub(super) fn secure_headers(response: &mut Response, edge: &Edge) {
    let headers = response.headers_mut();
    headers.reserve(ALWAYS.len());
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(value);
    }
    if edge.strict_transport() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    }
}
