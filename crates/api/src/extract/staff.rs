//! Members of staff, by their bearer token and in their role. A support agent is no auditor, an
//! auditor no support agent, and neither is an owner.

use account::staff::Role;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use edge::credentials::{Presented, presented};
use edge::problem::{Code, Problem};
use edge::{Attendance, caller};
use service::{Caller, StaffMember, Transport};

use crate::state::Api;

pub(super) const STAFF_PREFIX: &str = "cs_staff_";

#[derive(Debug)]
pub(crate) struct SupportAgent {
    pub(crate) caller: Caller,
    pub(crate) member: StaffMember,
}

#[derive(Debug)]
pub(crate) struct Auditor {
    pub(crate) caller: Caller,
    pub(crate) member: StaffMember,
}

impl FromRequestParts<Api> for SupportAgent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (caller, member) = staff(parts, api, Role::Support).await?;
        Ok(Self { caller, member })
    }
}

impl FromRequestParts<Api> for Auditor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (caller, member) = staff(parts, api, Role::Auditor).await?;
        Ok(Self { caller, member })
    }
}

/// Somebody, but nobody of the staff.
async fn an_owner(api: &Api, transport: Transport, token: &str) -> Problem {
    match api.service.authenticate(transport, token).await {
        Ok(_) => Problem::new(Code::Forbidden),
        Err(error) => error.into(),
    }
}

async fn staff(parts: &Parts, api: &Api, role: Role) -> Result<(Caller, StaffMember), Problem> {
    let caller = caller(parts, &api.edge)?;
    let token = match presented(&parts.headers)? {
        Presented::Bearer(token) if token.starts_with(STAFF_PREFIX) => token,
        Presented::Bearer(token) => return Err(an_owner(api, Transport::Bearer, &token).await),
        Presented::SessionCookie(token) => {
            return Err(an_owner(api, Transport::Cookie, &token).await);
        }
        Presented::Nothing => return Err(Problem::new(Code::Unauthenticated)),
    };
    let member = api.service.authenticate_staff(&token).await?;
    Attendance::note(parts, &caller, &member);
    if member.role() == role {
        Ok((caller, member))
    } else {
        Err(Problem::new(Code::Forbidden))
    }
}
