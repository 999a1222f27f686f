//! `PUT /settings/password`.

use axum::extract::State;
use axum::http::StatusCode;
use edge::problem::Problem;
use serde::Deserialize;
use service::Service;
use utoipa::ToSchema;

use crate::extract::{JsonBody, SignedIn};
use crate::fields::Password;
use crate::openapi::{BODY, CHANGE, SIGNED_IN, problems};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    current_password: Password,
    new_password: Password,
}

problems!(ChangeProblems: SIGNED_IN, BODY, CHANGE;
    InvalidCredentials, PasswordRejected, TooManyAttempts, Overloaded);

/// Change the password. Every other session ends.
#[utoipa::path(
    put,
    path = "/settings/password",
    tag = "owners",
    security(("session_cookie" = []), ("session_token" = [])),
    request_body = PasswordChange,
    responses((status = 204, description = "The password is changed"), ChangeProblems),
)]
pub(crate) async fn change_password(
    State(service): State<Service>,
    SignedIn { caller, owner }: SignedIn,
    JsonBody(body): JsonBody<PasswordChange>,
) -> Result<StatusCode, Problem> {
    service
        .change_password(&caller, &owner, &body.current_password, &body.new_password)
        .await
        .map_err(|error| Problem::from(error).at("/new_password"))?;
    Ok(StatusCode::NO_CONTENT)
}
