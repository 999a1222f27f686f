//! `GET /audit/events`: the feed, as pages or as a stream of lines.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use edge::lines;
use edge::problem::Problem;
use futures::StreamExt;
use service::Service;

use super::event::{Event, EventPage};
use super::history::PageQuery;
use crate::extract::{Auditor, PageLimit, Params, Position, WantsLines};
use crate::openapi::{SIGNED_IN, problems};

problems!(FeedProblems: SIGNED_IN; Overloaded);

/// All events of all streams, in one order that never changes and never skips.
#[utoipa::path(
    get,
    path = "/audit/events",
    tag = "audit",
    params(PageQuery),
    security(("staff_token" = [])),
    responses(
        (
            status = 200,
            description = "A page of events, or with `Accept: application/x-ndjson` one event a \
                           line up to the end of the log, or up to `limit`",
            content(
                (EventPage = "application/json"),
                (Event = "application/x-ndjson"),
            ),
        ),
        FeedProblems,
    ),
)]
pub(crate) async fn all_events(
    State(service): State<Service>,
    Auditor { caller, member }: Auditor,
    Params(query): Params<PageQuery>,
    WantsLines(wants_lines): WantsLines,
) -> Result<Response, Problem> {
    let after = query.after.map(|Position(position)| position);
    if wants_lines {
        let events = service.feed_stream(&caller, &member, after).await?;
        let events = events.map(|event| event.map(Event::from));
        return Ok(match query.limit {
            Some(PageLimit(limit)) => lines(events.take(limit as usize), caller.request_id),
            None => lines(events, caller.request_id),
        });
    }
    let PageLimit(limit) = query.limit.unwrap_or_default();
    let page = service.feed(&caller, &member, after, limit).await?;
    Ok(Json(EventPage::new(page, after)).into_response())
}
