//! `/settings/two-factor`: turning it on takes the password and then a code; turning it off takes
//! the password.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use edge::problem::Problem;
use serde::{Deserialize, Serialize};
use service::{Enrollment, Service};
use utoipa::ToSchema;

use crate::extract::{JsonBody, SignedIn};
use crate::fields::{Code, Issued, Password};
use crate::openapi::{BODY, CHANGE, SIGNED_IN, problems};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CurrentPassword {
    current_password: Password,
}

/// The only answer that ever holds the secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EnrollmentAnswer {
    /// Base32 without padding.
    #[schema(value_type = String, max_length = 64, pattern = "^[A-Z2-7]+$")]
    secret: Issued,
    #[schema(value_type = String, max_length = 2000)]
    otpauth_uri: Issued,
    #[schema(value_type = String, max_length = 200_000)]
    qr_svg: Issued,
    /// A data URI.
    #[schema(value_type = String, max_length = 200_000, pattern = "^data:image/png;base64,")]
    qr_png: Issued,
    expires_at: DateTime<Utc>,
}

impl From<Enrollment> for EnrollmentAnswer {
    fn from(enrollment: Enrollment) -> Self {
        Self {
            secret: Issued(enrollment.secret),
            otpauth_uri: Issued(enrollment.otpauth_uri),
            qr_svg: Issued(enrollment.qr_svg),
            qr_png: Issued(enrollment.qr_png),
            expires_at: enrollment.expires_at,
        }
    }
}

problems!(StartProblems: SIGNED_IN, BODY, CHANGE;
    InvalidCredentials, TwoFactorAlreadyEnabled, TooManyAttempts, Overloaded);

/// Start an enrollment. An earlier one that was not confirmed is void.
#[utoipa::path(
    post,
    path = "/settings/two-factor/enrollment",
    tag = "owners",
    security(("session_cookie" = []), ("session_token" = [])),
    request_body = CurrentPassword,
    responses(
        (status = 201, body = EnrollmentAnswer, description = "A secret to scan or to type"),
        StartProblems,
    ),
)]
pub(crate) async fn start_enrollment(
    State(service): State<Service>,
    SignedIn { caller, owner }: SignedIn,
    JsonBody(body): JsonBody<CurrentPassword>,
) -> Result<(StatusCode, Json<EnrollmentAnswer>), Problem> {
    let enrollment = service
        .start_enrollment(&caller, &owner, &body.current_password)
        .await?;
    Ok((StatusCode::CREATED, Json(enrollment.into())))
}

problems!(CancelProblems: SIGNED_IN, CHANGE; Overloaded);

/// Forget an enrollment that was not confirmed, if there is one.
#[utoipa::path(
    delete,
    path = "/settings/two-factor/enrollment",
    tag = "owners",
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 204, description = "No enrollment is pending"), CancelProblems),
)]
pub(crate) async fn cancel_enrollment(
    State(service): State<Service>,
    SignedIn { caller, owner }: SignedIn,
) -> Result<StatusCode, Problem> {
    service.cancel_enrollment(&caller, &owner).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnrollmentCode {
    code: Code,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EnabledAnswer {
    status: Enabled,
    enabled_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Enabled {
    Enabled,
}

problems!(ConfirmProblems: SIGNED_IN, BODY, CHANGE;
    InvalidCode, NoEnrollment, TooManyAttempts, Overloaded);

/// Turn two-factor on with a code of the new secret. Every other session ends.
#[utoipa::path(
    post,
    path = "/settings/two-factor/enrollment/confirm",
    tag = "owners",
    security(("session_cookie" = []), ("session_token" = [])),
    request_body = EnrollmentCode,
    responses(
        (status = 200, body = EnabledAnswer, description = "Two-factor is on"),
        ConfirmProblems,
    ),
)]
pub(crate) async fn confirm_enrollment(
    State(service): State<Service>,
    SignedIn { caller, owner }: SignedIn,
    JsonBody(body): JsonBody<EnrollmentCode>,
) -> Result<Json<EnabledAnswer>, Problem> {
    let enabled_at = service
        .confirm_enrollment(&caller, &owner, &body.code)
        .await?;
    Ok(Json(EnabledAnswer {
        status: Enabled::Enabled,
        enabled_at,
    }))
}

problems!(DisableProblems: SIGNED_IN, BODY, CHANGE;
    InvalidCredentials, TwoFactorNotEnabled, TooManyAttempts, Overloaded);

/// Turn two-factor off. Every other session ends.
#[utoipa::path(
    post,
    path = "/settings/two-factor/disable",
    tag = "owners",
    security(("session_cookie" = []), ("session_token" = [])),
    request_body = CurrentPassword,
    responses((status = 204, description = "Two-factor is off"), DisableProblems),
)]
pub(crate) async fn disable_two_factor(
    State(service): State<Service>,
    SignedIn { caller, owner }: SignedIn,
    JsonBody(body): JsonBody<CurrentPassword>,
) -> Result<StatusCode, Problem> {
    service
        .disable_two_factor(&caller, &owner, &body.current_password)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
