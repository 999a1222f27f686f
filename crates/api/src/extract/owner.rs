//! A signed-in account, by its session cookie or by a bearer token.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use edge::credentials::{Presented, presented};
use edge::problem::{Code, Problem};
use edge::{Attendance, caller};
use service::{Caller, Owner, Transport};

use super::staff::STAFF_PREFIX;
use crate::state::Api;

#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) caller: Caller,
    pub(crate) owner: Owner,
}

impl FromRequestParts<Api> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let caller = caller(parts, &api.edge)?;
        let (transport, token) = match presented(&parts.headers)? {
            Presented::Bearer(token) if token.starts_with(STAFF_PREFIX) => {
                let member = api.service.authenticate_staff(&token).await?;
                Attendance::note(parts, &caller, &member);
                return Err(Problem::new(Code::Forbidden));
            }
            Presented::Bearer(token) => (Transport::Bearer, token),
            Presented::SessionCookie(token) => (Transport::Cookie, token),
            Presented::Nothing => return Err(Problem::new(Code::Unauthenticated)),
        };
        let owner = api.service.authenticate(transport, &token).await?;
        Ok(Self { caller, owner })
    }
}
