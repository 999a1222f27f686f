//! Calls that need no session: registering, signing in, and the mailed links.

mod registration;
mod reset;
mod sign_in;
mod unblock;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use edge::cookies::SetCookie;
use edge::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use crate::fields::{Issued, Transport};
use crate::state::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(registration::register))
        .routes(routes!(registration::verify))
        .routes(routes!(sign_in::sign_in))
        .routes(routes!(sign_in::second_factor))
        .routes(routes!(unblock::request_unblock))
        .routes(routes!(unblock::confirm_unblock))
        .routes(routes!(reset::request_reset))
        .routes(routes!(reset::confirm_reset))
}

/// The token by which this client is known from now on.
#[derive(Debug, Serialize, ToSchema)]
struct DeviceAnswer {
    /// To be sent as `device_token` when signing in.
    #[schema(value_type = String, max_length = 200)]
    device_token: Issued,
}

/// The device is known from now on: its token comes back as a cookie, or in the body.
fn device_known(token: Zeroizing<String>, transport: Transport) -> Result<Response, Problem> {
    Ok(match transport {
        Transport::Cookie => {
            (StatusCode::NO_CONTENT, SetCookie::device(&token)?, ()).into_response()
        }
        Transport::Bearer => Json(DeviceAnswer {
            device_token: Issued(token),
        })
        .into_response(),
    })
}
