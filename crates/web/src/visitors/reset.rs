//! `/reset` asks for an address; the mailed link, `/reset/<token>`, for the new password.

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use edge::cookies::SetCookie;
use edge::credentials::device_cookie;
use service::MailedLink;

use super::ask::{self, AddressFields, Ask};
use super::choose_password::{self, Choose, PasswordFields};
use crate::address::LinkToken;
use crate::frame::Notice;
use crate::instead::Instead;
use crate::posted::VisitorForm;
use crate::visit::Visit;

const RESET: Ask = Ask {
    text: "reset",
    path: "/reset",
    sent: "reset-requested",
    sent_path: "/reset/sent",
    warns_of_resets: true,
};

const CONFIRM: Choose = Choose {
    text: "reset-link",
    done: Notice::PasswordReset,
    path: "/reset",
    link: MailedLink::Reset,
    warns_of_resets: true,
};

pub(crate) async fn show_sent(visit: Visit) -> Result<Response, Instead> {
    ask::show_sent(&visit, &RESET)
}

pub(crate) async fn show(visit: Visit) -> Result<Response, Instead> {
    ask::show(&visit, &RESET)
}

pub(crate) async fn request(
    headers: HeaderMap,
    form: VisitorForm<AddressFields>,
) -> Result<Response, Instead> {
    let device = device_cookie(&headers)?;
    let request = async |visit: &Visit, email: &_| {
        let service = visit.service();
        service.request_reset(&visit.caller, email, device).await
    };
    ask::answer(form, &RESET, request).await
}

pub(crate) async fn show_link(
    visit: Visit,
    LinkToken(token): LinkToken,
) -> Result<Response, Instead> {
    choose_password::show(&visit, &CONFIRM, &token).await
}

/// The account's sessions have ended: whatever session this browser had, it starts anew.
pub(crate) async fn confirm(
    LinkToken(token): LinkToken,
    form: VisitorForm<PasswordFields>,
) -> Result<Response, Instead> {
    let confirm = async |visit: &Visit, password: &str| {
        let service = visit.service();
        service.confirm_reset(&visit.caller, &token, password).await
    };
    let response = choose_password::answer(form, &CONFIRM, &token, confirm).await?;
    if !response.status().is_redirection() {
        return Ok(response);
    }
    Ok((SetCookie::no_session()?, response).into_response())
}
