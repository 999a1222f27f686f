//! `/login/code`: the code, asked for at once after the password.

use askama::Template;
use axum::http::HeaderMap;
use axum::response::Response;
use edge::cookies::{CHALLENGE_COOKIE, SetCookie};
use edge::credentials::cookie;
use edge::problem::{Code, Problem};
use serde::Deserialize;
use service::{Error, Transport, is_code};
use zeroize::Zeroizing;

use super::sign_in::{Destination, SignInPage, signed_in};
use crate::address::Params;
use crate::faults::Faults;
use crate::frame::Frame;
use crate::instead::Instead;
use crate::posted::VisitorForm;
use crate::return_to::ReturnTo;
use crate::visit::Visit;
use crate::wording::{Told, told};

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage<'a> {
    page: &'a Frame,
    return_to: Option<ReturnTo>,
    faults: Faults,
}

#[derive(Deserialize)]
pub(crate) struct CodeFields {
    #[serde(default)]
    code: Zeroizing<String>,
    #[serde(default)]
    return_to: String,
}

pub(crate) async fn show(
    visit: Visit,
    headers: HeaderMap,
    Params(destination): Params<Destination>,
) -> Result<Response, Instead> {
    let return_to = ReturnTo::parse(&destination.return_to, visit.site());
    if cookie(&headers, CHALLENGE_COOKIE)?.is_none() {
        return Err(Instead::sign_in(
            return_to.as_ref().map_or("/", ReturnTo::as_str),
        ));
    }
    let page = visit.frame()?;
    Ok(page.show(&CodePage {
        page: &page,
        return_to,
        faults: Faults::default(),
    })?)
}

pub(crate) async fn present(
    headers: HeaderMap,
    form: VisitorForm<CodeFields>,
) -> Result<Response, Instead> {
    let VisitorForm { visit, fields, .. } = form;
    let page = visit.frame()?;
    let return_to = ReturnTo::parse(&fields.return_to, visit.site());
    let Some(challenge) = cookie(&headers, CHALLENGE_COOKIE)? else {
        return start_again(&page, return_to);
    };
    if !is_code(&fields.code) {
        let page = CodePage {
            page: &page,
            return_to,
            faults: Faults::at("code", page.say("code-six-digits")),
        };
        let problem = Problem::new(Code::InvalidRequest);
        return Ok(page.page.show_problem(problem, &page)?);
    }
    let session = visit
        .service()
        .second_factor(&visit.caller, &challenge, &fields.code, Transport::Cookie)
        .await;
    match session {
        Ok(session) => Ok(signed_in(&visit, &headers, &session, return_to.as_ref()).await?),
        Err(Error::ChallengeExpired) => start_again(&page, return_to),
        Err(error) => {
            let Told { problem, faults } = told(&page, error, "code", "code-wrong")?;
            let page = CodePage {
                page: &page,
                return_to,
                faults,
            };
            Ok(page.page.show_problem(problem, &page)?)
        }
    }
}

fn start_again(page: &Frame, return_to: Option<ReturnTo>) -> Result<Response, Instead> {
    let mut response = page.show_problem(
        Problem::new(Code::ChallengeExpired),
        &SignInPage {
            page,
            email: "",
            return_to,
            because: Some(page.say("challenge-expired")),
            faults: Faults::default(),
            may_unblock: false,
        },
    )?;
    SetCookie::no_challenge()?.append_to(response.headers_mut());
    Ok(response)
}
