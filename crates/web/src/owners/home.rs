//! `/`: the way to the applications, and to the settings.

use askama::Template;
use axum::response::Response;

use crate::frame::Frame;
use crate::instead::Instead;
use crate::site::App;
use crate::visit::Signed;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage<'a> {
    page: &'a Frame,
    email: String,
    apps: Vec<App>,
}

pub(crate) async fn show(signed: Signed) -> Result<Response, Instead> {
    let session = signed.service().session(&signed.owner)?;
    let page = signed.frame()?;
    Ok(page.show(&HomePage {
        page: &page,
        email: session.account.email,
        apps: signed.visit.site().apps(),
    })?)
}
