//! The operators' listener: loopback by default, never public.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use edge::problem::{Code, Problem};
use edge::{Edge, HttpSettings, Metrics};
use serde::Serialize;
use service::Service;
use url::Url;

use crate::figures;
use crate::layers::surround_internal;
use crate::routes::method_not_allowed;

/// `/livez`, `/readyz` and `/metrics`.
pub fn internal_router(service: Service, metrics: Metrics, public_url: Url) -> Router {
    let ids = service.clone();
    let settings = HttpSettings {
        public_url,
        trusted_proxies: Vec::new(),
    };
    let edge = Edge::new(&settings, metrics.clone(), move || ids.request_id());
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .fallback(async || Problem::new(Code::NotFound))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(Operated { service, metrics });
    surround_internal(router, &edge)
}

#[derive(Clone, Debug)]
struct Operated {
    service: Service,
    metrics: Metrics,
}

#[derive(Debug, Serialize)]
struct Status {
    status: &'static str,
}

async fn livez() -> Json<Status> {
    Json(Status { status: "alive" })
}

/// The database answers and migrations are current.
async fn readyz(State(operated): State<Operated>) -> Result<Json<Status>, Problem> {
    match operated.service.readiness().await {
        Ok(()) => Ok(Json(Status { status: "ready" })),
        Err(not_ready) => Err(Problem::new(Code::Unavailable).with_detail(not_ready.to_string())),
    }
}

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

async fn scrape(State(operated): State<Operated>) -> Result<impl IntoResponse, Problem> {
    let figures = operated.service.figures().await?;
    let text = figures::text(&operated.metrics, &figures).map_err(Problem::internal)?;
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text))
}
