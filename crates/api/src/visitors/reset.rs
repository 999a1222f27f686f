//! `POST /password-reset` and `POST /password-reset/confirm`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use edge::problem::Problem;
use serde::{Deserialize, Serialize};
use service::Service;
use utoipa::ToSchema;

use super::{DeviceAnswer, device_known};
use crate::extract::{JsonBody, KnownDevice, Visitor};
use crate::fields::{Email, Password, Token, Transport};
use crate::openapi::{BODY, CHANGE, problems};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetRequest {
    email: Email,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResetAnswer {
    status: ResetSent,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ResetSent {
    ResetSent,
}

problems!(RequestProblems: BODY, CHANGE);

/// Ask for a mail with a reset link. The same answer whether or not the address has an account.
#[utoipa::path(
    post,
    path = "/password-reset",
    tag = "visitors",
    request_body = ResetRequest,
    responses(
        (status = 202, body = ResetAnswer, description = "If there is an account, a mail is on its way"),
        RequestProblems,
    ),
)]
pub(crate) async fn request_reset(
    State(service): State<Service>,
    Visitor(caller): Visitor,
    KnownDevice(device_token): KnownDevice,
    JsonBody(body): JsonBody<ResetRequest>,
) -> Result<(StatusCode, Json<ResetAnswer>), Problem> {
    service
        .request_reset(&caller, &body.email.0, device_token)
        .await?;
    let answer = ResetAnswer {
        status: ResetSent::ResetSent,
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reset {
    token: Token,
    new_password: Password,
    #[serde(default)]
    transport: Transport,
}

problems!(ConfirmProblems: BODY, CHANGE; TokenExpired, PasswordRejected, Overloaded);

/// Set a new password with the token of the mail. Every session ends; two-factor stays as it was.
/// A refused password does not spend the token.
#[utoipa::path(
    post,
    path = "/password-reset/confirm",
    tag = "visitors",
    request_body = Reset,
    responses(
        (status = 200, body = DeviceAnswer, description = "The password is changed (bearer transport)"),
        (status = 204, description = "The password is changed; this browser is known"),
        ConfirmProblems,
    ),
)]
pub(crate) async fn confirm_reset(
    State(service): State<Service>,
    Visitor(caller): Visitor,
    JsonBody(body): JsonBody<Reset>,
) -> Result<Response, Problem> {
    let device = service
        .confirm_reset(&caller, &body.token, &body.new_password)
        .await
        .map_err(|error| Problem::from(error).at("/new_password"))?;
    device_known(device, body.transport)
}
