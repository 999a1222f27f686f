//! What browsers report when a page of ours breaks its own policy: written into the log, cut short,
//! and never answered with anything.

use axum::Extension;
use axum::body::Bytes;
use axum::http::StatusCode;
use edge::layers::RequestId;
use serde_json::Value;
use url::Url;

/// Characters of a directive's name.
const MAX: usize = 64;

pub(crate) async fn report(
    Extension(RequestId(request_id)): Extension<RequestId>,
    body: Bytes,
) -> StatusCode {
    let Ok(report) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    let told = |old: &str, new: &str| {
        let value = report
            .pointer(&format!("/csp-report/{old}"))
            .or_else(|| report.pointer(&format!("/0/body/{new}")));
        value.and_then(Value::as_str)
    };
    let directive = told("effective-directive", "effectiveDirective");
    let directive = directive.map(|name| name.escape_debug().take(MAX).collect::<String>());
    tracing::warn!(
        request.id = request_id,
        csp.directive = directive,
        csp.blocked = told("blocked-uri", "blockedURL").map(place),
        "a page broke its content security policy"
    );
    StatusCode::NO_CONTENT
}

/// Where to, and no more: a path may hold a token.
fn place(blocked: &str) -> String {
    match Url::parse(blocked) {
        Ok(url) => url.origin().ascii_serialization(),
        Err(_) => "inline".to_owned(),
    }
}
