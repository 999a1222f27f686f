//! `GET /support/accounts/{id}`: why this person cannot sign in, and what an unlock would change.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use edge::problem::Problem;
use serde::Serialize;
use service::{EventSketch, Examination, Service, UnlockPreview, WaitView};
use utoipa::ToSchema;

use super::FoundAccount;
use crate::extract::{AccountPath, SupportAgent};
use crate::openapi::{SIGNED_IN, problems};
use crate::two_factor::TwoFactor;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExaminationAnswer {
    account: FoundAccount,
    two_factor: TwoFactor,
    #[schema(max_items = 100)]
    waits: Vec<WaitAnswer>,
    /// The last fifty, the newest first.
    #[schema(max_items = 50)]
    recent_events: Vec<EventSketchAnswer>,
    unlock: UnlockAnswer,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WaitAnswer {
    /// What waits: `password`, `code` or `known_device`.
    #[schema(max_length = 64)]
    attempts: &'static str,
    /// Absent: until a reset or an unlock.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<DateTime<Utc>>,
    failures: u32,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventSketchAnswer {
    #[serde(rename = "type")]
    #[schema(max_length = 64)]
    kind: String,
    #[schema(value_type = DateTime<Utc>)]
    recorded_at: String,
    /// The network, not the address.
    #[schema(max_length = 64)]
    network: Option<String>,
    known_device: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnlockAnswer {
    possible: bool,
    turns_off_two_factor: bool,
    lifts_waits: bool,
    /// How many.
    ends_sessions: usize,
}

impl From<Examination> for ExaminationAnswer {
    fn from(examination: Examination) -> Self {
        let events = examination.recent_events.into_iter();
        Self {
            account: examination.account.into(),
            two_factor: examination.two_factor.into(),
            waits: examination
                .waits
                .into_iter()
                .map(WaitAnswer::from)
                .collect(),
            recent_events: events.map(EventSketchAnswer::from).collect(),
            unlock: examination.unlock.into(),
        }
    }
}

impl From<WaitView> for WaitAnswer {
    fn from(wait: WaitView) -> Self {
        Self {
            attempts: wait.attempts,
            until: wait.until,
            failures: wait.failures,
        }
    }
}

impl From<EventSketch> for EventSketchAnswer {
    fn from(event: EventSketch) -> Self {
        Self {
            kind: event.event_type,
            recorded_at: event.recorded_at,
            network: event.network,
            known_device: event.known_device,
        }
    }
}

impl From<UnlockPreview> for UnlockAnswer {
    fn from(unlock: UnlockPreview) -> Self {
        Self {
            possible: unlock.possible,
            turns_off_two_factor: unlock.turns_off_two_factor,
            lifts_waits: unlock.lifts_waits,
            ends_sessions: unlock.ends_sessions,
        }
    }
}

problems!(ExamineProblems: SIGNED_IN; NotFound, Overloaded);

/// Why the owner of an account cannot sign in.
#[utoipa::path(
    get,
    path = "/support/accounts/{id}",
    tag = "support",
    params(("id" = Uuid, Path, description = "An account")),
    security(("staff_token" = [])),
    responses(
        (status = 200, body = ExaminationAnswer, description = "What stands in the way"),
        ExamineProblems,
    ),
)]
pub(crate) async fn examine_account(
    State(service): State<Service>,
    SupportAgent { caller, member }: SupportAgent,
    AccountPath(account): AccountPath,
) -> Result<Json<ExaminationAnswer>, Problem> {
    let examination = service.examine(&caller, &member, account).await?;
    Ok(Json(examination.into()))
}
