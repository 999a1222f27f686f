//! Failures as pages: what happened, what to do, and the request's id for whoever is asked.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::response::Response;
use edge::layers::{Asked, Render};
use edge::problem::{Code, Problem};
use service::{FormFor, Service};

use crate::frame::{self, Frame};
use crate::language::Language;
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
    Render::new(move |bare, problem, asked| shown(&service, &site, problem, asked).unwrap_or(bare))
}

fn shown(
    service: &Service,
    site: &Arc<Site>,
    problem: &Problem,
    asked: &Asked,
) -> Result<Response, Problem> {
    let language = Language::negotiated(asked.accept_language.as_ref());
    let token = service.form_token("", FormFor::Visitor);
    let page = Frame::new(language, Arc::clone(site), service.nonce()?, token);
    let kind = kind(problem.code());
    let advice = match problem.retry_after_seconds() {
        Some(seconds) => page.with(
            &format!("problem-{kind}-advice"),
            "wait",
            frame::wait(page.language(), Duration::from_secs(seconds)),
        ),
        None => page.say(&format!("problem-{kind}-advice")),
    };
    page.show_problem(
        problem.clone(),
        &ProblemPage {
            page: &page,
            title: page.say(&format!("problem-{kind}-title")),
            advice,
            request_id: &asked.request_id,
        },
    )
}

/// What a person can do about a failure: they are told no finer than that.
const fn kind(code: Code) -> &'static str {
    match code {
        Code::NotFound | Code::MethodNotAllowed => "not-found",
        Code::CrossSiteRequest => "form",
        Code::TokenExpired => "link",
        Code::Forbidden => "forbidden",
        Code::TooManyAttempts => "wait",
        Code::Unavailable | Code::Overloaded => "unavailable",
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
