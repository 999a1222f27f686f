//! `/settings`: what the account has, and what happened to it.

use account::AccountId;
use askama::Template;
use axum::response::Response;
use service::{Activity, Browser, TwoFactorView};

use crate::frame::Frame;
use crate::instead::Instead;
use crate::language::Language;
use crate::visit::Signed;
use crate::wording::{Moment, moment, recorded, sentence};

/// How many events the page shows.
const RECENT: u16 = 25;

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage<'a> {
    page: &'a Frame,
    account: AccountId,
    email: String,
    created: Moment,
    password_changed: Moment,
    two_factor_since: Option<Moment>,
    activity: Vec<Happening>,
}

/// An event, for a list.
struct Happening {
    at: Moment,
    what: String,
    ip: Option<String>,
    browser: Option<Browser>,
}

impl Happening {
    fn of(activity: Activity, language: &Language) -> Self {
        Self {
            at: recorded(&activity.recorded_at),
            what: sentence(language, &activity.event_type, activity.about.as_deref()),
            ip: activity.ip,
            browser: activity.browser,
        }
    }
}

pub(crate) async fn show(signed: Signed) -> Result<Response, Instead> {
    let settings = signed.service().owner_settings(&signed.owner).await?;
    let activity = signed.service().activity(&signed.owner, RECENT).await?;
    let page = signed.frame()?;
    Ok(page.show(&SettingsPage {
        page: &page,
        account: settings.account.id,
        email: settings.account.email,
        created: moment(settings.account.created_at),
        password_changed: moment(settings.password_changed_at),
        two_factor_since: match settings.two_factor {
            TwoFactorView::Enabled { since } => Some(moment(since)),
            TwoFactorView::Disabled | TwoFactorView::Enrolling { .. } => None,
        },
        activity: activity
            .into_iter()
            .map(|activity| Happening::of(activity, page.language()))
            .collect(),
    })?)
}
