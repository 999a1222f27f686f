//! `/audit`: an account by its id, and its history.

use account::AccountId;
use askama::Template;
use axum::http::HeaderValue;
use axum::response::Response;
use edge::problem::{Code, Problem};
use serde::Deserialize;
use service::{EventView, Selection};

use super::entry::{Arrival, sign_in_page};
use super::{AtDesk, Audit};
use crate::address::{AccountPath, Params};
use crate::faults::Faults;
use crate::frame::{self, Frame};
use crate::instead::Instead;
use crate::language::Language;
use crate::posted::StaffForm;
use crate::wording::{Moment, exactly, sentence};

/// Events on one page, which stays below 30 KiB with the longest of programs' names.
const PAGE: usize = 20;

#[derive(Template)]
#[template(path = "audit.html")]
struct FindPage<'a> {
    page: &'a Frame,
    account: &'a str,
    faults: Faults,
}

pub(crate) async fn show(arrival: Arrival<Audit>) -> Result<Response, Instead> {
    match arrival {
        Arrival::Visitor(visit) => sign_in_page::<Audit>(&visit),
        Arrival::AtDesk(staff) => {
            let page = staff.frame()?;
            Ok(page.show(&FindPage {
                page: &page,
                account: "",
                faults: Faults::default(),
            })?)
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct FindFields {
    #[serde(default)]
    account: String,
}

/// A form, since somebody may type an address, which has no place in a URL.
pub(crate) async fn find(form: StaffForm<Audit, FindFields>) -> Result<Response, Instead> {
    let StaffForm { staff, fields } = form;
    let page = staff.frame()?;
    let Ok(account) = fields.account.trim().parse::<AccountId>() else {
        let again = FindPage {
            page: &page,
            account: &fields.account,
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
    /// Why support unlocked, and the case that it belongs to.
    reason: Option<String>,
    ticket: Option<String>,
    data: String,
    hash: String,
}

impl Told {
    fn of(event: EventView, language: &Language) -> Result<Self, Problem> {
        let told = |name: &str| event.data.get(name)?.as_str().map(str::to_owned);
        Ok(Self {
            reason: told("reason").filter(|_| event.event_type == "AccountUnlocked"),
            ticket: told("ticket"),
            what: sentence(language, &event.event_type, event.about.as_deref()),
            at: exactly(&event.recorded_at),
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
    staff: AtDesk<Audit>,
    AccountPath(account): AccountPath,
    Params(query): Params<HistoryQuery>,
) -> Result<Response, Instead> {
    let (service, caller) = (staff.service(), &staff.visit.caller);
    // One more than is shown: then there is a next page.
    let limit = u32::try_from(PAGE + 1).map_err(Problem::internal)?;
    let page = Selection {
        after: Some(query.after),
        limit: Some(limit),
        ..Selection::default()
    };
    let mut events = service
        .history(caller, staff.member(), account, page)
        .await?
        .events;
    let more = events.len() > PAGE;
    events.truncate(PAGE);
    let page = staff.frame()?;
    Ok(page.show(&HistoryPage {
        page: &page,
        account,
        path: path(account),
        next: events.last().map(|last| last.sequence).filter(|_| more),
        events: events
            .into_iter()
            .map(|event| Told::of(event, page.language()))
            .collect::<Result<_, _>>()?,
        first: query.after == 0,
    })?)
}
