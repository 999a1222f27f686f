//! `GET /settings`.

use account::AccountId;
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use edge::problem::Problem;
use serde::Serialize;
use service::{Service, SettingsView};
use utoipa::ToSchema;

use crate::extract::SignedIn;
use crate::openapi::{SIGNED_IN, problems};
use crate::two_factor::TwoFactor;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingsAnswer {
    account: SettingsAccount,
    password: PasswordSettings,
    two_factor: TwoFactor,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingsAccount {
    #[schema(value_type = Uuid)]
    id: AccountId,
    #[schema(max_length = 254)]
    email: String,
    created_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PasswordSettings {
    changed_at: DateTime<Utc>,
}

impl From<SettingsView> for SettingsAnswer {
    fn from(view: SettingsView) -> Self {
        Self {
            account: SettingsAccount {
                id: view.account.id,
                email: view.account.email,
                created_at: view.account.created_at,
            },
            password: PasswordSettings {
                changed_at: view.password_changed_at,
            },
            two_factor: view.two_factor.into(),
        }
    }
}

problems!(SettingsProblems: SIGNED_IN);

/// The account's settings. Never a secret.
#[utoipa::path(
    get,
    path = "/settings",
    tag = "owners",
    security(("session_cookie" = []), ("session_token" = [])),
    responses(
        (status = 200, body = SettingsAnswer, description = "The settings"),
        SettingsProblems,
    ),
)]
pub(crate) async fn settings(
    State(service): State<Service>,
    SignedIn { owner, .. }: SignedIn,
) -> Result<Json<SettingsAnswer>, Problem> {
    Ok(Json(service.owner_settings(&owner).await?.into()))
}
