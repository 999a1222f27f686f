//! `GET /session`, which is also the endpoint for forward auth, and `POST /logout`.

use account::{AccountId, SessionId};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use axum::response::IntoResponse;
use chrono::{DateTime, SecondsFormat, Utc};
use edge::cookies::{CLEAR_SITE_DATA, SetCookie};
use edge::problem::Problem;
use serde::{Serialize, Serializer};
use service::{Service, SessionView};
use utoipa::ToSchema;

use super::ProvedFactor;
use crate::extract::SignedIn;
use crate::openapi::{CHANGE, SIGNED_IN, problems};

const X_ACCOUNT: HeaderName = HeaderName::from_static("x-countersign-account");
const X_FACTORS: HeaderName = HeaderName::from_static("x-countersign-factors");

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionAnswer {
    account: SessionAccount,
    session: CurrentSession,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionAccount {
    #[schema(value_type = Uuid)]
    id: AccountId,
    #[schema(max_length = 254)]
    email: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CurrentSession {
    #[schema(value_type = Uuid)]
    id: SessionId,
    #[serde(serialize_with = "timestamp")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "timestamp")]
    last_seen_at: DateTime<Utc>,
    #[serde(serialize_with = "timestamp")]
    expires_at: DateTime<Utc>,
    #[schema(max_items = 8)]
    factors: Vec<ProvedFactor>,
}

/// What serde makes of a time by itself, in a third of the time: each digit apart passes the
/// escaping of JSON there, and this is asked for at each request of every application.
fn timestamp<S: Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

impl From<SessionView> for SessionAnswer {
    fn from(view: SessionView) -> Self {
        Self {
            account: SessionAccount {
                id: view.account.id,
                email: view.account.email,
            },
            session: CurrentSession {
                id: view.id,
                created_at: view.created_at,
                last_seen_at: view.last_seen_at,
                expires_at: view.expires_at,
                factors: ProvedFactor::list(&view.factors),
            },
        }
    }
}

problems!(SessionProblems: SIGNED_IN);

/// The session and its account. A proxy may ask here before it forwards a request: the headers
/// tell it who is signed in.
#[utoipa::path(
    get,
    path = "/session",
    tag = "owners",
    security(("session_cookie" = []), ("session_token" = [])),
    responses(
        (
            status = 200,
            body = SessionAnswer,
            description = "Signed in",
            headers(
                ("X-Countersign-Account" = Uuid, description = "The account's id"),
                ("X-Countersign-Factors" = String, description = "Such as password,totp"),
            ),
        ),
        SessionProblems,
    ),
)]
pub(crate) async fn session(
    State(service): State<Service>,
    SignedIn { owner, .. }: SignedIn,
) -> Result<impl IntoResponse, Problem> {
    let answer = SessionAnswer::from(service.session(&owner)?);
    let factors = answer.session.factors.iter().map(|factor| factor.name());
    let factors = factors.collect::<Vec<_>>().join(",");
    let headers = [
        (X_ACCOUNT, answer.account.id.to_string()),
        (X_FACTORS, factors),
    ];
    Ok((headers, Json(answer)))
}

problems!(SignOutProblems: SIGNED_IN, CHANGE);

/// End this session. The device stays known.
#[utoipa::path(
    post,
    path = "/logout",
    tag = "owners",
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 204, description = "Signed out"), SignOutProblems),
)]
pub(crate) async fn sign_out(
    State(service): State<Service>,
    SignedIn { caller, owner }: SignedIn,
) -> Result<impl IntoResponse, Problem> {
    service.sign_out(&caller, &owner).await?;
    let clear = [CLEAR_SITE_DATA];
    Ok((StatusCode::NO_CONTENT, clear, SetCookie::no_session()?, ()))
}
