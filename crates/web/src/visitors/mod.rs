//! Pages that need no session: signing in, registering, and the mailed links.

mod ask;
mod choose_password;
pub(crate) mod code;
pub(crate) mod register;
pub(crate) mod reset;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod unblock;

use askama::Template;
use axum::response::Response;
use edge::problem::Problem;

use crate::frame::Frame;

/// Says that something was done and what comes next. It is the answer to a form.
#[derive(Template)]
#[template(path = "done.html")]
struct DonePage<'a> {
    page: &'a Frame,
    /// The beginning of its texts' names.
    text: &'static str,
    /// Where its one link leads, if there is one.
    next: Option<&'static str>,
    /// Whether somebody who lost a device may be reading.
    warns_of_resets: bool,
}

fn done(
    page: &Frame,
    text: &'static str,
    next: Option<&'static str>,
    warns_of_resets: bool,
) -> Result<Response, Problem> {
    page.show(&DonePage {
        page,
        text,
        next,
        warns_of_resets,
    })
}
