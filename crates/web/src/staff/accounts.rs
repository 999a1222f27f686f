//! `/support`: one account by its exact address, and why its owner cannot sign in.

use account::{AccountId, EmailAddress};
use askama::Template;
use axum::http::HeaderValue;
use axum::response::Response;
use edge::problem::{Code, Problem};
use serde::Deserialize;
use service::{EventSketch, Examination, TwoFactorView, WaitView};

use super::entry::{Arrival, sign_in_page};
use super::{AtDesk, Support};
use crate::address::AccountPath;
use crate::faults::Faults;
use crate::frame::{self, Frame};
use crate::instead::Instead;
use crate::language::Language;
use crate::posted::StaffForm;
use crate::wording::{Moment, moment, recorded, sentence};

#[derive(Template)]
#[template(path = "support.html")]
struct SearchPage<'a> {
    page: &'a Frame,
    email: &'a str,
    faults: Faults,
}

pub(crate) async fn show(arrival: Arrival<Support>) -> Result<Response, Instead> {
    match arrival {
        Arrival::Visitor(visit) => sign_in_page::<Support>(&visit),
        Arrival::AtDesk(staff) => {
            let page = staff.frame()?;
            Ok(page.show(&SearchPage {
                page: &page,
                email: "",
                faults: Faults::default(),
            })?)
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct SearchFields {
    #[serde(default)]
    email: String,
}

pub(crate) async fn search(form: StaffForm<Support, SearchFields>) -> Result<Response, Instead> {
    let StaffForm { staff, fields } = form;
    let page = staff.frame()?;
    let again = |problem, text: &str| {
        let again = SearchPage {
            page: &page,
            email: &fields.email,
            faults: Faults::at("email", page.say(text)),
        };
        Ok(page.show_problem(problem, &again)?)
    };
    let Ok(email) = fields.email.trim().parse::<EmailAddress>() else {
        return again(Problem::new(Code::InvalidRequest), "email-invalid");
    };
    let (service, caller) = (staff.service(), &staff.visit.caller);
    let found = service.find_account(caller, staff.member(), &email).await?;
    let Some(account) = found.first() else {
        let text = page.say("support-not-found");
        return Ok(page.show(&SearchPage {
            page: &page,
            email: &fields.email,
            faults: Faults::at("email", text),
        })?);
    };
    let place = HeaderValue::try_from(path(account.id)).map_err(Problem::internal)?;
    Ok(frame::go_to(place, None)?)
}

pub(super) fn path(account: AccountId) -> String {
    format!("/support/accounts/{account}")
}

#[derive(Template)]
#[template(path = "support_account.html")]
struct AccountPage<'a> {
    page: &'a Frame,
    path: String,
    account: &'a service::AccountSummary,
    created: Moment,
    last_signed_in: Option<Moment>,
    two_factor_since: Option<Moment>,
    waits: Vec<Waiting>,
    open_sessions: usize,
    may_unlock: bool,
    history: Vec<Sentence>,
}

struct Waiting {
    what: String,
    until: Option<Moment>,
    failures: usize,
}

struct Sentence {
    at: Moment,
    what: String,
    network: Option<String>,
    known_device: Option<bool>,
}

impl Waiting {
    fn of(wait: &WaitView, language: &Language) -> Self {
        Self {
            what: language.say(&format!("wait-of-{}", wait.attempts.replace('_', "-"))),
            until: wait.until.map(moment),
            failures: usize::try_from(wait.failures).unwrap_or(usize::MAX),
        }
    }
}

impl Sentence {
    fn of(event: EventSketch, language: &Language) -> Self {
        Self {
            at: recorded(&event.recorded_at),
            what: sentence(language, &event.event_type, None),
            network: event.network,
            known_device: event.known_device,
        }
    }
}

pub(crate) async fn examine(
    staff: AtDesk<Support>,
    AccountPath(account): AccountPath,
) -> Result<Response, Instead> {
    let found = examined(&staff, account).await?;
    let page = staff.frame()?;
    let (summary, language) = (&found.account, page.language());
    Ok(page.show(&AccountPage {
        page: &page,
        path: path(account),
        account: summary,
        created: moment(summary.created_at),
        last_signed_in: summary.last_signed_in_at.map(moment),
        two_factor_since: match found.two_factor {
            TwoFactorView::Enabled { since } => Some(moment(since)),
            TwoFactorView::Disabled | TwoFactorView::Enrolling { .. } => None,
        },
        waits: found
            .waits
            .iter()
            .map(|wait| Waiting::of(wait, language))
            .collect(),
        open_sessions: found.unlock.ends_sessions,
        may_unlock: found.unlock.possible,
        history: found
            .recent_events
            .into_iter()
            .map(|event| Sentence::of(event, language))
            .collect(),
    })?)
}

pub(super) async fn examined(
    staff: &AtDesk<Support>,
    account: AccountId,
) -> Result<Examination, Instead> {
    let (caller, member) = (&staff.visit.caller, staff.member());
    Ok(staff.service().examine(caller, member, account).await?)
}
