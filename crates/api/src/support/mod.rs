//! Calls of support: find an account, see why its owner cannot sign in, unlock it. No call takes
//! or tells a password, a code or a token.

mod examination;
mod search;
mod unlock;

use account::AccountId;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service::AccountSummary;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;
use crate::two_factor::TwoFactorStatus;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(search::search_accounts))
        .routes(routes!(examination::examine_account))
        .routes(routes!(unlock::unlock_account))
}

#[derive(Debug, Serialize, ToSchema)]
struct FoundAccount {
    #[schema(value_type = Uuid)]
    id: AccountId,
    #[schema(max_length = 254)]
    email: String,
    created_at: DateTime<Utc>,
    #[schema(value_type = TwoFactorStatus)]
    two_factor: String,
    /// Whether sign-in is refused for now.
    locked: bool,
    last_signed_in_at: Option<DateTime<Utc>>,
}

impl From<AccountSummary> for FoundAccount {
    fn from(account: AccountSummary) -> Self {
        Self {
            id: account.id,
            email: account.email,
            created_at: account.created_at,
            two_factor: account.two_factor,
            locked: account.locked,
            last_signed_in_at: account.last_signed_in_at,
        }
    }
}
