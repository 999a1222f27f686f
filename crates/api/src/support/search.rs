//! `POST /support/accounts/search`: the exact address, in the body, so that it stays out of URLs
//! and so out of access logs.

use axum::Json;
use axum::extract::State;
use edge::problem::Problem;
use serde::{Deserialize, Serialize};
use service::Service;
use utoipa::ToSchema;

use super::FoundAccount;
use crate::extract::{JsonBody, SupportAgent};
use crate::fields::Email;
use crate::openapi::{BODY, CHANGE, SIGNED_IN, problems};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountSearch {
    email: Email,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchAnswer {
    #[schema(max_items = 10)]
    accounts: Vec<FoundAccount>,
}

problems!(SearchProblems: SIGNED_IN, BODY, CHANGE; Overloaded);

/// Find the account of an address.
#[utoipa::path(
    post,
    path = "/support/accounts/search",
    tag = "support",
    security(("staff_token" = [])),
    request_body = AccountSearch,
    responses(
        (status = 200, body = SearchAnswer, description = "The account, or none"),
        SearchProblems,
    ),
)]
pub(crate) async fn search_accounts(
    State(service): State<Service>,
    SupportAgent { caller, member }: SupportAgent,
    JsonBody(body): JsonBody<AccountSearch>,
) -> Result<Json<SearchAnswer>, Problem> {
    let accounts = service
        .find_account(&caller, &member, &body.email.0)
        .await?;
    Ok(Json(SearchAnswer {
        accounts: accounts.into_iter().map(FoundAccount::from).collect(),
    }))
}
