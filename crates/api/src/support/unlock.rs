//! `POST /support/accounts/{id}/unlock`.

use axum::Json;
use axum::extract::State;
use edge::problem::Problem;
use serde::{Deserialize, Serialize};
use service::{Service, Unlock};
use utoipa::ToSchema;

use super::FoundAccount;
use crate::extract::{AccountPath, IdempotencyKey, JsonBody, SupportAgent};
use crate::fields::{Reason, Ticket};
use crate::openapi::{BODY, CHANGE, SIGNED_IN, problems};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnlockRequest {
    reason: Reason,
    ticket: Option<Ticket>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnlockedAnswer {
    account: FoundAccount,
}

problems!(UnlockProblems: SIGNED_IN, BODY, CHANGE;
    NotFound, NothingToUnlock, ReasonRequired, IdempotencyKeyReused, Overloaded);

/// Lift waits, turn two-factor off and end every session. The owner is mailed.
#[utoipa::path(
    post,
    path = "/support/accounts/{id}/unlock",
    tag = "support",
    params(
        ("id" = Uuid, Path, description = "An account"),
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "A repeat with the same key gets the first answer",
            min_length = 1,
            max_length = 255,
            pattern = "^[!-~]+$",
        ),
    ),
    security(("staff_token" = [])),
    request_body = UnlockRequest,
    responses(
        (status = 200, body = UnlockedAnswer, description = "The account is unlocked"),
        UnlockProblems,
    ),
)]
pub(crate) async fn unlock_account(
    State(service): State<Service>,
    SupportAgent { caller, member }: SupportAgent,
    AccountPath(account): AccountPath,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    JsonBody(body): JsonBody<UnlockRequest>,
) -> Result<Json<UnlockedAnswer>, Problem> {
    let unlock = Unlock {
        reason: body.reason.0,
        ticket: body.ticket.map(|ticket| ticket.0),
        idempotency_key,
    };
    let account = service.unlock(&caller, &member, account, unlock).await?;
    Ok(Json(UnlockedAnswer {
        account: account.into(),
    }))
}
