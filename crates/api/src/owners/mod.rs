//! Calls of a signed-in account about itself. Which account it is comes from the session alone.

mod password;
mod session;
mod sessions;
mod settings;
mod two_factor;

use account::event::Factor;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(session::session))
        .routes(routes!(session::sign_out))
        .routes(routes!(sessions::sessions, sessions::end_other_sessions))
        .routes(routes!(sessions::end_session))
        .routes(routes!(settings::settings))
        .routes(routes!(password::change_password))
        .routes(routes!(
            two_factor::start_enrollment,
            two_factor::cancel_enrollment
        ))
        .routes(routes!(two_factor::confirm_enrollment))
        .routes(routes!(two_factor::disable_two_factor))
}

/// What a session was proved with.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Factor)]
#[serde(rename_all = "snake_case")]
enum ProvedFactor {
    Password,
    Totp,
}

impl ProvedFactor {
    const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
        }
    }

    fn list(factors: &[Factor]) -> Vec<Self> {
        factors.iter().copied().map(Self::from).collect()
    }
}

impl From<Factor> for ProvedFactor {
    fn from(factor: Factor) -> Self {
        match factor {
            Factor::Password => Self::Password,
            Factor::Totp => Self::Totp,
        }
    }
}
