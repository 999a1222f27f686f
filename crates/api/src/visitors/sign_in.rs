//! `POST /login` and `POST /login/second-factor`.

use std::time::Duration;

use account::SessionId;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use edge::cookies::SetCookie;
use edge::problem::Problem;
use serde::{Deserialize, Serialize};
use service::{NewSession, Service, SignIn, SignInOutcome};
use utoipa::ToSchema;

use crate::extract::{JsonBody, KnownDevice, Visitor};
use crate::fields::{Code, Email, Issued, Password, Token, Transport};
use crate::openapi::{BODY, CHANGE, problems};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    email: Email,
    password: Password,
    #[serde(default)]
    transport: Transport,
    /// From an earlier sign-in with bearer transport. A browser has a cookie for it.
    device_token: Option<Token>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum SignInAnswer {
    SignedIn(SignedInAnswer),
    SecondFactorRequired(ChallengeAnswer),
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignedInAnswer {
    session: IssuedSession,
    /// With bearer transport only: to be sent at the next sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 200)]
    device_token: Option<Issued>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IssuedSession {
    #[schema(value_type = Uuid)]
    id: SessionId,
    /// With bearer transport only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 200)]
    token: Option<Issued>,
    expires_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChallengeAnswer {
    challenge: Challenge,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Challenge {
    #[schema(value_type = String, max_length = 200)]
    token: Issued,
    #[schema(max_items = 1)]
    factors: [SecondFactor; 1],
    expires_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SecondFactor {
    Totp,
}

problems!(LoginProblems: BODY, CHANGE; InvalidCredentials, TooManyAttempts, Overloaded);

/// Present the password. With two-factor on, a challenge comes back and no session yet.
#[utoipa::path(
    post,
    path = "/login",
    tag = "visitors",
    request_body = Login,
    responses(
        (status = 200, body = SignInAnswer, description = "Signed in, or a code is asked for"),
        LoginProblems,
    ),
)]
pub(crate) async fn sign_in(
    State(service): State<Service>,
    Visitor(caller): Visitor,
    KnownDevice(device_cookie): KnownDevice,
    JsonBody(body): JsonBody<Login>,
) -> Result<Response, Problem> {
    let device_token = body.device_token.map(Token::into_inner).or(device_cookie);
    let attempt = SignIn {
        email: body.email.0,
        password: body.password.into_inner(),
        device_token,
        transport: body.transport.into(),
    };
    match service.sign_in(&caller, attempt).await? {
        SignInOutcome::SignedIn(session) => {
            signed_in(session, body.transport, session_lifetime(&service)?)
        }
        SignInOutcome::SecondFactorRequired { token, expires_at } => {
            Ok(code_asked_for(token, expires_at))
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecondFactorAttempt {
    challenge: Token,
    code: Code,
    #[serde(default)]
    transport: Transport,
}

problems!(SecondFactorProblems: BODY, CHANGE;
    InvalidCode, ChallengeExpired, TooManyAttempts, Overloaded);

/// Present the code for a challenge. A code that was accepted once is never accepted again.
#[utoipa::path(
    post,
    path = "/login/second-factor",
    tag = "visitors",
    request_body = SecondFactorAttempt,
    responses(
        (status = 200, body = SignInAnswer, description = "Signed in"),
        SecondFactorProblems,
    ),
)]
pub(crate) async fn second_factor(
    State(service): State<Service>,
    Visitor(caller): Visitor,
    JsonBody(body): JsonBody<SecondFactorAttempt>,
) -> Result<Response, Problem> {
    let session = service
        .second_factor(&caller, &body.challenge, &body.code, body.transport.into())
        .await?;
    signed_in(session, body.transport, session_lifetime(&service)?)
}

fn signed_in(
    session: NewSession,
    transport: Transport,
    lifetime: Duration,
) -> Result<Response, Problem> {
    let answer = |token, device_token| {
        Json(SignInAnswer::SignedIn(SignedInAnswer {
            session: IssuedSession {
                id: session.id,
                token,
                expires_at: session.expires_at,
            },
            device_token,
        }))
    };
    let device = session.device_token;
    let mut response = match transport {
        Transport::Bearer => {
            return Ok(answer(Some(Issued(session.token)), device.map(Issued)).into_response());
        }
        Transport::Cookie => answer(None, None).into_response(),
    };
    SetCookie::session(&session.token, lifetime)?.append_to(response.headers_mut());
    if let Some(device) = device {
        SetCookie::device(&device)?.append_to(response.headers_mut());
    }
    Ok(response)
}

fn code_asked_for(token: service::Secret, expires_at: DateTime<Utc>) -> Response {
    Json(SignInAnswer::SecondFactorRequired(ChallengeAnswer {
        challenge: Challenge {
            token: Issued(token),
            factors: [SecondFactor::Totp],
            expires_at,
        },
    }))
    .into_response()
}

fn session_lifetime(service: &Service) -> Result<Duration, Problem> {
    let lifetime = service.settings().policy.session_lifetime;
    lifetime.to_std().map_err(Problem::internal)
}
