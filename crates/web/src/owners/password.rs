//! `/settings/password`: a new password with the current one. Every other session ends.

use askama::Template;
use axum::http::HeaderValue;
use axum::response::Response;
use edge::problem::{Code, Problem};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::faults::Faults;
use crate::frame::{self, Frame, Notice};
use crate::instead::Instead;
use crate::posted::OwnerForm;
use crate::visit::Signed;
use crate::wording::{Told, told};

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage<'a> {
    page: &'a Frame,
    email: String,
    min_length: usize,
    faults: Faults,
}

#[derive(Deserialize)]
pub(crate) struct ChangeFields {
    #[serde(default)]
    current_password: Zeroizing<String>,
    #[serde(default)]
    new_password: Zeroizing<String>,
}

pub(crate) async fn show(signed: Signed) -> Result<Response, Instead> {
    let page = signed.frame()?;
    Ok(page.show(&form(&signed, &page, Faults::default())?)?)
}

pub(crate) async fn change(posted: OwnerForm<ChangeFields>) -> Result<Response, Instead> {
    let OwnerForm { signed, fields } = posted;
    let page = signed.frame()?;
    if fields.current_password.is_empty() {
        let faults = Faults::at("current_password", page.say("current-password-missing"));
        let problem = Problem::new(Code::InvalidRequest);
        return Ok(page.show_problem(problem, &form(&signed, &page, faults)?)?);
    }
    let (caller, owner) = (&signed.visit.caller, &signed.owner);
    let changed = signed
        .service()
        .change_password(
            caller,
            owner,
            &fields.current_password,
            &fields.new_password,
        )
        .await;
    match changed {
        Ok(()) => Ok(frame::go_to(
            HeaderValue::from_static("/settings"),
            Some(Notice::PasswordChanged),
        )?),
        Err(error) => {
            let text = "current-password-wrong";
            let Told { problem, faults } = told(&page, error, "current_password", text)?;
            Ok(page.show_problem(problem, &form(&signed, &page, faults)?)?)
        }
    }
}

fn form<'a>(signed: &Signed, page: &'a Frame, faults: Faults) -> Result<PasswordPage<'a>, Instead> {
    Ok(PasswordPage {
        page,
        email: signed.service().session(&signed.owner)?.account.email,
        min_length: signed.service().settings().password_rules.min_length,
        faults,
    })
}
