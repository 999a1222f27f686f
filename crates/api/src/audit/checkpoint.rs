//! `GET /audit/checkpoint`.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use edge::problem::Problem;
use serde::Serialize;
use service::{CheckpointView, Service};
use utoipa::ToSchema;

use crate::extract::{Auditor, WantsJson};
use crate::openapi::{SIGNED_IN, problems};

/// What the signed note says, for programs that do not read such notes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CheckpointAnswer {
    /// Which log, and in which of its epochs.
    #[schema(max_length = 128)]
    origin: String,
    epoch: u32,
    /// How many events the log has.
    size: u64,
    #[schema(max_length = 64, pattern = "^[0-9a-f]{64}$")]
    root: String,
    /// The signed note itself.
    #[schema(max_length = 4096)]
    note: String,
    /// The public keys that the log is signed with, oldest first, for convenience: keys that are
    /// to prove something must have come to you by another way than this.
    #[schema(max_items = 1000)]
    keys: Vec<String>,
}

impl From<CheckpointView> for CheckpointAnswer {
    fn from(view: CheckpointView) -> Self {
        Self {
            origin: view.origin,
            epoch: view.epoch,
            size: view.size,
            root: view.root,
            note: view.note,
            keys: view.keys,
        }
    }
}

problems!(CheckpointProblems: SIGNED_IN; Overloaded);

/// The log's size and root, signed.
#[utoipa::path(
    get,
    path = "/audit/checkpoint",
    tag = "audit",
    security(("staff_token" = [])),
    responses(
        (
            status = 200,
            description = "The signed note of C2SP's tlog-checkpoint, or with `Accept: \
                           application/json` what it says",
            content(
                (String = "text/plain; charset=utf-8"),
                (CheckpointAnswer = "application/json"),
            ),
        ),
        CheckpointProblems,
    ),
)]
pub(crate) async fn checkpoint(
    State(service): State<Service>,
    Auditor { caller, member }: Auditor,
    WantsJson(wants_json): WantsJson,
) -> Result<Response, Problem> {
    let checkpoint = service.checkpoint(&caller, &member).await?;
    if wants_json {
        return Ok(Json(CheckpointAnswer::from(checkpoint)).into_response());
    }
    let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((plain, checkpoint.note).into_response())
}
