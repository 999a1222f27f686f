//! Signing in to a desk and out again.

use std::marker::PhantomData;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use edge::Attendance;
use edge::cookies::{CLEAR_SITE_DATA, SetCookie};
use edge::problem::{Code, Problem};
use serde::Deserialize;
use service::{Error, STAFF_SESSION_LIFETIME, SignedInStaff, StaffMember};
use zeroize::Zeroizing;

use super::{AtDesk, Desk, signed_in};
use crate::faults::Faults;
use crate::frame::{Area, Frame, go_to};
use crate::instead::Instead;
use crate::posted::{Nothing, StaffForm, VisitorForm};
use crate::visit::{Visit, Web};

#[derive(Template)]
#[template(path = "staff_sign_in.html")]
struct StaffSignInPage<'a> {
    page: &'a Frame,
    desk: &'static str,
    faults: Faults,
}

/// Somebody who comes to a desk, or is at it already.
pub(crate) enum Arrival<D> {
    AtDesk(AtDesk<D>),
    Visitor(Visit),
}

impl<D: Desk> FromRequestParts<Web> for Arrival<D> {
    type Rejection = Instead;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Instead> {
        let visit = Visit::from_request_parts(parts, web).await?;
        let staff = signed_in::<D>(parts, web).await?;
        Ok(match staff {
            Some(staff) if staff.member.role() == D::ROLE => Self::AtDesk(AtDesk {
                visit,
                staff,
                desk: PhantomData,
            }),
            _ => Self::Visitor(visit),
        })
    }
}

fn frame<D: Desk>(visit: &Visit) -> Result<Frame, Problem> {
    let (desk, name) = (D::NAME, None);
    Ok(visit.frame()?.in_area(Area::Staff { desk, name }))
}

pub(super) fn sign_in_page<D: Desk>(visit: &Visit) -> Result<Response, Instead> {
    let page = frame::<D>(visit)?;
    Ok(page.show(&StaffSignInPage {
        page: &page,
        desk: D::NAME,
        faults: Faults::default(),
    })?)
}

/// The session that this browser has at the desk: signing in anew ends it.
pub(crate) struct Earlier<D>(Option<SignedInStaff>, PhantomData<D>);

impl<D: Desk> FromRequestParts<Web> for Earlier<D> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Problem> {
        Ok(Self(signed_in::<D>(parts, web).await?, PhantomData))
    }
}

#[derive(Deserialize)]
pub(crate) struct TokenFields {
    #[serde(default)]
    token: Zeroizing<String>,
}

pub(crate) async fn sign_in<D: Desk>(
    Extension(attendance): Extension<Attendance>,
    Earlier(earlier, _): Earlier<D>,
    form: VisitorForm<TokenFields>,
) -> Result<Response, Instead> {
    let VisitorForm { visit, fields, .. } = form;
    let page = frame::<D>(&visit)?;
    let refuse = |problem: Problem, text: &str| {
        let again = StaffSignInPage {
            page: &page,
            desk: D::NAME,
            faults: Faults::at("token", page.say(text)),
        };
        Ok(page.show_problem(problem, &again)?)
    };
    let member = match visit
        .service()
        .authenticate_staff(fields.token.trim())
        .await
    {
        Ok(member) => member,
        Err(error @ Error::Unauthenticated) => {
            return refuse(error.into(), "staff-token-wrong");
        }
        Err(error) => return Err(error.into()),
    };
    attendance.attended_by(&visit.caller, &member);
    if member.role() != D::ROLE {
        return refuse(Problem::new(Code::Forbidden), "staff-other-desk");
    }
    if let Some(earlier) = earlier {
        visit
            .service()
            .sign_out_staff(&visit.caller, &earlier)
            .await?;
    }
    Ok(enter::<D>(&visit, &member).await?)
}

async fn enter<D: Desk>(visit: &Visit, member: &StaffMember) -> Result<Response, Problem> {
    let service = visit.service();
    let token = service.sign_in_staff(&visit.caller, member).await?;
    let lifetime = STAFF_SESSION_LIFETIME.to_std().map_err(Problem::internal)?;
    let cookie = SetCookie::staff((D::COOKIE, D::PATH), &token, lifetime)?;
    let place = HeaderValue::from_static(D::PATH);
    Ok((cookie, go_to(place, None)?).into_response())
}

pub(crate) async fn sign_out<D: Desk>(form: StaffForm<D, Nothing>) -> Result<Response, Instead> {
    let staff = form.staff;
    let caller = &staff.visit.caller;
    let service = staff.service();
    service.sign_out_staff(caller, &staff.staff).await?;
    let place = HeaderValue::from_static(D::PATH);
    let cookie = SetCookie::staff((D::COOKIE, D::PATH), "", Duration::ZERO)?;
    Ok(([CLEAR_SITE_DATA], cookie, go_to(place, None)?).into_response())
}
