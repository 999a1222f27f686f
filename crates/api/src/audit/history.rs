//! `GET /audit/accounts/{id}/events`.

use account::filter::EventName;
use axum::Json;
use axum::extract::State;
use edge::problem::Problem;
use serde::Deserialize;
use service::{EventFilter, Selection, Service};
use utoipa::IntoParams;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, Type};

use super::event::EventPage;
use crate::extract::{
    AccountPath, AskedActor, AskedInstant, AskedTypes, Auditor, PageLimit, Params, Position,
};
use crate::openapi::{SIGNED_IN, problems};

/// Which events, and which page of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// The last one that was read; from the beginning if left out.
    #[param(value_type = Option<i64>, minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    after: Option<Position>,
    /// How many.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 500, default = 100)]
    pub(super) limit: Option<PageLimit>,
    #[serde(rename = "type")]
    #[param(schema_with = event_names)]
    types: AskedTypes,
    /// `visitor`, `owner`, `support`, `auditor` or `system`, or the id of an account or a member of
    /// staff.
    #[param(
        value_type = Option<String>,
        max_length = 36,
        pattern = "^(visitor|owner|support|auditor|system|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$",
    )]
    actor: Option<AskedActor>,
    /// Recorded at this RFC 3339 instant or later.
    #[param(value_type = Option<DateTime<Utc>>, max_length = 64)]
    since: Option<AskedInstant>,
    /// Recorded before this RFC 3339 instant.
    #[param(value_type = Option<DateTime<Utc>>, max_length = 64)]
    until: Option<AskedInstant>,
}

fn event_names() -> Array {
    let name = Object::builder()
        .schema_type(Type::String)
        .enum_values(Some(EventName::all()));
    let description = "Names of events, one each time or with commas between them; all of them \
                       if left out.";
    ArrayBuilder::new()
        .description(Some(description))
        .items(name)
        .max_items(Some(AskedTypes::MOST))
        .build()
}

impl EventsQuery {
    pub(super) fn after(&self) -> Option<u64> {
        self.after.map(|Position(after)| after)
    }

    /// What is asked for, of which a page is not to be larger than it says or usual.
    pub(super) fn page(self) -> Selection {
        let PageLimit(limit) = self.limit.unwrap_or_default();
        Selection {
            limit: Some(limit),
            ..self.stream()
        }
    }

    /// The same as a stream, which has no limit unless told.
    pub(super) fn stream(self) -> Selection {
        Selection {
            after: self.after(),
            limit: self.limit.map(|PageLimit(limit)| limit),
            filter: EventFilter {
                types: self.types.0,
                actor: self.actor.map(|AskedActor(actor)| actor),
                since: self.since.map(|AskedInstant(since)| since),
                until: self.until.map(|AskedInstant(until)| until),
            },
        }
    }
}

problems!(HistoryProblems: SIGNED_IN; NotFound, Overloaded);

/// The history of one account, in sequence order.
#[utoipa::path(
    get,
    path = "/audit/accounts/{id}/events",
    tag = "audit",
    params(("id" = Uuid, Path, description = "An account"), EventsQuery),
    security(("staff_token" = [])),
    responses(
        (status = 200, body = EventPage, description = "A page of events"),
        HistoryProblems,
    ),
)]
pub(crate) async fn account_events(
    State(service): State<Service>,
    Auditor { caller, member }: Auditor,
    AccountPath(account): AccountPath,
    Params(query): Params<EventsQuery>,
) -> Result<Json<EventPage>, Problem> {
    let after = query.after();
    let page = service
        .history(&caller, &member, account, query.page())
        .await?;
    Ok(Json(EventPage::new(page, after)))
}
