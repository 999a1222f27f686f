//! `GET /audit/events`: the feed, as pages or as a stream of lines.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use edge::problem::Problem;
use futures::{Stream, StreamExt};
use service::{EventView, Service};

use super::event::{Event, EventPage};
use super::history::PageQuery;
use crate::extract::{Auditor, PageLimit, Params, Position, WantsLines};
use crate::openapi::{SIGNED_IN, problems};

const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

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
        return Ok(match query.limit {
            Some(PageLimit(limit)) => lines(events.take(limit as usize)),
            None => lines(events),
        });
    }
    let PageLimit(limit) = query.limit.unwrap_or_default();
    let page = service.feed(&caller, &member, after, limit).await?;
    Ok(Json(EventPage::new(page, after)).into_response())
}

/// A fault in the middle breaks the connection off, so that nobody takes a part for the whole.
fn lines(
    events: impl Stream<Item = Result<EventView, service::Error>> + Send + 'static,
) -> Response {
    let lines = events.map(|event| {
        event
            .map_err(Broken::from)
            .and_then(line)
            .inspect_err(|broken| {
                tracing::error!(error.chain = %broken.0, "a feed broke off");
            })
    });
    ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response()
}

fn line(event: EventView) -> Result<Bytes, Broken> {
    let mut line = serde_json::to_vec(&Event::from(event))?;
    line.push(b'\n');
    Ok(line.into())
}

#[derive(Debug)]
struct Broken(Box<dyn std::error::Error + Send + Sync>);

impl From<service::Error> for Broken {
    fn from(error: service::Error) -> Self {
        Self(error.into())
    }
}

impl From<serde_json::Error> for Broken {
    fn from(error: serde_json::Error) -> Self {
        Self(error.into())
    }
}

impl From<Broken> for Box<dyn std::error::Error + Send + Sync> {
    fn from(broken: Broken) -> Self {
        broken.0
    }
}
