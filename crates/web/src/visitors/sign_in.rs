//! `/login`: the password.

use account::EmailAddress;
use askama::Template;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use edge::cookies::{SESSION_COOKIE, SetCookie};
use edge::credentials::{cookie, device_cookie};
use edge::problem::{Code, Problem};
use serde::Deserialize;
use service::{Error, NewSession, Owner, Service, SignIn, SignInOutcome, Transport};
use zeroize::Zeroizing;

use crate::address::Params;
use crate::faults::Faults;
use crate::frame::{self, Frame};
use crate::instead::{Instead, encoded};
use crate::posted::VisitorForm;
use crate::return_to::ReturnTo;
use crate::visit::Visit;
use crate::wording::{Told, told};

#[derive(Template)]
#[template(path = "login.html")]
pub(super) struct SignInPage<'a> {
    pub(super) page: &'a Frame,
    pub(super) email: &'a str,
    pub(super) return_to: Option<ReturnTo>,
    /// Why they are here.
    pub(super) because: Option<String>,
    pub(super) faults: Faults,
    /// Too many attempts: a mailed link lets this browser through.
    pub(super) may_unblock: bool,
}

#[derive(Default, Deserialize)]
pub(crate) struct Destination {
    #[serde(default)]
    pub(super) return_to: String,
}

#[derive(Deserialize)]
pub(crate) struct SignInFields {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: Zeroizing<String>,
    #[serde(default)]
    return_to: String,
}

/// Whoever is signed in already goes on.
pub(crate) async fn show(
    visit: Visit,
    Params(destination): Params<Destination>,
    headers: HeaderMap,
) -> Result<Response, Instead> {
    let return_to = ReturnTo::parse(&destination.return_to, visit.site());
    if already_signed_in(visit.service(), &headers)
        .await?
        .is_some()
    {
        return Ok(frame::go_to(onward(return_to.as_ref()), None)?);
    }
    let page = visit.frame()?;
    Ok(page.show(&SignInPage {
        page: &page,
        email: "",
        because: return_to.is_some().then(|| page.say("sign-in-to-go-on")),
        return_to,
        faults: Faults::default(),
        may_unblock: false,
    })?)
}

async fn already_signed_in(
    service: &Service,
    headers: &HeaderMap,
) -> Result<Option<Owner>, Problem> {
    let Some(token) = cookie(headers, SESSION_COOKIE)? else {
        return Ok(None);
    };
    match service.authenticate(Transport::Cookie, &token).await {
        Ok(owner) => Ok(Some(owner)),
        Err(Error::Unauthenticated) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn present(
    headers: HeaderMap,
    form: VisitorForm<SignInFields>,
) -> Result<Response, Instead> {
    let VisitorForm { visit, fields, .. } = form;
    let page = visit.frame()?;
    let return_to = ReturnTo::parse(&fields.return_to, visit.site());
    let again = |problem: Problem, faults| {
        let page = SignInPage {
            page: &page,
            email: fields.email.as_str(),
            return_to: return_to.clone(),
            because: None,
            may_unblock: problem.code() == Code::TooManyAttempts,
            faults,
        };
        Ok(page.page.show_problem(problem, &page)?)
    };
    let Ok(email) = fields.email.trim().parse::<EmailAddress>() else {
        let faults = Faults::at("email", page.say("email-invalid"));
        return again(Problem::new(Code::InvalidRequest), faults);
    };
    let attempt = SignIn {
        email,
        password: fields.password.clone(),
        device_token: device_cookie(&headers)?,
        transport: Transport::Cookie,
    };
    match visit.service().sign_in(&visit.caller, attempt).await {
        Ok(SignInOutcome::SignedIn(session)) => {
            Ok(signed_in(&visit, &headers, &session, return_to.as_ref()).await?)
        }
        Ok(SignInOutcome::SecondFactorRequired { token, .. }) => {
            Ok(code_asked_for(&visit, &token, return_to.as_ref())?)
        }
        Err(error) => {
            let Told { problem, faults } = told(&page, error, "password", "sign-in-wrong")?;
            again(problem, faults)
        }
    }
}

/// The session's cookies, and on to where they were going. A session that the browser had before
/// ends: nobody could sign it out there any more.
pub(super) async fn signed_in(
    visit: &Visit,
    headers: &HeaderMap,
    session: &NewSession,
    return_to: Option<&ReturnTo>,
) -> Result<Response, Problem> {
    if let Some(owner) = already_signed_in(visit.service(), headers).await? {
        visit.service().sign_out(&visit.caller, &owner).await?;
    }
    let lifetime = visit.service().settings().policy.session_lifetime;
    let lifetime = lifetime.to_std().map_err(Problem::internal)?;
    let mut response = frame::go_to(onward(return_to), None)?;
    let headers = response.headers_mut();
    SetCookie::session(&session.token, lifetime)?.append_to(headers);
    if let Some(device) = &session.device_token {
        SetCookie::device(device)?.append_to(headers);
    }
    SetCookie::no_challenge()?.append_to(headers);
    Ok(response)
}

fn onward(return_to: Option<&ReturnTo>) -> HeaderValue {
    let place = return_to.and_then(ReturnTo::header);
    place.unwrap_or(HeaderValue::from_static("/"))
}

fn code_asked_for(
    visit: &Visit,
    token: &str,
    return_to: Option<&ReturnTo>,
) -> Result<Response, Problem> {
    let lifetime = visit.service().settings().policy.challenge_lifetime;
    let lifetime = lifetime.to_std().map_err(Problem::internal)?;
    let place = match return_to {
        Some(place) => format!("/login/code?return_to={}", encoded(place.as_str())),
        None => "/login/code".to_owned(),
    };
    let place = HeaderValue::try_from(place).map_err(Problem::internal)?;
    let challenge = SetCookie::challenge(token, lifetime)?;
    Ok((challenge, frame::go_to(place, None)?).into_response())
}
