//! Forms that come back. A handler that changes something takes one of these types, and cannot be
//! reached without a token that we wrote into the form, for this browser and this caller.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawForm, Request};
use axum::http::request::Parts;
use edge::problem::{Code, FieldError, Problem};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use service::FormFor;

use crate::refused::Refused;
use crate::staff::{Desk, OnDuty};
use crate::visit::{Signed, Visit, Web};

/// Nobody reads and fills a form in less (ASVS-2.4.2).
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
    /// Makes programs that send mail to strangers no faster than people.
    pub(crate) async fn linger(&self) {
        let age = self.age.to_std().unwrap_or_default();
        if age < READING {
            tokio::time::sleep(READING).await;
        }
    }
}

impl<T: DeserializeOwned> FromRequest<Web> for VisitorForm<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Refused> {
        let (mut parts, bytes) = split(request).await?;
        let visit = Visit::from_request_parts(&mut parts, web).await?;
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
    type Rejection = Refused;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Refused> {
        let (mut parts, bytes) = split(request).await?;
        let signed = Signed::from_request_parts(&mut parts, web).await?;
        guard(&signed.visit, signed.form(), &bytes)?;
        let fields = fields(&bytes)?;
        Ok(Self { signed, fields })
    }
}

/// A form of a member of staff at their desk.
pub(crate) struct StaffForm<D, T> {
    pub(crate) staff: OnDuty<D>,
    pub(crate) fields: T,
}

impl<D: Desk, T: DeserializeOwned> FromRequest<Web> for StaffForm<D, T> {
    type Rejection = Refused;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Refused> {
        let (mut parts, bytes) = split(request).await?;
        let staff = OnDuty::from_request_parts(&mut parts, web).await?;
        guard(&staff.visit, staff.form(), &bytes)?;
        let fields = fields(&bytes)?;
        Ok(Self { staff, fields })
    }
}

/// Nothing but the token.
#[derive(Deserialize)]
pub(crate) struct Nothing {}

async fn split(request: Request) -> Result<(Parts, Bytes), Problem> {
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    match RawForm::from_request(request, &()).await {
        Ok(RawForm(bytes)) => Ok((parts, bytes)),
        Err(rejection) => Err(Problem::new(match rejection.status() {
            axum::http::StatusCode::PAYLOAD_TOO_LARGE => Code::PayloadTooLarge,
            axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
            _ => Code::InvalidRequest,
        })),
    }
}

fn guard(visit: &Visit, whom: FormFor, bytes: &[u8]) -> Result<chrono::Duration, Problem> {
    let Guard { form_token } = fields(bytes)?;
    visit
        .form_age(whom, &form_token)
        .ok_or_else(|| Problem::new(Code::CrossSiteRequest))
}

fn fields<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_urlencoded::from_bytes(bytes)
        .map_err(|_| Problem::invalid(vec![FieldError::new("", "is not a form of this page")]))
}
