//! `GET /audit/consistency`.

use axum::Json;
use axum::extract::State;
use edge::problem::Problem;
use serde::{Deserialize, Serialize};
use service::{ConsistencyView, Service};
use utoipa::{IntoParams, ToSchema};

use crate::extract::{Auditor, Params, Position};
use crate::openapi::{SIGNED_IN, problems};

/// Between which trees.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ConsistencyQuery {
    /// How many events the earlier tree had.
    #[param(value_type = i64, minimum = 1, maximum = 9_223_372_036_854_775_807_i64)]
    from: Position,
    /// How many the later one has; those of the current checkpoint, if left out.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 9_223_372_036_854_775_807_i64)]
    to: Option<Position>,
}

/// That a log begins with the whole of what it was before (RFC 6962, section 2.1.2). Hashes are
/// hexadecimal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConsistencyAnswer {
    from: u64,
    to: u64,
    /// To be compared with that of a checkpoint of the earlier size, which you have kept.
    #[schema(max_length = 64, pattern = "^[0-9a-f]{64}$")]
    old_root: String,
    #[schema(max_length = 64, pattern = "^[0-9a-f]{64}$")]
    root: String,
    #[schema(max_items = 64)]
    proof: Vec<String>,
}

impl From<ConsistencyView> for ConsistencyAnswer {
    fn from(view: ConsistencyView) -> Self {
        Self {
            from: view.from,
            to: view.to,
            old_root: view.old_root,
            root: view.root,
            proof: view.proof,
        }
    }
}

problems!(ConsistencyProblems: SIGNED_IN; Overloaded);

/// A proof that the log has only grown from one size to another.
#[utoipa::path(
    get,
    path = "/audit/consistency",
    tag = "audit",
    params(ConsistencyQuery),
    security(("staff_token" = [])),
    responses(
        (status = 200, body = ConsistencyAnswer, description = "The proof and its two roots"),
        ConsistencyProblems,
    ),
)]
pub(crate) async fn consistency(
    State(service): State<Service>,
    Auditor { caller, member }: Auditor,
    Params(query): Params<ConsistencyQuery>,
) -> Result<Json<ConsistencyAnswer>, Problem> {
    let Position(from) = query.from;
    let to = query.to.map(|Position(to)| to);
    let proof = service
        .prove_consistency(&caller, &member, from, to)
        .await?;
    Ok(Json(proof.into()))
}
