//! `GET /audit/events`: the feed, as pages, as a stream of lines, or live.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use edge::problem::Problem;
use edge::{Frame, event_stream, lines};
use futures::StreamExt;
use service::{Followed, Resumed, Selection, Service};

use super::event::{Event, EventPage};
use super::history::EventsQuery;
use crate::extract::{Auditor, EPOCH, EventsForm, LastEventId, LogEpoch, Params};
use crate::openapi::{SIGNED_IN, problems};

problems!(FeedProblems: SIGNED_IN; Overloaded);

/// All events of all streams, in one order that never changes and never skips. Only a recovery from a
/// backup begins another order, in a new epoch, after the events that the backup had.
#[utoipa::path(
    get,
    path = "/audit/events",
    tag = "audit",
    params(
        EventsQuery,
        (
            "Last-Event-ID" = Option<i64>, Header, minimum = 0,
            maximum = 9_223_372_036_854_775_807_i64,
            description = "Where a live feed goes on, before `after`: the last id that was read",
        ),
    ),
    security(("staff_token" = [])),
    responses(
        (
            status = 200,
            description = "A page of events, which a filter may leave short or empty before the \
                           end; with `Accept: application/x-ndjson` one event a line up to the \
                           end of the log, or up to `limit`; with `Accept: text/event-stream` \
                           server-sent events, with positions as ids, of what there is and then \
                           of what happens",
            content(
                (EventPage = "application/json"),
                (Event = "application/x-ndjson"),
                (Event = "text/event-stream"),
            ),
            headers(
                ("Countersign-Epoch" = i64, description = "The epoch of the log. A request that \
                                            sends it is refused once it is another one")
            ),
        ),
        FeedProblems,
    ),
)]
pub(crate) async fn all_events(
    State(service): State<Service>,
    Auditor { caller, member }: Auditor,
    Params(query): Params<EventsQuery>,
    LastEventId(last): LastEventId,
    LogEpoch(epoch): LogEpoch,
    form: EventsForm,
) -> Result<Response, Problem> {
    let last = last.filter(|_| form == EventsForm::Live);
    let (after, parameter) = match last {
        Some(last) => (Some(last), "Last-Event-ID"),
        None => (query.after(), "after"),
    };
    let resumed = Resumed {
        after,
        parameter,
        epoch,
    };
    let epoch = service.resume(resumed).await?;
    let answer = match form {
        EventsForm::Page => {
            let page = service.feed(&caller, &member, query.page()).await?;
            Json(EventPage::new(page, after)).into_response()
        }
        EventsForm::Lines => {
            let events = service
                .feed_stream(&caller, &member, query.stream())
                .await?;
            let events = events.map(|event| event.map(Event::from));
            lines(events, caller.request_id)
        }
        EventsForm::Live => {
            let asked = Selection {
                after,
                ..query.stream()
            };
            let told = service.follow(&caller, &member, asked).await?;
            event_stream(told.map(|told| told.map(frame)), caller.request_id)
        }
    };
    Ok(([(EPOCH, epoch.to_string())], answer).into_response())
}

fn frame(told: Followed) -> Frame<Event> {
    match told {
        Followed::Event(event) => Frame::Event {
            id: event.position,
            data: Event::from(*event),
        },
        Followed::Heartbeat { position } => Frame::Heartbeat { id: position },
    }
}
