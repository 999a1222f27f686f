//! `GET /audit/tile/…`: the log as C2SP's tlog-tiles, for programs that read any such log. Its
//! prefix is `/api/v1/audit`.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use edge::problem::Problem;
use service::Service;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::extract::{Auditor, TilePath};
use crate::openapi::{SIGNED_IN, problems};
use crate::state::Api;

problems!(TileProblems: SIGNED_IN; NotFound, Overloaded);

#[derive(Debug, OpenApi)]
#[openapi(paths(tile))]
struct Document;

/// OpenAPI has no parameter with slashes in it, so the route is described apart from itself.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi()).route("/audit/tile/{*tile}", get(tile))
}

/// A tile of the log, in the form of C2SP's tlog-tiles. A tile never changes, but it is asked for
/// anew each time: every read is on record.
#[utoipa::path(
    get,
    path = "/audit/tile/{tile}",
    tag = "audit",
    params((
        "tile" = String, Path, max_length = 64,
        description = "`<level>/<index>` for hashes, `entries/<index>` for hashes of events, each \
                       after its length; the index in groups of three digits, all but the last \
                       after an x; `.p/<width>` after it, if the tile is not full. Slashes may \
                       stand as they are.",
    )),
    security(("staff_token" = [])),
    responses(
        (
            status = 200, body = Vec<u8>, content_type = "application/octet-stream",
            description = "The tile",
        ),
        TileProblems,
    ),
)]
pub(crate) async fn tile(
    State(service): State<Service>,
    Auditor { caller, member }: Auditor,
    TilePath(path): TilePath,
) -> Result<impl IntoResponse, Problem> {
    let bytes = service.tile(&caller, &member, &path).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes))
}
