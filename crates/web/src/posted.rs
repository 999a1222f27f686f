//! Forms that come back. A handler that changes something takes one of these types, and cannot be
//! reached without a token that we wrote into the form, for this browser and this caller.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use edge::layers::{BODY_LIMIT, is_too_long};
use edge::problem::{Code, FieldError, Problem};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use service::FormFor;
use url::form_urlencoded::parse;

use crate::instead::Instead;
use crate::staff::{AtDesk, Desk};
use crate::visit::{Signed, Visit, Web};

const FORM: &str = "application/x-www-form-urlencoded";

/// Nobody reads and fills a form in less (ASVS-2.4.2). What a program sends at its leisure is held by
/// the budgets for mail.
const READING: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Guard {
    #[serde(default)]
    form_token: String,
}

/// A form for anybody.
pub(crate) struct VisitorForm<T> {
    pub(crate) visit: Visit,
    pub(crate) fields: T,
    age: chrono::Duration,
}

impl<T> VisitorForm<T> {
    /// Waits until a person could have filled the form.
    pub(crate) async fn linger(&self) {
        let age = self.age.to_std().unwrap_or_default();
        tokio::time::sleep(READING.saturating_sub(age)).await;
    }
}

impl<T: DeserializeOwned> FromRequest<Web> for VisitorForm<T> {
    type Rejection = Instead;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Instead> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, web).await?;
        let bytes = form(parts, body).await?;
        let age = guard(&visit, FormFor::Visitor, &bytes)?;
        Ok(Self {
            visit,
            fields: fields(&bytes)?,
            age,
        })
    }
}

/// A form of a signed-in account.
pub(crate) struct OwnerForm<T> {
    pub(crate) signed: Signed,
    pub(crate) fields: T,
}

impl<T: DeserializeOwned> FromRequest<Web> for OwnerForm<T> {
    type Rejection = Instead;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Instead> {
        let (mut parts, body) = request.into_parts();
        let signed = Signed::from_request_parts(&mut parts, web).await?;
        let bytes = form(parts, body).await?;
        guard(&signed.visit, signed.form(), &bytes)?;
        let fields = fields(&bytes)?;
        Ok(Self { signed, fields })
    }
}

/// A form of a member of staff at their desk.
pub(crate) struct StaffForm<D, T> {
    pub(crate) staff: AtDesk<D>,
    pub(crate) fields: T,
}

impl<D: Desk, T: DeserializeOwned> FromRequest<Web> for StaffForm<D, T> {
    type Rejection = Instead;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Instead> {
        let (mut parts, body) = request.into_parts();
        let staff = AtDesk::from_request_parts(&mut parts, web).await?;
        let bytes = form(parts, body).await?;
        guard(&staff.visit, staff.form(), &bytes)?;
        let fields = fields(&bytes)?;
        Ok(Self { staff, fields })
    }
}

/// Nothing but the token.
#[derive(Deserialize)]
pub(crate) struct Nothing {}

/// The bytes of a form. Whoever sends it is known by then, so that a refusal is theirs.
async fn form(parts: Parts, body: Body) -> Result<Bytes, Problem> {
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    let essence = content_type.and_then(|value| value.to_str().ok()?.split(';').next());
    if !essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(FORM)) {
        return Err(Problem::new(Code::UnsupportedMediaType));
    }
    match to_bytes(body, BODY_LIMIT).await {
        Ok(bytes) => Ok(bytes),
        Err(error) if is_too_long(&error) => Err(Problem::new(Code::PayloadTooLarge)),
        Err(_) => Err(Problem::new(Code::InvalidRequest)),
    }
}

fn guard(visit: &Visit, whom: FormFor, bytes: &[u8]) -> Result<chrono::Duration, Problem> {
    let Guard { form_token } = fields(bytes)?;
    visit
        .form_age(whom, &form_token)
        .ok_or_else(|| Problem::new(Code::CrossSiteRequest))
}

fn fields<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // The parser puts U+FFFD for what is no UTF-8; a password must not change on its way.
    let altered = parse(bytes).any(|(_, value)| value.contains(char::REPLACEMENT_CHARACTER));
    let fields = serde_urlencoded::from_bytes(bytes)
        .ok()
        .filter(|_| !altered);
    fields.ok_or_else(|| Problem::invalid(vec![FieldError::new("", "is not a form of this page")]))
}
