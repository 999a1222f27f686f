//! `/audit/accounts/<id>/export`: the whole history as a file.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use edge::problem::Problem;
use futures::StreamExt;
use service::{Error, EventView};

use super::{Audit, OnDuty};
use crate::address::AccountPath;
use crate::refused::Refused;

/// All events as lines of JSON. A fault in the middle breaks the download off, so that nobody takes
/// a part for the whole.
pub(crate) async fn export(
    on_duty: OnDuty<Audit>,
    AccountPath(account): AccountPath,
) -> Result<Response, Refused> {
    let (service, caller) = (on_duty.service(), &on_duty.visit.caller);
    let events = service
        .history_stream(caller, on_duty.member(), account)
        .await?;
    let name = format!("attachment; filename=\"countersign-account-{account}.ndjson\"");
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-ndjson"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::try_from(name).map_err(Problem::internal)?,
        ),
    ];
    let lines = events.map(|event| {
        event.and_then(|event| line(&event)).inspect_err(|error| {
            tracing::error!(error.chain = %error, "an export broke off");
        })
    });
    Ok((headers, Body::from_stream(lines)).into_response())
}

fn line(event: &EventView) -> Result<Bytes, Error> {
    let mut line = serde_json::to_vec(event).map_err(|error| Error::Internal(error.into()))?;
    line.push(b'\n');
    Ok(line.into())
}
