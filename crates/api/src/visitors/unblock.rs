//! `POST /unblock` and `POST /unblock/confirm`: for an owner on a new browser while strangers
//! guess. Nothing is opened but the way to the password.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use edge::problem::Problem;
use serde::{Deserialize, Serialize};
use service::Service;
use utoipa::ToSchema;

use super::{DeviceAnswer, device_known};
use crate::extract::{JsonBody, Visitor};
use crate::fields::{Email, Token, Transport};
use crate::openapi::{BODY, CHANGE, problems};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnblockRequest {
    email: Email,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnblockAnswer {
    status: UnblockSent,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum UnblockSent {
    UnblockSent,
}

problems!(RequestProblems: BODY, CHANGE);

/// Ask for a mail with a link that makes a browser known.
#[utoipa::path(
    post,
    path = "/unblock",
    tag = "visitors",
    request_body = UnblockRequest,
    responses(
        (status = 202, body = UnblockAnswer, description = "If there is an account, a mail is on its way"),
        RequestProblems,
    ),
)]
pub(crate) async fn request_unblock(
    State(service): State<Service>,
    Visitor(caller): Visitor,
    JsonBody(body): JsonBody<UnblockRequest>,
) -> Result<(StatusCode, Json<UnblockAnswer>), Problem> {
    service.request_unblock(&caller, &body.email.0).await?;
    let answer = UnblockAnswer {
        status: UnblockSent::UnblockSent,
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unblock {
    token: Token,
    #[serde(default)]
    transport: Transport,
}

problems!(ConfirmProblems: BODY, CHANGE; TokenExpired);

/// Make this browser known with the token of the mail, and nothing else.
#[utoipa::path(
    post,
    path = "/unblock/confirm",
    tag = "visitors",
    request_body = Unblock,
    responses(
        (status = 200, body = DeviceAnswer, description = "This client is known (bearer transport)"),
        (status = 204, description = "This browser is known"),
        ConfirmProblems,
    ),
)]
pub(crate) async fn confirm_unblock(
    State(service): State<Service>,
    Visitor(caller): Visitor,
    JsonBody(body): JsonBody<Unblock>,
) -> Result<Response, Problem> {
    let device = service.confirm_unblock(&caller, &body.token).await?;
    device_known(device, body.transport)
}
