//! `/settings/sessions`: where the account is signed in.

use account::SessionId;
use account::event::Factor;
use askama::Template;
use axum::http::HeaderValue;
use axum::response::Response;
use serde::Deserialize;
use service::{Browser, Error, SessionListing};

use crate::frame::{self, Frame, Notice};
use crate::instead::Instead;
use crate::posted::{Nothing, OwnerForm};
use crate::visit::Signed;
use crate::wording::{Moment, moment};

const HERE: HeaderValue = HeaderValue::from_static("/settings/sessions");

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage<'a> {
    page: &'a Frame,
    sessions: Vec<Listed>,
}

struct Listed {
    id: SessionId,
    current: bool,
    browser: Option<Browser>,
    ip: Option<String>,
    began: Moment,
    seen: Moment,
    with_code: bool,
}

impl From<SessionListing> for Listed {
    fn from(session: SessionListing) -> Self {
        Self {
            id: session.id,
            current: session.current,
            browser: session.browser,
            ip: session.ip,
            began: moment(session.created_at),
            seen: moment(session.last_seen_at),
            with_code: session.factors.contains(&Factor::Totp),
        }
    }
}

pub(crate) async fn show(signed: Signed) -> Result<Response, Instead> {
    let sessions = signed.service().sessions(&signed.owner).await?;
    let page = signed.frame()?;
    Ok(page.show(&SessionsPage {
        page: &page,
        sessions: sessions.into_iter().map(Listed::from).collect(),
    })?)
}

#[derive(Deserialize)]
pub(crate) struct EndFields {
    session: SessionId,
}

pub(crate) async fn end(form: OwnerForm<EndFields>) -> Result<Response, Instead> {
    let OwnerForm { signed, fields } = form;
    let (caller, owner) = (&signed.visit.caller, &signed.owner);
    let ended = signed
        .service()
        .end_session(caller, owner, fields.session)
        .await;
    match ended {
        // One that has ended meanwhile has ended.
        Ok(()) | Err(Error::NotFound) => Ok(frame::go_to(HERE, Some(Notice::SessionEnded))?),
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn end_others(form: OwnerForm<Nothing>) -> Result<Response, Instead> {
    let signed = form.signed;
    let (caller, owner) = (&signed.visit.caller, &signed.owner);
    signed.service().end_other_sessions(caller, owner).await?;
    Ok(frame::go_to(HERE, Some(Notice::OthersEnded))?)
}
