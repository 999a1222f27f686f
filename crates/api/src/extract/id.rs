//! Names in paths. What is no name of its kind names nothing, so it is not found.

use std::str::FromStr;

use account::{AccountId, SessionId};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use edge::problem::{Code, Problem};
use uuid::Uuid;

use super::query::position;

#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountPath(pub(crate) AccountId);

#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionPath(pub(crate) SessionId);

/// The position of an event in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PositionPath(pub(crate) u64);

/// What names a tile of the log.
#[derive(Clone, Debug)]
pub(crate) struct TilePath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for AccountPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        id(parts, state).await.map(AccountId::from_uuid).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        id(parts, state).await.map(SessionId::from_uuid).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PositionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        named(parts, state, "position", position).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TilePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let tile = |text: &str| Some(text.to_owned());
        named(parts, state, "tile", tile).await.map(Self)
    }
}

async fn id<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Uuid, Problem> {
    named(parts, state, "id", canonical).await
}

async fn named<S: Send + Sync, T>(
    parts: &mut Parts,
    state: &S,
    parameter: &str,
    read: impl Fn(&str) -> Option<T> + Send,
) -> Result<T, Problem> {
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| Problem::new(Code::NotFound))?;
    let found = params.iter().find(|(name, _)| *name == parameter);
    found
        .and_then(|(_, value)| read(value))
        .ok_or_else(|| Problem::new(Code::NotFound))
}

/// One spelling of each id, the one that we hand out, in either case: no braces, no URNs.
fn canonical(text: &str) -> Option<Uuid> {
    const HYPHENATED: usize = 36;
    (text.len() == HYPHENATED)
        .then(|| Uuid::from_str(text).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = "0193d1a0-7e1b-7c3a-9f00-0123456789ab";
        assert!(canonical(id).is_some());
        assert_eq!(canonical(&id.to_uppercase()), canonical(id));
        for other in [
            "",
            "me",
            "0193d1a07e1b7c3a9f000123456789ab",
            "{0193d1a0-7e1b-7c3a-9f00-0123456789ab}",
            "urn:uuid:0193d1a0-7e1b-7c3a-9f00-0123456789ab",
            "0193d1a0-7e1b-7c3a-9f00-0123456789zz",
        ] {
            assert!(canonical(other).is_none(), "{other}");
        }
    }
}
