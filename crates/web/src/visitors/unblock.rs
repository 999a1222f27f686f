//! `/unblock`: for an owner on a new browser while strangers guess. The mailed link opens nothing
//! but the way to the password.

use askama::Template;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use edge::cookies::SetCookie;
use service::MailedLink;

use super::ask::{self, AddressFields, Ask};
use crate::address::LinkToken;
use crate::frame::{Frame, Notice, go_to};
use crate::instead::Instead;
use crate::posted::{Nothing, VisitorForm};
use crate::visit::Visit;

const UNBLOCK: Ask = Ask {
    text: "unblock",
    path: "/unblock",
    sent: "unblock-requested",
    sent_path: "/unblock/sent",
    warns_of_resets: false,
};

#[derive(Template)]
#[template(path = "unblock_link.html")]
struct UnblockLinkPage<'a> {
    page: &'a Frame,
    token: &'a str,
}

pub(crate) async fn show_sent(visit: Visit) -> Result<Response, Instead> {
    ask::show_sent(&visit, &UNBLOCK)
}

pub(crate) async fn show(visit: Visit) -> Result<Response, Instead> {
    ask::show(&visit, &UNBLOCK)
}

pub(crate) async fn request(form: VisitorForm<AddressFields>) -> Result<Response, Instead> {
    let request = async |visit: &Visit, email: &_| {
        visit.service().request_unblock(&visit.caller, email).await
    };
    ask::answer(form, &UNBLOCK, request).await
}

/// Shows a button and spends nothing: mail scanners open links.
pub(crate) async fn show_link(
    visit: Visit,
    LinkToken(token): LinkToken,
) -> Result<Response, Instead> {
    let service = visit.service();
    service.link_is_open(MailedLink::Unblock, &token).await?;
    let page = visit.frame()?;
    Ok(page.show(&UnblockLinkPage {
        page: &page,
        token: &token,
    })?)
}

pub(crate) async fn confirm(
    LinkToken(token): LinkToken,
    form: VisitorForm<Nothing>,
) -> Result<Response, Instead> {
    let visit = form.visit;
    let device = visit
        .service()
        .confirm_unblock(&visit.caller, &token)
        .await?;
    let login = HeaderValue::from_static("/login");
    let next = go_to(login, Some(Notice::BrowserUnblocked))?;
    Ok((SetCookie::device(&device)?, next).into_response())
}
