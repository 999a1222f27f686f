//! `/logout`: a form on every page of somebody who is signed in.

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use edge::cookies::SetCookie;
use serde::Deserialize;

use crate::frame::{self, Notice};
use crate::posted::OwnerForm;
use crate::refused::Refused;
use crate::return_to::ReturnTo;

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

#[derive(Deserialize)]
pub(crate) struct SignOutFields {
    #[serde(default)]
    return_to: String,
}

pub(crate) async fn sign_out(form: OwnerForm<SignOutFields>) -> Result<Response, Refused> {
    let OwnerForm { signed, fields } = form;
    let caller = &signed.visit.caller;
    signed.service().sign_out(caller, &signed.owner).await?;
    let return_to = ReturnTo::parse(&fields.return_to, signed.visit.site());
    let place = return_to.and_then(|place| place.header());
    let place = place.unwrap_or(HeaderValue::from_static("/login"));
    let mut response = frame::go_to(place, Some(Notice::SignedOut))?;
    let headers = response.headers_mut();
    // Not "cookies": the device cookie must live, or the owner is a stranger next time.
    headers.insert(
        CLEAR_SITE_DATA,
        HeaderValue::from_static(r#""cache", "storage""#),
    );
    SetCookie::no_session()?.append_to(headers);
    Ok(response)
}
