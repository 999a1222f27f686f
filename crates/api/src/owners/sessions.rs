//! `GET /sessions`, `DELETE /sessions/{id}` and `DELETE /sessions`.

use account::SessionId;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use edge::problem::Problem;
use serde::Serialize;
use service::{Service, SessionListing};
use utoipa::ToSchema;

use super::ProvedFactor;
use crate::extract::{SessionPath, SignedIn};
use crate::openapi::{CHANGE, SIGNED_IN, problems};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionsAnswer {
    #[schema(max_items = 100)]
    sessions: Vec<ListedSession>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedSession {
    #[schema(value_type = Uuid)]
    id: SessionId,
    /// Whether this call was made in it.
    current: bool,
    created_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    #[schema(max_length = 64)]
    ip: Option<String>,
    #[schema(max_length = 256)]
    user_agent: Option<String>,
    #[schema(max_items = 8)]
    factors: Vec<ProvedFactor>,
}

impl From<SessionListing> for ListedSession {
    fn from(session: SessionListing) -> Self {
        Self {
            id: session.id,
            current: session.current,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            ip: session.ip,
            user_agent: session.user_agent,
            factors: ProvedFactor::list(&session.factors),
        }
    }
}

problems!(ListProblems: SIGNED_IN);

/// All living sessions of the account.
#[utoipa::path(
    get,
    path = "/sessions",
    tag = "owners",
    security(("session_cookie" = []), ("session_token" = [])),
    responses(
        (status = 200, body = SessionsAnswer, description = "The sessions"),
        ListProblems,
    ),
)]
pub(crate) async fn sessions(
    State(service): State<Service>,
    SignedIn { owner, .. }: SignedIn,
) -> Result<Json<SessionsAnswer>, Problem> {
    let sessions = service.sessions(&owner).await?;
    Ok(Json(SessionsAnswer {
        sessions: sessions.into_iter().map(ListedSession::from).collect(),
    }))
}

problems!(EndProblems: SIGNED_IN, CHANGE; NotFound, Overloaded);

/// End one session of the account, also the current one.
#[utoipa::path(
    delete,
    path = "/sessions/{id}",
    tag = "owners",
    params(("id" = Uuid, Path, description = "A session of this account")),
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 204, description = "The session has ended"), EndProblems),
)]
pub(crate) async fn end_session(
    State(service): State<Service>,
    SignedIn { caller, owner }: SignedIn,
    SessionPath(id): SessionPath,
) -> Result<StatusCode, Problem> {
    service.end_session(&caller, &owner, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

problems!(EndOthersProblems: SIGNED_IN, CHANGE; Overloaded);

/// End all sessions of the account but this one.
#[utoipa::path(
    delete,
    path = "/sessions",
    tag = "owners",
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 204, description = "All others have ended"), EndOthersProblems),
)]
pub(crate) async fn end_other_sessions(
    State(service): State<Service>,
    SignedIn { caller, owner }: SignedIn,
) -> Result<StatusCode, Problem> {
    service.end_other_sessions(&caller, &owner).await?;
    Ok(StatusCode::NO_CONTENT)
}
