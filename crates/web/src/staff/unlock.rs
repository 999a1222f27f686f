//! `/support/accounts/<id>/unlock`: what exactly will happen, why, and then it does.

use account::{AccountId, NotProse, UnlockReason, UnlockTicket};
use askama::Template;
use axum::http::HeaderValue;
use axum::response::Response;
use edge::problem::{Code, Problem};
use fluent_templates::fluent_bundle::FluentValue;
use serde::Deserialize;
use service::{Error, Unlock, UnlockPreview};

use super::accounts::{examined, path};
use super::{OnDuty, Support};
use crate::address::AccountPath;
use crate::faults::Faults;
use crate::frame::{self, Frame, Notice};
use crate::posted::StaffForm;
use crate::refused::Refused;
use crate::wording::{Told, told};

#[derive(Template)]
#[template(path = "unlock.html")]
struct UnlockPage<'a> {
    page: &'a Frame,
    path: String,
    email: &'a str,
    will: UnlockPreview,
    reason: &'a str,
    ticket: &'a str,
    /// Two presses of the button are one unlock.
    key: &'a str,
    faults: Faults,
}

#[derive(Default, Deserialize)]
pub(crate) struct UnlockFields {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    ticket: String,
    #[serde(default)]
    key: String,
}

pub(crate) async fn show(
    on_duty: OnDuty<Support>,
    AccountPath(account): AccountPath,
) -> Result<Response, Refused> {
    let key = on_duty.service().nonce()?;
    let fields = UnlockFields {
        key: (*key).clone(),
        ..UnlockFields::default()
    };
    let page = on_duty.frame()?;
    ask(&on_duty, &page, account, &fields, None).await
}

/// Asks, or asks again with what is wrong.
async fn ask(
    on_duty: &OnDuty<Support>,
    page: &Frame,
    account: AccountId,
    fields: &UnlockFields,
    wrong: Option<Told>,
) -> Result<Response, Refused> {
    let found = examined(on_duty, account).await?;
    let (problem, faults) = match wrong {
        Some(Told { problem, faults }) => (Some(problem), faults),
        None => (None, Faults::default()),
    };
    let form = UnlockPage {
        page,
        path: path(account),
        email: &found.account.email,
        will: found.unlock,
        reason: &fields.reason,
        ticket: &fields.ticket,
        key: &fields.key,
        faults,
    };
    Ok(match problem {
        Some(problem) => page.show_problem(problem, &form)?,
        None => page.show(&form)?,
    })
}

pub(crate) async fn unlock(
    AccountPath(account): AccountPath,
    form: StaffForm<Support, UnlockFields>,
) -> Result<Response, Refused> {
    let StaffForm { staff, fields } = form;
    let page = staff.frame()?;
    let request = match request(&page, &fields) {
        Ok(request) => request,
        Err(faults) => {
            let problem = Problem::new(Code::InvalidRequest);
            let wrong = Some(Told { problem, faults });
            return ask(&staff, &page, account, &fields, wrong).await;
        }
    };
    let (caller, member) = (&staff.visit.caller, staff.member());
    let unlocked = staff.service().unlock(caller, member, account, request);
    match unlocked.await {
        Ok(_) => {
            let place = HeaderValue::try_from(path(account)).map_err(Problem::internal)?;
            Ok(frame::go_to(place, Some(Notice::AccountUnlocked))?)
        }
        Err(error @ Error::NothingToUnlock) => {
            let faults = Faults::at("reason", page.say("nothing-to-unlock"));
            let problem = error.into();
            let wrong = Some(Told { problem, faults });
            ask(&staff, &page, account, &fields, wrong).await
        }
        Err(error) => {
            let wrong = told(&page, error, "reason", "")?;
            ask(&staff, &page, account, &fields, Some(wrong)).await
        }
    }
}

fn request(page: &Frame, fields: &UnlockFields) -> Result<Unlock, Faults> {
    let mut faults = Faults::default();
    let reason = fields.reason.parse::<UnlockReason>();
    let ticket = fields.ticket.trim();
    let ticket = (!ticket.is_empty()).then(|| ticket.parse::<UnlockTicket>());
    let ticket = ticket.transpose();
    for (field, wrong) in [
        ("reason", reason.as_ref().err()),
        ("ticket", ticket.as_ref().err()),
    ] {
        if let Some(wrong) = wrong {
            faults.add(field, no_prose(page, *wrong));
        }
    }
    match (reason, ticket) {
        (Ok(reason), Ok(ticket)) => Ok(Unlock {
            reason,
            ticket,
            idempotency_key: (!fields.key.is_empty()).then(|| fields.key.clone()),
        }),
        _ => Err(faults),
    }
}

fn no_prose(page: &Frame, wrong: NotProse) -> String {
    match wrong {
        NotProse::TooLong(max) => {
            page.say_with("prose-too-long", &[("number", FluentValue::from(max))])
        }
        NotProse::ControlCharacters => page.say("prose-control-characters"),
    }
}
