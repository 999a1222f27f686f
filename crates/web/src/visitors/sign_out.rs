//! `/logout`: a form on every page of somebody who is signed in, and a page with the same button for
//! applications that lead here.

use askama::Template;
use axum::http::HeaderValue;
use axum::response::Response;
use edge::cookies::{CLEAR_SITE_DATA, SetCookie};
use serde::Deserialize;

use super::sign_in::Destination;
use crate::address::Params;
use crate::frame::{self, Frame, Notice};
use crate::instead::Instead;
use crate::posted::OwnerForm;
use crate::return_to::ReturnTo;
use crate::visit::Signed;

#[derive(Template)]
#[template(path = "sign_out.html")]
struct SignOutPage<'a> {
    page: &'a Frame,
    return_to: Option<ReturnTo>,
}

#[derive(Deserialize)]
pub(crate) struct SignOutFields {
    #[serde(default)]
    return_to: String,
}

/// An address alone signs nobody out.
pub(crate) async fn show(
    signed: Signed,
    Params(destination): Params<Destination>,
) -> Result<Response, Instead> {
    let page = signed.frame()?;
    Ok(page.show(&SignOutPage {
        page: &page,
        return_to: ReturnTo::parse(&destination.return_to, signed.visit.site()),
    })?)
}

pub(crate) async fn sign_out(form: OwnerForm<SignOutFields>) -> Result<Response, Instead> {
    let OwnerForm { signed, fields } = form;
    let caller = &signed.visit.caller;
    signed.service().sign_out(caller, &signed.owner).await?;
    let return_to = ReturnTo::parse(&fields.return_to, signed.visit.site());
    let place = return_to.and_then(|place| place.header());
    let place = place.unwrap_or(HeaderValue::from_static("/login"));
    let mut response = frame::go_to(place, Some(Notice::SignedOut))?;
    let (name, value) = CLEAR_SITE_DATA;
    response.headers_mut().insert(name, value);
    SetCookie::no_session()?.append_to(response.headers_mut());
    Ok(response)
}
