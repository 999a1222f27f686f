//! The two mailed links that lead to a new password. Opening one shows a form and spends nothing:
//! mail scanners open links.

use askama::Template;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use edge::cookies::SetCookie;
use serde::Deserialize;
use service::{Error, MailedLink, Secret};
use zeroize::Zeroizing;

use crate::faults::Faults;
use crate::frame::{Frame, Notice, go_to};
use crate::instead::Instead;
use crate::posted::VisitorForm;
use crate::visit::Visit;
use crate::wording::{Told, told};

/// One of the two.
pub(super) struct Choose {
    /// The beginning of its texts' names.
    pub(super) text: &'static str,
    /// What the sign-in page says then.
    pub(super) done: Notice,
    /// Before the token.
    pub(super) path: &'static str,
    pub(super) link: MailedLink,
    /// Whether somebody who lost a device may be reading.
    pub(super) warns_of_resets: bool,
}

#[derive(Template)]
#[template(path = "choose_password.html")]
struct ChoosePage<'a> {
    page: &'a Frame,
    choose: &'a Choose,
    token: &'a str,
    min_length: usize,
    faults: Faults,
}

#[derive(Deserialize)]
pub(crate) struct PasswordFields {
    #[serde(default)]
    pub(super) new_password: Zeroizing<String>,
}

impl Choose {
    fn page<'a>(&'a self, visit: &Visit, page: &'a Frame, token: &'a str) -> ChoosePage<'a> {
        ChoosePage {
            page,
            choose: self,
            token,
            min_length: visit.service().settings().password_rules.min_length,
            faults: Faults::default(),
        }
    }
}

pub(super) async fn show(visit: &Visit, choose: &Choose, token: &str) -> Result<Response, Instead> {
    visit.service().link_is_open(choose.link, token).await?;
    let page = visit.frame()?;
    Ok(page.show(&choose.page(visit, &page, token))?)
}

/// The browser is known from now on.
pub(super) async fn answer(
    form: VisitorForm<PasswordFields>,
    choose: &Choose,
    token: &str,
    then: impl AsyncFnOnce(&Visit, &str) -> Result<Secret, Error>,
) -> Result<Response, Instead> {
    let VisitorForm { visit, fields, .. } = form;
    let page = visit.frame()?;
    match then(&visit, &fields.new_password).await {
        Ok(device) => {
            let next = go_to(HeaderValue::from_static("/login"), Some(choose.done))?;
            Ok((SetCookie::device(&device)?, next).into_response())
        }
        Err(error) => {
            let Told { problem, faults } = told(&page, error, "new_password", "")?;
            let again = ChoosePage {
                faults,
                ..choose.page(&visit, &page, token)
            };
            Ok(page.show_problem(problem, &again)?)
        }
    }
}
