//! `/support/accounts/<id>/unlock`: what exactly will happen, why, and then it does.

use account::{AccountId, NotProse, UnlockReason, UnlockTicket};
use askama::Template;
use axum::http::HeaderValue;
use axum::response::Response;
use edge::problem::{Code, Problem};
use fluent_templates::fluent_bundle::FluentValue;
use serde::Deserialize;
use service::{Error, Examination, Unlock, UnlockPreview};

use super::accounts::{examined, path};
use super::{AtDesk, Support};
use crate::address::{AccountPath, AccountSegment};
use crate::faults::Faults;
use crate::frame::{self, Frame, Notice};
use crate::instead::Instead;
use crate::posted::StaffForm;
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
    /// Whether the page said that two-factor would be turned off.
    #[serde(default)]
    turns_off_two_factor: bool,
}

pub(crate) async fn show(
    staff: AtDesk<Support>,
    AccountPath(account): AccountPath,
) -> Result<Response, Instead> {
    let found = examined(&staff, account).await?;
    let fields = fields_with_new_key(&staff, UnlockFields::default())?;
    let page = staff.frame()?;
    Ok(page.show(&form(&page, &found, &fields, Faults::default()))?)
}

fn fields_with_new_key(
    staff: &AtDesk<Support>,
    fields: UnlockFields,
) -> Result<UnlockFields, Problem> {
    let key = (*staff.service().nonce()?).clone();
    Ok(UnlockFields { key, ..fields })
}

fn form<'a>(
    page: &'a Frame,
    found: &'a Examination,
    fields: &'a UnlockFields,
    faults: Faults,
) -> UnlockPage<'a> {
    UnlockPage {
        page,
        path: path(found.account.id),
        email: &found.account.email,
        will: found.unlock,
        reason: &fields.reason,
        ticket: &fields.ticket,
        key: &fields.key,
        faults,
    }
}

pub(crate) async fn unlock(
    account: AccountSegment,
    posted: StaffForm<Support, UnlockFields>,
) -> Result<Response, Instead> {
    let StaffForm { staff, fields } = posted;
    let account = account.account()?;
    let page = staff.frame()?;
    match carry_out(&staff, &page, account, &fields).await? {
        Ok(response) => Ok(response),
        // Asked again, with what is wrong.
        Err(Told { problem, faults }) => {
            let found = staff.service().examine_again(staff.member(), account);
            let found = found.await?;
            let fields = match problem.code() {
                Code::IdempotencyKeyReused => fields_with_new_key(&staff, fields)?,
                _ => fields,
            };
            Ok(page.show_problem(problem, &form(&page, &found, &fields, faults))?)
        }
    }
}

async fn carry_out(
    staff: &AtDesk<Support>,
    page: &Frame,
    account: AccountId,
    fields: &UnlockFields,
) -> Result<Result<Response, Told>, Instead> {
    let (service, caller) = (staff.service(), &staff.visit.caller);
    let request = match request(page, fields) {
        Ok(request) => request,
        Err(faults) => {
            let problem = Problem::new(Code::InvalidRequest);
            return Ok(Err(Told { problem, faults }));
        }
    };
    let now = service.examine_again(staff.member(), account).await?;
    if now.unlock.turns_off_two_factor && !fields.turns_off_two_factor {
        let problem = Problem::new(Code::InvalidRequest);
        return Ok(Err(at_reason(page, problem, "unlock-changed")));
    }
    match service
        .unlock(caller, staff.member(), account, request)
        .await
    {
        Ok(_) => {
            let place = HeaderValue::try_from(path(account)).map_err(Problem::internal)?;
            Ok(Ok(frame::go_to(place, Some(Notice::AccountUnlocked))?))
        }
        Err(error @ Error::NothingToUnlock) => {
            Ok(Err(at_reason(page, error.into(), "nothing-to-unlock")))
        }
        Err(error @ Error::IdempotencyKeyReused) => {
            Ok(Err(at_reason(page, error.into(), "unlock-sent-already")))
        }
        Err(error) => told(page, error, "reason", "").map(Err),
    }
}

fn at_reason(page: &Frame, problem: Problem, text: &str) -> Told {
    let faults = Faults::at("reason", page.say(text));
    Told { problem, faults }
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
