//! What stands in a page's address. What is none of ours is a page that does not exist.

use account::AccountId;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use edge::problem::{Code, FieldError, Problem};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// The account that a page of staff is about.
pub(crate) struct AccountPath(pub(crate) AccountId);

impl<S: Send + Sync> FromRequestParts<S> for AccountPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = last_segment(parts, state).await?;
        id.parse()
            .map(Self)
            .map_err(|_| Problem::new(Code::NotFound))
    }
}

/// The same for a form, whose sender has to be known before anything is refused.
pub(crate) struct AccountSegment(Zeroizing<String>);

impl AccountSegment {
    pub(crate) fn account(&self) -> Result<AccountId, Problem> {
        self.0.parse().map_err(|_| Problem::new(Code::NotFound))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AccountSegment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        last_segment(parts, state).await.map(Self)
    }
}

/// The token of a mailed link.
pub(crate) struct LinkToken(pub(crate) Zeroizing<String>);

impl<S: Send + Sync> FromRequestParts<S> for LinkToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        last_segment(parts, state).await.map(Self)
    }
}

async fn last_segment<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<Zeroizing<String>, Problem> {
    let segment = Path::<Zeroizing<String>>::from_request_parts(parts, state).await;
    let Path(segment) = segment.map_err(|_| Problem::new(Code::NotFound))?;
    Ok(segment)
}

/// The query of an address.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(_) => Err(Problem::invalid(vec![FieldError::new(
                "",
                "the address has a part that is repeated or out of bounds",
            )])),
        }
    }
}
