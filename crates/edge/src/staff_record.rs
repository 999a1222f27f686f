//! Every call of a member of staff is on record, also one that was refused: before the refusal is
//! answered, it is written down under their name. What succeeds is recorded by the use case.

use account::AccountId;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use service::Service;

use crate::attendance::Attendance;
use crate::layers::route;
use crate::problem::{self, Problem};

pub async fn record_refusals(
    State(service): State<Service>,
    mut request: Request,
    next: Next,
) -> Response {
    let attendance = Attendance::default();
    request.extensions_mut().insert(attendance.clone());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let matched = request.extensions().get::<MatchedPath>().cloned();

    let response = next.run(request).await;
    let (Some((caller, member)), Some(problem)) = (attendance.who(), refusal(&response)) else {
        return response;
    };
    let operation = format!("{method} {}", route(matched.as_ref()));
    let (account, code) = (account_in(uri.path()), problem.code().name());
    let record = service.record_refusal(caller, member, &operation, account, code);
    // Boxed, or each request would carry the room for it along.
    match Box::pin(record).await {
        Ok(()) => response,
        Err(unrecorded) => Problem::from(unrecorded).into_response(),
    }
}

/// A fault of ours is no refusal; it is in the log.
fn refusal(response: &Response) -> Option<&Problem> {
    let problem = problem::of(response)?;
    problem.code().status().is_client_error().then_some(problem)
}

/// The account that a path such as `/support/accounts/{id}/unlock` is about.
fn account_in(path: &str) -> Option<AccountId> {
    let mut segments = path.split('/').skip_while(|segment| *segment != "accounts");
    let id = percent_decode_str(segments.nth(1)?).decode_utf8().ok()?;
    id.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;

    #[test]
    fn the_account_is_found_in_the_path() {
        let id = "0193d1a0-7e1b-7c3a-9f00-0123456789ab";
        let account = account_in(&format!("/api/v1/support/accounts/{id}/unlock"));
        assert_eq!(account.map(|a| a.to_string()).as_deref(), Some(id));
        let encoded = format!("/support/accounts/{}/unlock", id.replace('-', "%2D"));
        assert_eq!(
            account_in(&encoded).map(|a| a.to_string()).as_deref(),
            Some(id)
        );
        assert!(account_in("/api/v1/support/accounts/search").is_none());
        assert!(account_in(&format!("/api/v1/sessions/{id}")).is_none());
        assert!(account_in("/api/v1/accounts").is_none());
    }

    #[test]
    fn refusals_are_what_a_caller_was_denied_and_not_our_own_faults() {
        for (code, is_refusal) in [
            (Code::Forbidden, true),
            (Code::NotFound, true),
            (Code::NothingToUnlock, true),
            (Code::ReasonRequired, true),
            (Code::Internal, false),
            (Code::Unavailable, false),
        ] {
            let response = Problem::new(code).into_response();
            assert_eq!(refusal(&response).is_some(), is_refusal, "{code:?}");
        }
        assert!(refusal(&Response::default()).is_none());
    }
}
