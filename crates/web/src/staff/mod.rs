//! Pages for members of staff, each at their desk: `/support` and `/audit`. They sign in with their
//! staff token, which a cookie of its own stands for until the evening.

pub(crate) mod accounts;
pub(crate) mod entry;
pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod state;
pub(crate) mod unlock;

use std::marker::PhantomData;

use account::staff::Role;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use edge::Attendance;
use edge::cookies::STAFF_COOKIE;
use edge::credentials::cookie;
use edge::problem::{Code, Problem};
use service::{Error, FormFor, Service, StaffMember, StaffOnPages};

use crate::frame::Frame;
use crate::refused::Refused;
use crate::visit::{Visit, Web};

/// Where a role works. Neither does the other's work.
pub(crate) trait Desk: Send {
    const ROLE: Role;
    /// Its path, and the beginning of its texts' names.
    const NAME: &'static str;
    const PATH: &'static str;
}

pub(crate) struct Support;
pub(crate) struct Audit;

impl Desk for Support {
    const ROLE: Role = Role::Support;
    const NAME: &'static str = "support";
    const PATH: &'static str = "/support";
}

impl Desk for Audit {
    const ROLE: Role = Role::Auditor;
    const NAME: &'static str = "audit";
    const PATH: &'static str = "/audit";
}

/// A member of staff at the desk `D`. Whoever is not signed in is sent to do so; another role is
/// refused, and that is on record.
pub(crate) struct OnDuty<D> {
    pub(crate) visit: Visit,
    pub(crate) staff: StaffOnPages,
    desk: PhantomData<D>,
}

impl<D: Desk> FromRequestParts<Web> for OnDuty<D> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Refused> {
        let visit = Visit::from_request_parts(parts, web).await?;
        let staff = on_the_pages(parts, web).await?;
        let staff = staff.ok_or(Refused::go_to(D::PATH))?;
        Attendance::note(parts, staff.member.clone());
        if staff.member.role() != D::ROLE {
            return Err(Problem::new(Code::Forbidden).into());
        }
        Ok(Self {
            visit,
            staff,
            desk: PhantomData,
        })
    }
}

/// Whoever the staff cookie stands for, if it still does.
async fn on_the_pages(parts: &Parts, web: &Web) -> Result<Option<StaffOnPages>, Problem> {
    let Some(token) = cookie(&parts.headers, STAFF_COOKIE)? else {
        return Ok(None);
    };
    match web.service.authenticate_pages(&token).await {
        Ok(staff) => Ok(Some(staff)),
        Err(Error::Unauthenticated) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl<D: Desk> OnDuty<D> {
    pub(crate) fn service(&self) -> &Service {
        self.visit.service()
    }

    pub(crate) fn member(&self) -> &StaffMember {
        &self.staff.member
    }

    pub(crate) fn form(&self) -> FormFor {
        FormFor::Staff(self.staff.member.id())
    }

    pub(crate) fn frame(&self) -> Result<Frame, Problem> {
        let name = self.staff.member.name().to_owned();
        Ok(self
            .visit
            .frame_for(self.form())?
            .at_desk(D::NAME, Some(name)))
    }
}
