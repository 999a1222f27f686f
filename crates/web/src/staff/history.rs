//! `/audit`: an account by its id, and its history.

use account::AccountId;
use askama::Template;
use axum::http::HeaderValue;
use axum::response::Response;
use edge::problem::{Code, Problem};
use serde::Deserialize;
use service::{EventView, about};

use super::entry::{AtDoor, door};
use super::{Audit, OnDuty};
use crate::address::{AccountPath, Params};
use crate::faults::Faults;
use crate::frame::{self, Frame};
use crate::language::Language;
use crate::refused::Refused;
use crate::wording::{Moment, recorded, sentence};

/// Events on one page.
const PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "audit.html")]
struct FindPage<'a> {
    page: &'a Frame,
    account: &'a str,
    faults: Faults,
}

pub(crate) async fn show(at_door: AtDoor<Audit>) -> Result<Response, Refused> {
    match at_door {
        AtDoor::Outside(visit) => door::<Audit>(&visit),
        AtDoor::Inside(on_duty) => {
            let page = on_duty.frame()?;
            Ok(page.show(&FindPage {
                page: &page,
                account: "",
                faults: Faults::default(),
            })?)
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct FindQuery {
    #[serde(default)]
    account: String,
}

/// An id is no secret and no personal data: it may stand in an address.
pub(crate) async fn find(
    on_duty: OnDuty<Audit>,
    Params(query): Params<FindQuery>,
) -> Result<Response, Refused> {
    let page = on_duty.frame()?;
    let Ok(account) = query.account.trim().parse::<AccountId>() else {
        let again = FindPage {
            page: &page,
            account: &query.account,
            faults: Faults::at("account", page.say("audit-no-id")),
        };
        return Ok(page.show_problem(Problem::new(Code::InvalidRequest), &again)?);
    };
    let place = HeaderValue::try_from(path(account)).map_err(Problem::internal)?;
    Ok(frame::go_to(place, None)?)
}

pub(super) fn path(account: AccountId) -> String {
    format!("/audit/accounts/{account}")
}

#[derive(Template)]
#[template(path = "audit_history.html")]
struct HistoryPage<'a> {
    page: &'a Frame,
    account: AccountId,
    path: String,
    events: Vec<Told>,
    /// The next page begins after this event.
    next: Option<u64>,
    first: bool,
}

/// An event, told.
struct Told {
    sequence: u64,
    position: Option<u64>,
    event_type: String,
    at: Moment,
    what: String,
    actor: String,
    actor_name: Option<String>,
    ip: Option<String>,
    user_agent: Option<String>,
    request: Option<String>,
    data: String,
    hash: String,
}

impl Told {
    fn of(event: EventView, language: &Language) -> Result<Self, Problem> {
        let about = about(&event.event_type, &event.data);
        Ok(Self {
            what: sentence(language, &event.event_type, about.as_deref()),
            at: recorded(&event.recorded_at),
            sequence: event.sequence,
            position: event.position,
            event_type: event.event_type,
            actor: language.say(&format!("actor-{}", event.actor.kind)),
            actor_name: event.actor.name,
            ip: event.request.ip,
            user_agent: event.request.user_agent,
            request: event.request.id,
            data: serde_json::to_string_pretty(&event.data).map_err(Problem::internal)?,
            hash: event.hash,
        })
    }
}

#[derive(Deserialize)]
pub(crate) struct HistoryQuery {
    #[serde(default)]
    after: u64,
}

pub(crate) async fn history(
    on_duty: OnDuty<Audit>,
    AccountPath(account): AccountPath,
    Params(query): Params<HistoryQuery>,
) -> Result<Response, Refused> {
    let (service, caller) = (on_duty.service(), &on_duty.visit.caller);
    let events = service
        .history(caller, on_duty.member(), account, query.after, PAGE)
        .await?;
    let page = on_duty.frame()?;
    let full = events.events.len() == PAGE as usize;
    let told = events.events.into_iter();
    let told = told.map(|event| Told::of(event, page.language()));
    Ok(page.show(&HistoryPage {
        page: &page,
        account,
        path: path(account),
        events: told.collect::<Result<_, _>>()?,
        next: events.next.filter(|_| full),
        first: query.after == 0,
    })?)
}
