//! What browsers report when a page of ours breaks its own policy: written into the log, cut short,
//! at most once a second, and never answered with anything.

use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::http::StatusCode;
use edge::layers::RequestId;
use serde_json::Value;
use tokio::sync::Semaphore;
use url::Url;

/// Characters of what is written into the log.
const MAX: usize = 64;
const EVERY: Duration = Duration::from_secs(1);

static TURN: Semaphore = Semaphore::const_new(1);

pub(crate) async fn report(
    Extension(RequestId(request_id)): Extension<RequestId>,
    body: Bytes,
) -> StatusCode {
    let Ok(report) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    if let Ok(turn) = TURN.try_acquire() {
        write_down(&report, &request_id);
        tokio::spawn(async move {
            tokio::time::sleep(EVERY).await;
            drop(turn);
        });
    }
    StatusCode::NO_CONTENT
}

fn write_down(report: &Value, request_id: &str) {
    let told = |old: &str, new: &str| {
        let value = report
            .pointer(&format!("/csp-report/{old}"))
            .or_else(|| report.pointer(&format!("/0/body/{new}")));
        value.and_then(Value::as_str)
    };
    tracing::warn!(
        request.id = request_id,
        csp.directive = told("effective-directive", "effectiveDirective").map(cut),
        csp.blocked = told("blocked-uri", "blockedURL").map(place),
        "a page broke its content security policy"
    );
}

/// Where to, and no more: a path may hold a token.
fn place(blocked: &str) -> String {
    match Url::parse(blocked) {
        Ok(url) if url.has_host() => cut(&url.origin().ascii_serialization()),
        Ok(url) => cut(url.scheme()),
        // Such as `inline` and `eval`.
        Err(_) => cut(blocked.split('/').next().unwrap_or_default()),
    }
}

fn cut(text: &str) -> String {
    text.escape_debug().take(MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_was_blocked_only_the_place_is_written_and_that_cut_short() {
        for (blocked, written) in [
            (
                "https://evil.example/a?token=cs_reset_x",
                "https://evil.example",
            ),
            ("data:text/html,cs_reset_x", "data"),
            ("inline", "inline"),
            ("/reset/cs_reset_x", ""),
            ("", ""),
        ] {
            assert_eq!(place(blocked), written, "{blocked}");
        }
        assert_eq!(
            place(&format!("https://{}.example/", "a".repeat(500))).len(),
            MAX
        );
    }
}
