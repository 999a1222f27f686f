//! Pages for members of staff, each at their desk: `/support` and `/audit`. They sign in with their
//! staff token, for which a cookie of that desk stands for a while.

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
use edge::cookies::{AUDIT_COOKIE, SUPPORT_COOKIE};
use edge::credentials::cookie;
use edge::problem::{Code, Problem};
use service::{Error, FormFor, Service, SignedInStaff, StaffMember};

use crate::frame::{Area, Frame};
use crate::instead::Instead;
use crate::visit::{Visit, Web};

/// Where a role works. Neither does the other's work.
pub(crate) trait Desk: Send {
    const ROLE: Role;
    /// Its path, and the beginning of its texts' names.
    const NAME: &'static str;
    const PATH: &'static str;
    const COOKIE: &'static str;
}

pub(crate) struct Support;
pub(crate) struct Audit;

impl Desk for Support {
    const ROLE: Role = Role::Support;
    const NAME: &'static str = "support";
    const PATH: &'static str = "/support";
    const COOKIE: &'static str = SUPPORT_COOKIE;
}

impl Desk for Audit {
    const ROLE: Role = Role::Auditor;
    const NAME: &'static str = "audit";
    const PATH: &'static str = "/audit";
    const COOKIE: &'static str = AUDIT_COOKIE;
}

/// A member of staff at their desk. Whoever is not signed in is sent to do so; another role is
/// refused, and that is on record.
pub(crate) struct AtDesk<D> {
    pub(crate) visit: Visit,
    pub(crate) staff: SignedInStaff,
    desk: PhantomData<D>,
}

impl<D: Desk> FromRequestParts<Web> for AtDesk<D> {
    type Rejection = Instead;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Instead> {
        let visit = Visit::from_request_parts(parts, web).await?;
        let staff = signed_in::<D>(parts, web).await?;
        let staff = staff.ok_or(Instead::go_to(D::PATH))?;
        Attendance::note(parts, &visit.caller, &staff.member);
        if staff.member.role() != D::ROLE {
            return Err(Problem::new(Code::Forbidden).into());
        }
        let staff = Self {
            visit,
            staff,
            desk: PhantomData,
        };
        staff.visit.note_presence(parts, staff.form(), staff.area());
        Ok(staff)
    }
}

/// Whoever the desk's cookie stands for, if it still does.
async fn signed_in<D: Desk>(parts: &Parts, web: &Web) -> Result<Option<SignedInStaff>, Problem> {
    let Some(token) = cookie(&parts.headers, D::COOKIE)? else {
        return Ok(None);
    };
    match web.service.authenticate_staff_session(&token).await {
        Ok(staff) => Ok(Some(staff)),
        Err(Error::Unauthenticated) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl<D: Desk> AtDesk<D> {
    pub(crate) fn service(&self) -> &Service {
        self.visit.service()
    }

    pub(crate) fn member(&self) -> &StaffMember {
        &self.staff.member
    }

    pub(crate) fn form(&self) -> FormFor {
        FormFor::Staff(self.staff.session_id())
    }

    pub(crate) fn frame(&self) -> Result<Frame, Problem> {
        Ok(self.visit.frame_for(self.form())?.in_area(self.area()))
    }

    fn area(&self) -> Area {
        Area::Staff {
            desk: D::NAME,
            name: Some(self.staff.member.name().to_owned()),
        }
    }
}
