//! `/audit/accounts/<id>/state`: the account as it was at any point of its history.

use account::AccountId;
use askama::Template;
use axum::response::Response;
use chrono::{DateTime, NaiveDateTime, Utc};
use edge::problem::Problem;
use serde::Deserialize;
use serde_json::Value;
use service::{At, Error, StateView};

use super::history::path;
use super::{Audit, OnDuty};
use crate::address::{AccountPath, Params};
use crate::faults::Faults;
use crate::frame::Frame;
use crate::refused::Refused;
use crate::wording::{Moment, recorded};

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
