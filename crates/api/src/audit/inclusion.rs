//! `GET /audit/events/{position}/proof`.

use axum::Json;
use axum::extract::State;
use edge::problem::Problem;
use serde::{Deserialize, Serialize};
use service::{InclusionView, Service};
use utoipa::{IntoParams, ToSchema};

use crate::extract::{Auditor, Params, Position, PositionPath};
use crate::openapi::{SIGNED_IN, problems};

/// In which tree.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct InclusionQuery {
    /// How many events the tree has; those of the current checkpoint, if left out.
    #[param(value_type = Option<i64>, minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    size: Option<Position>,
}

/// That the log has an event at a position (RFC 6962, section 2.1.1). Hashes are hexadecimal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InclusionAnswer {
    position: u64,
    size: u64,
    #[schema(max_length = 64, pattern = "^[0-9a-f]{64}$")]
    event_hash: String,
    /// SHA-256 of a zero byte and the event's hash.
    #[schema(max_length = 64, pattern = "^[0-9a-f]{64}$")]
    leaf_hash: String,
    /// To be compared with that of a signed checkpoint of this size.
    #[schema(max_length = 64, pattern = "^[0-9a-f]{64}$")]
    root: String,
    /// From the leaf's neighbour upwards.
    #[schema(max_items = 64)]
    proof: Vec<String>,
    /// The current checkpoint as a signed note, if it is of this size.
    #[schema(max_length = 4096)]
    checkpoint: Option<String>,
}

impl From<InclusionView> for InclusionAnswer {
    fn from(view: InclusionView) -> Self {
        Self {
            position: view.position,
            size: view.size,
            event_hash: view.event_hash,
            leaf_hash: view.leaf_hash,
            root: view.root,
            proof: view.proof,
            checkpoint: view.checkpoint,
        }
    }
}

problems!(InclusionProblems: SIGNED_IN; NotFound, Overloaded);

/// A proof that the log has an event at a position.
#[utoipa::path(
    get,
    path = "/audit/events/{position}/proof",
    tag = "audit",
    params(
        (
            "position" = i64, Path, description = "The event's position, from 0",
            minimum = 0, maximum = 9_223_372_036_854_775_807_i64,
        ),
        InclusionQuery,
    ),
    security(("staff_token" = [])),
    responses(
        (status = 200, body = InclusionAnswer, description = "The proof and what it leads to"),
        InclusionProblems,
    ),
)]
pub(crate) async fn inclusion(
    State(service): State<Service>,
    Auditor { caller, member }: Auditor,
    PositionPath(position): PositionPath,
    Params(query): Params<InclusionQuery>,
) -> Result<Json<InclusionAnswer>, Problem> {
    let size = query.size.map(|Position(size)| size);
    let proof = service
        .prove_inclusion(&caller, &member, position, size)
        .await?;
    Ok(Json(proof.into()))
}
