//! Calls of auditors: one account's history, its state at a point of it, the feed of all events,
//! and proofs that it is whole.

mod checkpoint;
mod consistency;
mod event;
mod feed;
mod history;
mod inclusion;
mod state;
mod tile;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(history::account_events))
        .routes(routes!(state::account_state))
        .routes(routes!(feed::all_events))
        .routes(routes!(checkpoint::checkpoint))
        .routes(routes!(inclusion::inclusion))
        .routes(routes!(consistency::consistency))
        .merge(tile::routes())
}
