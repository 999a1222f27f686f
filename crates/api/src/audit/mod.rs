//! Calls of auditors: one account's history, its state at a point of it, and the feed of all
//! events.

mod event;
mod feed;
mod history;
mod state;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(history::account_events))
        .routes(routes!(state::account_state))
        .routes(routes!(feed::all_events))
}
