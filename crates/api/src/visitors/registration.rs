//! `POST /accounts` and `POST /accounts/verify`.

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
use crate::fields::{Email, Password, Token, Transport};
use crate::openapi::{BODY, CHANGE, problems};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registration {
    email: Email,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegistrationAnswer {
    status: VerificationSent,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum VerificationSent {
    VerificationSent,
}

problems!(RegisterProblems: BODY, CHANGE);

/// Ask for an account. The same answer for a new and for a taken address; what to do next is in
/// the mail.
#[utoipa::path(
    post,
    path = "/accounts",
    tag = "visitors",
    request_body = Registration,
    responses(
        (status = 202, body = RegistrationAnswer, description = "A mail is on its way"),
        RegisterProblems,
    ),
)]
pub(crate) async fn register(
    State(service): State<Service>,
    Visitor(caller): Visitor,
    JsonBody(body): JsonBody<Registration>,
) -> Result<(StatusCode, Json<RegistrationAnswer>), Problem> {
    service.register(&caller, &body.email.0).await?;
    let answer = RegistrationAnswer {
        status: VerificationSent::VerificationSent,
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verification {
    token: Token,
    password: Password,
    #[serde(default)]
    transport: Transport,
}

problems!(VerifyProblems: BODY, CHANGE; TokenExpired, PasswordRejected, Overloaded);

/// Open the account with the token of the mail and a password. A refused password does not spend
/// the token.
#[utoipa::path(
    post,
    path = "/accounts/verify",
    tag = "visitors",
    request_body = Verification,
    responses(
        (status = 200, body = DeviceAnswer, description = "The account exists (bearer transport)"),
        (status = 204, description = "The account exists; this browser is known"),
        VerifyProblems,
    ),
)]
pub(crate) async fn verify(
    State(service): State<Service>,
    Visitor(caller): Visitor,
    JsonBody(body): JsonBody<Verification>,
) -> Result<Response, Problem> {
    let device = service.verify(&caller, &body.token, &body.password).await?;
    device_known(device, body.transport)
}
