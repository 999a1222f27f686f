//! `/settings/two-factor`: turning it on takes the password and then a code; turning it off takes
//! the password. The QR code and the secret are shown in the answers to two forms and nowhere else:
//! to the one that begins an enrollment, and, for another try, to the one whose code was not
//! accepted.

use askama::Template;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use edge::problem::{Code, Problem};
use serde::Deserialize;
use service::{Enrollment, Error, Secret, TwoFactorView};
use zeroize::Zeroizing;

use crate::faults::Faults;
use crate::frame::{self, Frame, Notice};
use crate::instead::Instead;
use crate::posted::{Nothing, OwnerForm};
use crate::visit::Signed;
use crate::wording::{Moment, Told, moment, told};

const HERE: HeaderValue = HeaderValue::from_static("/settings/two-factor");
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

#[derive(Template)]
#[template(path = "two_factor.html")]
struct TwoFactorPage<'a> {
    page: &'a Frame,
    since: Option<Moment>,
    /// An enrollment is pending, and until when.
    pending: Option<Moment>,
    faults: Faults,
}

#[derive(Template)]
#[template(path = "enrollment.html")]
struct EnrollmentPage<'a> {
    page: &'a Frame,
    qr_svg: &'a str,
    otpauth_uri: &'a str,
    /// In groups of four, as people type it.
    groups: Vec<&'a str>,
    secret: &'a str,
    expires: Moment,
    /// An earlier QR code is void.
    replaces: bool,
    faults: Faults,
}

#[derive(Deserialize)]
pub(crate) struct CurrentPasswordFields {
    #[serde(default)]
    current_password: Zeroizing<String>,
}

#[derive(Deserialize)]
pub(crate) struct CodeFields {
    #[serde(default)]
    code: Zeroizing<String>,
}

pub(crate) async fn show(signed: Signed) -> Result<Response, Instead> {
    let page = signed.frame()?;
    Ok(page.show(&form(&signed, &page, Faults::default()).await?)?)
}

pub(crate) async fn start(posted: OwnerForm<CurrentPasswordFields>) -> Result<Response, Instead> {
    let OwnerForm { signed, fields } = posted;
    let (page, caller) = (signed.frame()?, &signed.visit.caller);
    if fields.current_password.is_empty() {
        return nothing_typed(&signed, &page).await;
    }
    let before = signed.service().owner_settings(&signed.owner).await?;
    let started = signed
        .service()
        .start_enrollment(caller, &signed.owner, &fields.current_password)
        .await;
    match started {
        Ok(enrollment) => Ok(page.show(&EnrollmentPage {
            replaces: matches!(before.two_factor, TwoFactorView::Enrolling { .. }),
            ..with_qr_code(&page, &enrollment, Faults::default())
        })?),
        // In another window: there it says since when.
        Err(Error::TwoFactorAlreadyEnabled) => Ok(frame::go_to(HERE, None)?),
        Err(error) => refuse(&signed, &page, error).await,
    }
}

