//! Why somebody does not get the page they asked for.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use edge::problem::Problem;
use url::form_urlencoded::byte_serialize;

#[derive(Debug)]
pub(crate) enum Instead {
    /// They have to go elsewhere first.
    GoTo(HeaderValue),
    Problem(Problem),
}

impl Instead {
    /// Signing in leads back.
    pub(crate) fn sign_in(path: &str) -> Self {
        let place = match path {
            "/" => "/login".to_owned(),
            path => format!("/login?return_to={}", encoded(path)),
        };
        HeaderValue::try_from(place).map_or_else(|_| Self::go_to("/login"), Self::GoTo)
    }

    pub(crate) const fn go_to(path: &'static str) -> Self {
        Self::GoTo(HeaderValue::from_static(path))
    }
}

pub(crate) fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

impl From<Problem> for Instead {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<service::Error> for Instead {
    fn from(error: service::Error) -> Self {
        Self::Problem(error.into())
    }
}

impl IntoResponse for Instead {
    fn into_response(self) -> Response {
        match self {
            Self::GoTo(place) => {
                (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
            }
            Self::Problem(problem) => problem.into_response(),
        }
    }
}
