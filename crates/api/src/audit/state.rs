//! `GET /audit/accounts/{id}/state`.

use account::AccountId;
use axum::Json;
use axum::extract::State;
use edge::problem::Problem;
use serde::{Deserialize, Serialize};
use service::{At, Service, StateView};
use utoipa::{IntoParams, ToSchema};

use crate::extract::{AccountPath, Auditor, Params, Point};
use crate::openapi::{SIGNED_IN, problems};

/// Which point of the history.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct StateQuery {
    /// A sequence number, or an RFC 3339 instant, inclusive and not in the future; now, if left
    /// out.
    #[param(
        value_type = Option<String>,
        max_length = 64,
        pattern = r"^([0-9]{1,19}|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]{8,20}([Zz]|[+-][0-9]{2}:[0-9]{2}))$",
    )]
    at: Option<Point>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateAnswer {
    #[schema(value_type = Uuid)]
    account_id: AccountId,
    /// The sequence number that the asked point stands for.
    sequence: u64,
    /// When that event was recorded.
    #[schema(value_type = DateTime<Utc>)]
    recorded_at: String,
    /// Of an erased account, only `erased_at`; before that, its `email` is null.
    #[schema(value_type = Object)]
    state: serde_json::Value,
}

impl From<StateView> for StateAnswer {
    fn from(view: StateView) -> Self {
        Self {
            account_id: view.account_id,
            sequence: view.sequence,
            recorded_at: view.recorded_at,
            state: view.state,
        }
    }
}

problems!(StateProblems: SIGNED_IN; NotFound, Overloaded);

/// The state of one account, replayed from its events up to a point.
#[utoipa::path(
    get,
    path = "/audit/accounts/{id}/state",
    tag = "audit",
    params(("id" = Uuid, Path, description = "An account"), StateQuery),
    security(("staff_token" = [])),
    responses(
        (status = 200, body = StateAnswer, description = "The state at that point"),
        StateProblems,
    ),
)]
pub(crate) async fn account_state(
    State(service): State<Service>,
    Auditor { caller, member }: Auditor,
    AccountPath(account): AccountPath,
    Params(query): Params<StateQuery>,
) -> Result<Json<StateAnswer>, Problem> {
    let at = query.at.map_or(At::Now, |Point(at)| at);
    let state = service.state(&caller, &member, account, at).await?;
    Ok(Json(state.into()))
}
