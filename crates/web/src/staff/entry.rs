//! Signing in to a desk and out again.

use std::marker::PhantomData;

use askama::Template;
use axum::Extension;
use axum::extract::{FromRequestParts, State};
use axum::http::HeaderValue;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use edge::Attendance;
use edge::cookies::SetCookie;
use edge::problem::{Code, Problem};
use serde::Deserialize;
use service::{Error, PAGES_LIFETIME, StaffMember};
use zeroize::Zeroizing;

use super::{Desk, OnDuty, on_the_pages};
use crate::faults::Faults;
use crate::frame::{self, Frame};
use crate::posted::{Nothing, StaffForm, VisitorForm};
use crate::refused::Refused;
use crate::visit::{Visit, Web};

#[derive(Template)]
#[template(path = "staff_sign_in.html")]
struct StaffSignInPage<'a> {
    page: &'a Frame,
    desk: &'static str,
    faults: Faults,
}

/// Somebody at the door of a desk, or at it already.
pub(crate) enum AtDoor<D> {
    Inside(OnDuty<D>),
    Outside(Visit),
}

impl<D: Desk> FromRequestParts<Web> for AtDoor<D> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Refused> {
        let visit = Visit::from_request_parts(parts, web).await?;
        let staff = on_the_pages(parts, web).await?;
        Ok(match staff {
            Some(staff) if staff.member.role() == D::ROLE => Self::Inside(OnDuty {
                visit,
                staff,
                desk: PhantomData,
            }),
            _ => Self::Outside(visit),
        })
    }
}

pub(super) fn door<D: Desk>(visit: &Visit) -> Result<Response, Refused> {
    let page = visit.frame()?.at_desk(D::NAME, None);
    Ok(page.show(&StaffSignInPage {
        page: &page,
        desk: D::NAME,
        faults: Faults::default(),
    })?)
}

#[derive(Deserialize)]
pub(crate) struct TokenFields {
    #[serde(default)]
    token: Zeroizing<String>,
}

pub(crate) async fn sign_in<D: Desk>(
    State(web): State<Web>,
    Extension(attendance): Extension<Attendance>,
    form: VisitorForm<TokenFields>,
) -> Result<Response, Refused> {
    let VisitorForm { visit, fields, .. } = form;
    let page = visit.frame()?.at_desk(D::NAME, None);
    let refuse = |problem: Problem, text: &str| {
        let again = StaffSignInPage {
            page: &page,
            desk: D::NAME,
            faults: Faults::at("token", page.say(text)),
        };
        Ok(page.show_problem(problem, &again)?)
    };
    let member = match web.service.authenticate_staff(fields.token.trim()).await {
        Ok(member) => member,
        Err(error @ Error::Unauthenticated) => {
            return refuse(error.into(), "staff-token-wrong");
        }
        Err(error) => return Err(error.into()),
    };
    attendance.attended_by(member.clone());
    if member.role() != D::ROLE {
        return refuse(Problem::new(Code::Forbidden), "staff-other-desk");
    }
    Ok(enter::<D>(&visit, &member).await?)
}

async fn enter<D: Desk>(visit: &Visit, member: &StaffMember) -> Result<Response, Problem> {
    let service = visit.service();
    let token = service.enter_pages(&visit.caller, member).await?;
    let lifetime = PAGES_LIFETIME.to_std().map_err(Problem::internal)?;
    let cookie = SetCookie::staff(&token, lifetime)?;
    let place = HeaderValue::from_static(D::PATH);
    Ok((cookie, frame::go_to(place, None)?).into_response())
}

pub(crate) async fn sign_out<D: Desk>(form: StaffForm<D, Nothing>) -> Result<Response, Refused> {
    let on_duty = form.staff;
    let caller = &on_duty.visit.caller;
    let service = on_duty.service();
    service.leave_pages(caller, &on_duty.staff).await?;
    let place = HeaderValue::from_static(D::PATH);
    Ok((SetCookie::no_staff()?, frame::go_to(place, None)?).into_response())
}
