//! Anybody, with where they come from.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use edge::Edge;
use edge::caller;
use edge::problem::Problem;
use service::Caller;

#[derive(Debug)]
pub(crate) struct Visitor(pub(crate) Caller);

impl<S> FromRequestParts<S> for Visitor
where
    S: Send + Sync,
    Edge: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        caller(parts, &Edge::from_ref(state)).map(Self)
    }
}
