//! `/audit`: an account's history, its state at any point of it, and the whole as a file.

use account::AccountId;
use askama::Template;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, NaiveDateTime, Utc};
use edge::problem::{Code, Problem};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use service::{At, Error, EventView, StateView, about};

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

fn path(account: AccountId) -> String {
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

#[derive(Template)]
#[template(path = "audit_state.html")]
struct StatePage<'a> {
    page: &'a Frame,
    account: AccountId,
    path: String,
    sequence: u64,
    latest: u64,
    recorded: Moment,
    facts: Vec<Fact>,
    json: String,
    faults: Faults,
}

/// One line of a state.
struct Fact {
    name: String,
    value: String,
}

#[derive(Deserialize)]
pub(crate) struct StateQuery {
    #[serde(default)]
    at: String,
    #[serde(default)]
    instant: String,
}

pub(crate) async fn state(
    on_duty: OnDuty<Audit>,
    AccountPath(account): AccountPath,
    Params(query): Params<StateQuery>,
) -> Result<Response, Refused> {
    let page = on_duty.frame()?;
    let (service, caller) = (on_duty.service(), &on_duty.visit.caller);
    let replayed = match point(&query) {
        Some(at) => service.state(caller, on_duty.member(), account, at).await,
        None => Err(Error::BeyondHistory),
    };
    let (state, beyond) = match replayed {
        Ok(state) => (state, None),
        Err(beyond @ Error::BeyondHistory) => {
            let now = service.state(caller, on_duty.member(), account, At::Now);
            (now.await?, Some(Problem::from(beyond)))
        }
        Err(error) => return Err(error.into()),
    };
    let faults = match &beyond {
        Some(_) => Faults::at("at", page.say("audit-beyond")),
        None => Faults::default(),
    };
    let shown = StatePage {
        page: &page,
        account,
        path: path(account),
        sequence: state.sequence,
        latest: state.latest,
        recorded: recorded(&state.recorded_at),
        facts: facts(&page, &state),
        json: serde_json::to_string_pretty(&state.state).map_err(Problem::internal)?,
        faults,
    };
    Ok(match beyond {
        Some(problem) => page.show_problem(problem, &shown)?,
        None => page.show(&shown)?,
    })
}

/// A sequence number, or an instant, which a browser's field writes without a zone: UTC.
fn point(query: &StateQuery) -> Option<At> {
    let (at, instant) = (query.at.trim(), query.instant.trim());
    if !instant.is_empty() {
        return moment(instant).map(At::Instant);
    }
    match at {
        "" => Some(At::Now),
        at => at
            .parse()
            .map(At::Sequence)
            .ok()
            .or_else(|| moment(at).map(At::Instant)),
    }
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    let with_zone = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    let local = |format| NaiveDateTime::parse_from_str(text, format).map(|at| at.and_utc());
    with_zone
        .or_else(|_| local("%Y-%m-%dT%H:%M"))
        .or_else(|_| local("%Y-%m-%dT%H:%M:%S"))
        .ok()
}

/// What a state says, line by line.
fn facts(page: &Frame, state: &StateView) -> Vec<Fact> {
    let text = |pointer: &str| match state.state.pointer(pointer) {
        None | Some(Value::Null) => page.say("none"),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.len().to_string(),
        Some(other) => other.to_string(),
    };
    let status = text("/two_factor/status");
    let facts = [
        ("fact-email", text("/email")),
        ("fact-created", text("/created_at")),
        ("fact-password", text("/password/changed_at")),
        ("fact-two-factor", page.say(&format!("two-factor-{status}"))),
        ("fact-two-factor-since", text("/two_factor/enabled_at")),
        ("fact-sessions", text("/sessions")),
        ("fact-challenges", text("/challenges")),
        ("fact-resets", text("/resets")),
        ("fact-rejected-codes", text("/rejected_codes")),
        ("fact-last-sign-in", text("/last_signed_in_at")),
    ];
    facts
        .into_iter()
        .map(|(name, value)| Fact {
            name: page.say(name),
            value,
        })
        .collect()
}

/// All events as lines of JSON. A fault in the middle breaks the download off, so that nobody takes
/// a part for the whole.
pub(crate) async fn export(
    on_duty: OnDuty<Audit>,
    AccountPath(account): AccountPath,
) -> Result<Response, Refused> {
    let (service, caller) = (on_duty.service(), &on_duty.visit.caller);
    let events = service
        .history_stream(caller, on_duty.member(), account)
        .await?;
    let name = format!("attachment; filename=\"countersign-account-{account}.ndjson\"");
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-ndjson"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::try_from(name).map_err(Problem::internal)?,
        ),
    ];
    let lines = events.map(|event| {
        event.and_then(|event| line(&event)).inspect_err(|error| {
            tracing::error!(error.chain = %error, "an export broke off");
        })
    });
    Ok((headers, Body::from_stream(lines)).into_response())
}

fn line(event: &EventView) -> Result<Bytes, Error> {
    let mut line = serde_json::to_vec(event).map_err(|error| Error::Internal(error.into()))?;
    line.push(b'\n');
    Ok(line.into())
}
