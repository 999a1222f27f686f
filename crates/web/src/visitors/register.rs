//! `/register` asks for an address; the mailed link, `/verify/<token>`, for the password.

use axum::response::Response;
use service::MailedLink;

use super::ask::{self, AddressFields, Ask};
use super::choose_password::{self, Choose, PasswordFields};
use crate::address::LinkToken;
use crate::frame::Notice;
use crate::instead::Instead;
use crate::posted::VisitorForm;
use crate::visit::Visit;

const REGISTER: Ask = Ask {
    text: "register",
    path: "/register",
    sent: "registered",
    sent_path: "/register/sent",
    warns_of_resets: false,
};

const VERIFY: Choose = Choose {
    text: "verify",
    done: Notice::AccountReady,
    path: "/verify",
    link: MailedLink::Verification,
    warns_of_resets: false,
};

pub(crate) async fn show_sent(visit: Visit) -> Result<Response, Instead> {
    ask::show_sent(&visit, &REGISTER)
}

pub(crate) async fn show(visit: Visit) -> Result<Response, Instead> {
    ask::show(&visit, &REGISTER)
}

pub(crate) async fn register(form: VisitorForm<AddressFields>) -> Result<Response, Instead> {
    let register =
        async |visit: &Visit, email: &_| visit.service().register(&visit.caller, email).await;
    ask::answer(form, &REGISTER, register).await
}

pub(crate) async fn show_link(
    visit: Visit,
    LinkToken(token): LinkToken,
) -> Result<Response, Instead> {
    choose_password::show(&visit, &VERIFY, &token).await
}

pub(crate) async fn verify(
    LinkToken(token): LinkToken,
    form: VisitorForm<PasswordFields>,
) -> Result<Response, Instead> {
    let verify = async |visit: &Visit, password: &str| {
        let service = visit.service();
        service.verify(&visit.caller, &token, password).await
    };
    choose_password::answer(form, &VERIFY, &token, verify).await
}
