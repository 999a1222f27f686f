//! An event as auditors read it, and a page of them.

use serde::Serialize;
use service::{EventView, Page};
use utoipa::ToSchema;
use uuid::Uuid;

/// Personal data is shown in clear, with what proves it. No secret, not even hashed, is in here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Event {
    #[schema(max_length = 64)]
    stream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<Uuid>,
    /// Within its stream, from 1, without gaps.
    sequence: u64,
    /// Within all streams; null until the sequencer has given it, which takes milliseconds.
    position: Option<u64>,
    #[serde(rename = "type")]
    #[schema(max_length = 64)]
    kind: String,
    version: u32,
    #[schema(value_type = DateTime<Utc>)]
    recorded_at: String,
    actor: Actor,
    request: RequestOrigin,
    #[schema(value_type = Object)]
    data: serde_json::Value,
    /// The hash of the stream up to here, as hexadecimal digits.
    #[schema(max_length = 128, pattern = "^[0-9a-f]*$")]
    hash: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Actor {
    /// `visitor`, `owner`, `support`, `auditor` or `system`.
    #[schema(max_length = 16)]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    name: Option<String>,
}

/// Null where it was erased, or where the system acted by itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestOrigin {
    #[schema(max_length = 64)]
    id: Option<String>,
    #[schema(max_length = 64)]
    ip: Option<String>,
    #[schema(max_length = 256)]
    user_agent: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    #[schema(max_items = 500)]
    events: Vec<Event>,
    /// To be sent as `after` for what follows. With nothing read, what was sent.
    next: Option<u64>,
}

impl EventPage {
    /// So that a poller can always go on from `next`, an empty page repeats where it stands.
    pub(crate) fn new(page: Page<EventView>, after: Option<u64>) -> Self {
        Self {
            events: page.events.into_iter().map(Event::from).collect(),
            next: page.next.or(after),
        }
    }
}

impl From<EventView> for Event {
    fn from(event: EventView) -> Self {
        Self {
            stream: event.stream,
            account_id: event.account_id,
            sequence: event.sequence,
            position: event.position,
            kind: event.event_type,
            version: event.version,
            recorded_at: event.recorded_at,
            actor: Actor {
                kind: event.actor.kind,
                id: event.actor.id,
                name: event.actor.name,
            },
            request: RequestOrigin {
                id: event.request.id,
                ip: event.request.ip,
                user_agent: event.request.user_agent,
            },
            data: event.data,
            hash: event.hash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(page_next: Option<u64>, after: Option<u64>) -> Option<u64> {
        let page = Page {
            events: Vec::new(),
            next: page_next,
        };
        EventPage::new(page, after).next
    }

    #[test]
    fn a_poller_can_always_go_on_from_next() {
        assert_eq!(next(Some(9), Some(4)), Some(9));
        assert_eq!(next(None, Some(4)), Some(4));
        assert_eq!(next(None, None), None);
    }
}
