//! Failures as pages: what happened, what to do, and the request's id for whoever is asked.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::response::Response;
use edge::layers::{Asked, Render};
use edge::problem::{Code, Problem};
use service::{FormFor, Service};

use crate::frame::{Area, Frame, wait};
use crate::language::Language;
use crate::presence::Presence;
use crate::site::Site;

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    page: &'a Frame,
    title: String,
    advice: String,
    request_id: &'a str,
}

/// The renderer of the pages' layers. Where not even the random source answers, there is no page.
pub(crate) fn renderer(service: Service, site: Arc<Site>) -> Render {
    Render::new(move |bare, problem, asked| {
        let presence = bare.extensions().get::<Presence>().cloned();
        let frame = frame(&service, &site, &presence.unwrap_or_default(), asked);
        let page = frame.and_then(|frame| shown(&frame, problem, asked));
        page.unwrap_or(bare)
    })
}

/// For whoever is there, if that was proved before the failure.
fn frame(
    service: &Service,
    site: &Arc<Site>,
    presence: &Presence,
    asked: &Asked,
) -> Result<Frame, Problem> {
    let language = Language::negotiated(asked.accept_language.as_ref());
    let (token, area) = match presence.standing() {
        Some(standing) => (
            service.form_token(&standing.browser_key, standing.whom),
            standing.area.clone(),
        ),
        None => (service.form_token("", FormFor::Visitor), Area::Visitor),
    };
    let frame = Frame::new(language, Arc::clone(site), service.nonce()?, token);
    Ok(frame.in_area(area))
}

fn shown(page: &Frame, problem: &Problem, asked: &Asked) -> Result<Response, Problem> {
    let kind = kind(problem.code());
    let advice = match problem.retry_after_seconds() {
        Some(seconds) => page.with(
            &format!("problem-{kind}-advice"),
            "wait",
            wait(page.language(), Duration::from_secs(seconds)),
        ),
        None => page.say(&format!("problem-{kind}-advice")),
    };
    page.show_problem(
        problem.clone(),
        &ProblemPage {
            page,
            title: page.say(&format!("problem-{kind}-title")),
            advice,
            request_id: &asked.request_id,
        },
    )
}

/// What a person can do about a failure: they are told no finer than that.
pub(crate) const fn kind(code: Code) -> &'static str {
    match code {
        Code::NotFound | Code::MethodNotAllowed => "not-found",
        Code::CrossSiteRequest => "form",
        Code::TokenExpired => "link",
        Code::Forbidden => "forbidden",
        Code::TooManyAttempts => "wait",
        Code::Unavailable => "unavailable",
        Code::Overloaded => "overloaded",
        Code::Internal => "internal",
        Code::Unauthenticated
        | Code::InvalidCredentials
        | Code::InvalidCode
        | Code::ChallengeExpired => "sign-in",
        Code::TwoFactorAlreadyEnabled
        | Code::TwoFactorNotEnabled
        | Code::NoEnrollment
        | Code::NothingToUnlock => "state",
        Code::InvalidRequest
        | Code::PayloadTooLarge
        | Code::UnsupportedMediaType
        | Code::PasswordRejected
        | Code::ReasonRequired
        | Code::IdempotencyKeyReused => "request",
    }
}
