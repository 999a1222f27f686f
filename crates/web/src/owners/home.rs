//! `/`: the way to the applications, and to the settings.

use askama::Template;
use axum::response::Response;
use service::TwoFactorView;

use crate::frame::Frame;
use crate::instead::Instead;
use crate::site::App;
use crate::visit::Signed;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage<'a> {
    page: &'a Frame,
    email: String,
    two_factor_is_off: bool,
    apps: Vec<App>,
}

pub(crate) async fn show(signed: Signed) -> Result<Response, Instead> {
    let settings = signed.service().owner_settings(&signed.owner).await?;
    let page = signed.frame()?;
    Ok(page.show(&HomePage {
        page: &page,
        email: settings.account.email,
        two_factor_is_off: !matches!(settings.two_factor, TwoFactorView::Enabled { .. }),
        apps: signed.visit.site().apps(),
    })?)
}
