//! `/audit/accounts/<id>/state`: the account as it was at any point of its history.

use account::AccountId;
use askama::Template;
use axum::response::Response;
use chrono::{Duration, NaiveDateTime};
use edge::problem::{Code, Problem};
use serde::Deserialize;
use serde_json::Value;
use service::{At, Error, NoSuchPoint, StateView};

use super::history::path;
use super::{AtDesk, Audit};
use crate::address::{AccountPath, Params};
use crate::faults::Faults;
use crate::frame::Frame;
use crate::instead::Instead;
use crate::wording::{Moment, exactly};

#[derive(Template)]
#[template(path = "audit_state.html")]
struct StatePage<'a> {
    page: &'a Frame,
    account: AccountId,
    path: String,
    state: Option<Replayed>,
    /// As it was asked for.
    instant: &'a str,
    faults: Faults,
}

/// A state, for the page.
struct Replayed {
    sequence: u64,
    latest: u64,
    recorded: Moment,
    facts: Vec<Fact>,
    json: String,
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
    staff: AtDesk<Audit>,
    AccountPath(account): AccountPath,
    Params(query): Params<StateQuery>,
) -> Result<Response, Instead> {
    let page = staff.frame()?;
    let (service, caller) = (staff.service(), &staff.visit.caller);
    let Ok(at) = point(&query) else {
        let problem = Problem::new(Code::InvalidRequest);
        let faults = Faults::at("at", page.say("audit-no-point"));
        let again = without_state(&page, account, &query, faults);
        return Ok(page.show_problem(problem, &again)?);
    };
    let replayed = service.state(caller, staff.member(), account, at).await;
    match replayed {
        Ok(state) => Ok(page.show(&StatePage {
            state: Some(Replayed::of(&page, &state)?),
            ..without_state(&page, account, &query, Faults::default())
        })?),
        Err(beyond @ Error::BeyondHistory) => {
            let faults = Faults::at("at", page.say("audit-beyond"));
            let again = without_state(&page, account, &query, faults);
            Ok(page.show_problem(beyond.into(), &again)?)
        }
        Err(error) => Err(error.into()),
    }
}

fn without_state<'a>(
    page: &'a Frame,
    account: AccountId,
    query: &'a StateQuery,
    faults: Faults,
) -> StatePage<'a> {
    StatePage {
        page,
        account,
        path: path(account),
        state: None,
        instant: &query.instant,
        faults,
    }
}

/// A browser's field writes an instant without a zone, which is UTC, and to the second, of which all
/// is meant.
fn point(query: &StateQuery) -> Result<At, NoSuchPoint> {
    match (query.at.trim(), query.instant.trim()) {
        ("", "") => Ok(At::Now),
        (at, "") => at.parse(),
        (_, instant) => written_by_a_browser(instant).map_or_else(|| instant.parse(), Ok),
    }
}

fn written_by_a_browser(text: &str) -> Option<At> {
    let second = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]
        .into_iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?;
    let its_end = second.and_utc() + Duration::microseconds(999_999);
    Some(At::Instant(its_end))
}

impl Replayed {
    fn of(page: &Frame, state: &StateView) -> Result<Self, Problem> {
        Ok(Self {
            sequence: state.sequence,
            latest: state.latest,
            recorded: exactly(&state.recorded_at),
            facts: facts(page, state),
            json: serde_json::to_string_pretty(&state.state).map_err(Problem::internal)?,
        })
    }
}

/// What a state says, line by line.
fn facts(page: &Frame, state: &StateView) -> Vec<Fact> {
    let text = |pointer: &str| match state.state.pointer(pointer) {
        None | Some(Value::Null) => page.say("none"),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.len().to_string(),
        Some(other) => other.to_string(),
    };
    let fact = |(name, value)| Fact {
        name: page.say(name),
        value,
    };
    if state.state.get("erased_at").is_some() {
        return vec![fact(("fact-erased", text("/erased_at")))];
    }
    let status = text("/two_factor/status");
    // Every account has an address, which is null only once the key to it was destroyed.
    let address = match state.state.get("email") {
        Some(Value::Null) => page.say("erased"),
        _ => text("/email"),
    };
    let facts = [
        ("fact-email", address),
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
    facts.into_iter().map(fact).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(at: &str, instant: &str) -> Result<At, NoSuchPoint> {
        point(&StateQuery {
            at: at.to_owned(),
            instant: instant.to_owned(),
        })
    }

    #[test]
    fn a_point_is_now_a_sequence_or_an_instant() {
        assert_eq!(asked("", ""), Ok(At::Now));
        assert_eq!(asked(" 7 ", ""), Ok(At::Sequence(7)));
        let instant = |text: &str| Ok(At::Instant(text.parse().unwrap()));
        assert_eq!(
            asked("2026-03-01T10:00:00.5Z", ""),
            instant("2026-03-01T10:00:00.5Z")
        );
        assert_eq!(
            asked("7", "2026-03-01T10:00:00Z"),
            instant("2026-03-01T10:00:00Z")
        );
        for bad in ["x", "-1", "2026-03-01", "10:00"] {
            assert_eq!(asked(bad, ""), Err(NoSuchPoint), "{bad}");
            assert_eq!(asked("", bad), Err(NoSuchPoint), "{bad}");
        }
    }

    #[test]
    fn an_instant_of_a_browser_is_all_of_its_second_in_utc() {
        let end = At::Instant("2026-03-01T10:00:00.999999Z".parse().unwrap());
        assert_eq!(asked("", "2026-03-01T10:00:00"), Ok(end));
        assert_eq!(asked("", "2026-03-01T10:00"), Ok(end));
    }
}
