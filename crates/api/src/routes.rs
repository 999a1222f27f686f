//! The public listener's routes.

use std::future::ready;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use edge::problem::{Code, Problem};
use edge::{Edge, record_refusals};
use service::Service;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::layers::surround;
use crate::openapi::Document;
use crate::state::Api;
use crate::{audit, owners, support, visitors};

/// Everything below `/api/v1`, and `/openapi.json`. Serve it with
/// `into_make_service_with_connect_info::<SocketAddr>`. What it does not know outside of `/api` is
/// left to the router that it is merged with.
pub fn router(service: Service, edge: &Edge) -> Router {
    let api = Api {
        service: service.clone(),
        edge: edge.clone(),
    };
    let (calls, document) = calls().split_for_parts();
    let document = Arc::new(document.to_json().map(Bytes::from));
    let router = calls
        .layer(from_fn_with_state(service, record_refusals))
        .with_state(api)
        .route("/openapi.json", get(move || ready(written(&document))))
        .route("/api", any(not_found))
        .route("/api/", any(not_found))
        .route("/api/{*rest}", any(not_found))
        .method_not_allowed_fallback(method_not_allowed);
    surround(router, edge)
}

/// The OpenAPI document, as it is served.
pub fn openapi() -> OpenApi {
    calls().into_openapi()
}

fn calls() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi()).nest(
        "/api/v1",
        OpenApiRouter::new()
            .merge(visitors::routes())
            .merge(owners::routes())
            .merge(support::routes())
            .merge(audit::routes()),
    )
}

fn written(document: &serde_json::Result<Bytes>) -> Result<Response, Problem> {
    let json = document
        .as_ref()
        .map_err(|error| Problem::internal(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json.clone()).into_response())
}

async fn not_found() -> Problem {
    Problem::new(Code::NotFound)
}

pub(crate) async fn method_not_allowed() -> Problem {
    Problem::new(Code::MethodNotAllowed)
}
