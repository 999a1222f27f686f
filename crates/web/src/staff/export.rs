//! `/audit/accounts/<id>/export`: the whole history as a file.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use edge::lines;
use edge::problem::Problem;

use super::{AtDesk, Audit};
use crate::address::AccountPath;
use crate::instead::Instead;

/// All events as lines of JSON.
pub(crate) async fn export(
    staff: AtDesk<Audit>,
    AccountPath(account): AccountPath,
) -> Result<Response, Instead> {
    let (service, caller) = (staff.service(), &staff.visit.caller);
    let events = service
        .history_stream(caller, staff.member(), account)
        .await?;
    let name = format!("attachment; filename=\"countersign-account-{account}.ndjson\"");
    let name = HeaderValue::try_from(name).map_err(Problem::internal)?;
    let disposition = [(header::CONTENT_DISPOSITION, name)];
    Ok((disposition, lines(events, caller.request_id.clone())).into_response())
}