/// A code that was not accepted costs nothing but another try, with the same QR code. Whatever was
/// typed is judged, and so on record, before the secret is shown again.
pub(crate) async fn confirm(posted: OwnerForm<CodeFields>) -> Result<Response, Instead> {
    let OwnerForm { signed, fields } = posted;
    let (page, caller) = (signed.frame()?, &signed.visit.caller);
    let confirmed = signed
        .service()
        .confirm_enrollment(caller, &signed.owner, &fields.code)
        .await;
    match confirmed {
        Ok(_) => {
            let mut response = frame::go_to(HERE, Some(Notice::TwoFactorEnabled))?;
            // The page with the secret is gone from wherever the browser kept it.
            response
                .headers_mut()
                .insert(CLEAR_SITE_DATA, HeaderValue::from_static(r#""cache""#));
            Ok(response)
        }
        // Pressed twice, done in another window, or too late: the page says how things stand.
        Err(Error::NoEnrollment) => Ok(frame::go_to(HERE, Some(Notice::EnrollmentOver))?),
        Err(error) => {
            let wrong_code = matches!(error, Error::InvalidCode);
            let Told { problem, faults } = told(&page, error, "code", "enrollment-code-wrong")?;
            if wrong_code {
                try_again(&signed, &page, problem, faults).await
            } else {
                Ok(page.show_problem(problem, &form(&signed, &page, faults).await?)?)
            }
        }
    }
}

/// Another session than the one that began it is shown no secret.
async fn try_again(
    signed: &Signed,
    page: &Frame,
    problem: Problem,
    faults: Faults,
) -> Result<Response, Instead> {
    match signed.service().pending_enrollment(&signed.owner).await {
        Ok(enrollment) => Ok(page.show_problem(problem, &with_qr_code(page, &enrollment, faults))?),
        Err(Error::NoEnrollment) => {
            Ok(page.show_problem(problem, &form(signed, page, faults).await?)?)
        }
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn cancel(posted: OwnerForm<Nothing>) -> Result<Response, Instead> {
    let signed = posted.signed;
    let (caller, owner) = (&signed.visit.caller, &signed.owner);
    signed.service().cancel_enrollment(caller, owner).await?;
    Ok(frame::go_to(HERE, Some(Notice::EnrollmentCancelled))?)
}

pub(crate) async fn disable(posted: OwnerForm<CurrentPasswordFields>) -> Result<Response, Instead> {
    let OwnerForm { signed, fields } = posted;
    let (page, caller) = (signed.frame()?, &signed.visit.caller);
    if fields.current_password.is_empty() {
        return nothing_typed(&signed, &page).await;
    }
    let disabled = signed
        .service()
        .disable_two_factor(caller, &signed.owner, &fields.current_password)
        .await;
    match disabled {
        Ok(()) => Ok(frame::go_to(HERE, Some(Notice::TwoFactorDisabled))?),
        Err(Error::TwoFactorNotEnabled) => Ok(frame::go_to(HERE, None)?),
        Err(error) => refuse(&signed, &page, error).await,
    }
}

/// Nothing typed is no attempt.
async fn nothing_typed(signed: &Signed, page: &Frame) -> Result<Response, Instead> {
    let faults = Faults::at("current_password", page.say("current-password-missing"));
    let problem = Problem::new(Code::InvalidRequest);
    Ok(page.show_problem(problem, &form(signed, page, faults).await?)?)
}

async fn refuse(signed: &Signed, page: &Frame, error: Error) -> Result<Response, Instead> {
    let text = "current-password-wrong";
    let Told { problem, faults } = told(page, error, "current_password", text)?;
    Ok(page.show_problem(problem, &form(signed, page, faults).await?)?)
}

async fn form<'a>(
    signed: &Signed,
    page: &'a Frame,
    faults: Faults,
) -> Result<TwoFactorPage<'a>, Instead> {
    let settings = signed.service().owner_settings(&signed.owner).await?;
    let (since, pending) = match settings.two_factor {
        TwoFactorView::Disabled => (None, None),
        TwoFactorView::Enrolling { expires_at } => (None, Some(moment(expires_at))),
        TwoFactorView::Enabled { since } => (Some(moment(since)), None),
    };
    Ok(TwoFactorPage {
        page,
        since,
        pending,
        faults,
    })
}

fn with_qr_code<'a>(
    page: &'a Frame,
    enrollment: &'a Enrollment,
    faults: Faults,
) -> EnrollmentPage<'a> {
    EnrollmentPage {
        page,
        qr_svg: &enrollment.qr_svg,
        otpauth_uri: &enrollment.otpauth_uri,
        groups: groups(&enrollment.secret),
        secret: &enrollment.secret,
        expires: moment(enrollment.expires_at),
        replaces: false,
        faults,
    }
}

/// Base32 is ASCII.
fn groups(secret: &Secret) -> Vec<&str> {
    let starts = (0..secret.len()).step_by(4);
    starts
        .filter_map(|start| secret.get(start..secret.len().min(start + 4)))
        .collect()
}
