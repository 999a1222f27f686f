//! `GET /audit/accounts/{id}/events`.

use axum::Json;
use axum::extract::State;
use edge::problem::Problem;
use serde::Deserialize;
use service::Service;
use utoipa::IntoParams;

use super::event::EventPage;
use crate::extract::{AccountPath, Auditor, PageLimit, Params, Position};
use crate::openapi::{SIGNED_IN, problems};

/// Which page of events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// The last one that was read; from the beginning if left out.
    #[param(value_type = Option<i64>, minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    pub(super) after: Option<Position>,
    /// How many.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 500, default = 100)]
    pub(super) limit: Option<PageLimit>,
}

problems!(HistoryProblems: SIGNED_IN; NotFound, Overloaded);

/// The history of one account, in sequence order.
#[utoipa::path(
    get,
    path = "/audit/accounts/{id}/events",
    tag = "audit",
    params(("id" = Uuid, Path, description = "An account"), PageQuery),
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
    Params(query): Params<PageQuery>,
) -> Result<Json<EventPage>, Problem> {
    let after = query.after.map(|Position(sequence)| sequence);
    let PageLimit(limit) = query.limit.unwrap_or_default();
    let page = service
        .history(&caller, &member, account, after.unwrap_or(0), limit)
        .await?;
    Ok(Json(EventPage::new(page, after)))
}
