//! The addresses of the pages, which are fixed: mails and other people's links hold them.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use edge::layers::surround;
use edge::problem::{Code, Problem};
use edge::{Edge, record_refusals};
use service::Service;

use crate::destination::refuse_embedding;
use crate::errors;
use crate::instead::Instead;
use crate::owners::{home, password, sessions, settings, two_factor};
use crate::presence::note_presence;
use crate::site::Site;
use crate::staff::{Audit, Support, accounts, entry, export, history, state, unlock};
use crate::visit::{Signed, Web};
use crate::visitors::{code, register, reset, sign_in, sign_out, unblock};
use crate::{assets, violations};

/// All pages, and the page for what does not exist. Serve it as the API's router is served.
pub fn router(service: Service, edge: &Edge, site: Site) -> Router {
    let site = Arc::new(site);
    let render = errors::renderer(service.clone(), Arc::clone(&site));
    let record = from_fn_with_state(service.clone(), record_refusals);
    let web = Web {
        service,
        edge: edge.clone(),
        site,
    };
    let router = visitors()
        .merge(owners())
        .merge(staff())
        .layer(record)
        .layer(from_fn(refuse_embedding))
        .fallback(nothing_here)
        .layer(from_fn(note_presence))
        .with_state(web)
        .route("/assets/{fingerprint}/{name}", get(assets::asset))
        .route("/csp-report", post(violations::report))
        .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed));
    surround(router, edge, render)
}

/// Whoever is signed in has their frame here, too.
async fn nothing_here(_: Result<Signed, Instead>) -> Problem {
    Problem::new(Code::NotFound)
}

fn visitors() -> Router<Web> {
    Router::new()
        .route("/login", get(sign_in::show).post(sign_in::present))
        .route("/login/code", get(code::show).post(code::present))
        .route("/logout", get(sign_out::show).post(sign_out::sign_out))
        .route("/register/sent", get(register::show_sent))
        .route("/register", get(register::show).post(register::register))
        .route(
            "/verify/{token}",
            get(register::show_link).post(register::verify),
        )
        .route("/reset/sent", get(reset::show_sent))
        .route("/reset", get(reset::show).post(reset::request))
        .route("/reset/{token}", get(reset::show_link).post(reset::confirm))
        .route("/unblock/sent", get(unblock::show_sent))
        .route("/unblock", get(unblock::show).post(unblock::request))
        .route(
            "/unblock/{token}",
            get(unblock::show_link).post(unblock::confirm),
        )
}

fn owners() -> Router<Web> {
    let two_factor = "/settings/two-factor";
    Router::new()
        .route("/", get(home::show))
        .route("/settings", get(settings::show))
        .route(
            "/settings/password",
            get(password::show).post(password::change),
        )
        .route("/.well-known/change-password", to("/settings/password"))
        .route("/settings/sessions", get(sessions::show))
        .route(
            "/settings/sessions/end",
            to("/settings/sessions").post(sessions::end),
        )
        .route(
            "/settings/sessions/end-others",
            to("/settings/sessions").post(sessions::end_others),
        )
        .route(two_factor, get(two_factor::show))
        .route(
            "/settings/two-factor/enrollment",
            to(two_factor).post(two_factor::start),
        )
        .route(
            "/settings/two-factor/enrollment/confirm",
            to(two_factor).post(two_factor::confirm),
        )
        .route(
            "/settings/two-factor/enrollment/cancel",
            to(two_factor).post(two_factor::cancel),
        )
        .route(
            "/settings/two-factor/disable",
            to(two_factor).post(two_factor::disable),
        )
}

fn staff() -> Router<Web> {
    Router::new()
        .route("/support", get(accounts::show))
        .route(
            "/support/sign-in",
            to("/support").post(entry::sign_in::<Support>),
        )
        .route(
            "/support/sign-out",
            to("/support").post(entry::sign_out::<Support>),
        )
        .route("/support/search", to("/support").post(accounts::search))
        .route("/support/accounts/{id}", get(accounts::examine))
        .route(
            "/support/accounts/{id}/unlock",
            get(unlock::show).post(unlock::unlock),
        )
        .route("/audit", get(history::show))
        .route("/audit/sign-in", to("/audit").post(entry::sign_in::<Audit>))
        .route(
            "/audit/sign-out",
            to("/audit").post(entry::sign_out::<Audit>),
        )
        .route("/audit/search", to("/audit").post(history::find))
        .route("/audit/accounts/{id}", get(history::history))
        .route("/audit/accounts/{id}/state", get(state::state))
        .route("/audit/accounts/{id}/export", get(export::export))
}

/// The address of a form's answer, opened by hand or after signing in again.
fn to(page: &'static str) -> axum::routing::MethodRouter<Web> {
    get(async move || -> Response { Instead::go_to(page).into_response() })
}
