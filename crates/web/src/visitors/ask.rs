//! The three pages that ask for an address and answer alike whatever it has: what comes next is in
//! a mail.

use account::EmailAddress;
use askama::Template;
use axum::http::HeaderValue;
use axum::response::Response;
use edge::problem::{Code, Problem};
use serde::Deserialize;
use service::Error;

use crate::faults::Faults;
use crate::frame::{Frame, go_to};
use crate::instead::Instead;
use crate::posted::VisitorForm;
use crate::visit::Visit;

/// One of the three.
pub(super) struct Ask {
    /// The beginning of its texts' names.
    pub(super) text: &'static str,
    pub(super) path: &'static str,
    /// The beginning of the texts' names of the page that says that a mail is on its way.
    pub(super) sent: &'static str,
    /// The address of that page, which can be loaded again without another mail.
    pub(super) sent_path: &'static str,
    /// Whether somebody who lost a device may be reading.
    pub(super) warns_of_resets: bool,
}

#[derive(Template)]
#[template(path = "ask.html")]
struct AskPage<'a> {
    page: &'a Frame,
    ask: &'a Ask,
    email: &'a str,
    faults: Faults,
}

#[derive(Template)]
#[template(path = "sent.html")]
struct SentPage<'a> {
    page: &'a Frame,
    ask: &'a Ask,
}

#[derive(Deserialize)]
pub(crate) struct AddressFields {
    #[serde(default)]
    email: String,
}

pub(super) fn show(visit: &Visit, ask: &Ask) -> Result<Response, Instead> {
    let page = visit.frame()?;
    Ok(page.show(&AskPage {
        page: &page,
        ask,
        email: "",
        faults: Faults::default(),
    })?)
}

pub(super) async fn answer(
    form: VisitorForm<AddressFields>,
    ask: &Ask,
    then: impl AsyncFnOnce(&Visit, &EmailAddress) -> Result<(), Error>,
) -> Result<Response, Instead> {
    form.linger().await;
    let VisitorForm { visit, fields, .. } = form;
    let page = visit.frame()?;
    let Ok(email) = fields.email.trim().parse::<EmailAddress>() else {
        let again = AskPage {
            page: &page,
            ask,
            email: &fields.email,
            faults: Faults::at("email", page.say("email-invalid")),
        };
        return Ok(page.show_problem(Problem::new(Code::InvalidRequest), &again)?);
    };
    then(&visit, &email).await?;
    Ok(go_to(HeaderValue::from_static(ask.sent_path), None)?)
}

pub(super) fn show_sent(visit: &Visit, ask: &Ask) -> Result<Response, Instead> {
    let page = visit.frame()?;
    Ok(page.show(&SentPage { page: &page, ask })?)
}
