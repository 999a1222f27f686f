//! What people get to see: the sender, whom to ask for help, the issuer in their app.

use std::fmt;

use account::EmailAddress;
use mail::Mailbox;
use url::Url;

const ISSUER_MAX: usize = 64;

/// Whom somebody who is locked out should turn to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SupportContact {
    /// A mailbox.
    Mail(String),
    /// A page, `https` or `http`.
    Page(Url),
}

impl fmt::Display for SupportContact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail(address) => f.write_str(address),
            Self::Page(url) => f.write_str(url.as_str()),
        }
    }
}

pub(super) fn support_contact(text: &str) -> Result<Option<SupportContact>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.parse::<EmailAddress>().is_ok() {
        return Ok(Some(SupportContact::Mail(text.to_owned())));
    }
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(SupportContact::Page(url))),
        _ => Err(
            "neither a mail address nor a web page; write for instance help@example.com \
             or https://example.com/help"
                .to_owned(),
        ),
    }
}

pub(super) fn mail_from(text: &str) -> Result<Option<Mailbox>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse() {
        Ok(mailbox) if !text.contains(char::is_control) => Ok(Some(mailbox)),
        _ => Err("not a sender; write for instance accounts@example.com \
                  or Example <accounts@example.com>"
            .to_owned()),
    }
}

/// The label of an authenticator app is `issuer:account`, so an issuer has no colon.
pub(super) fn issuer(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().count() > ISSUER_MAX {
        return Err(format!("write a name of 1 to {ISSUER_MAX} characters"));
    }
    if text.contains(|c: char| c == ':' || c.is_control()) {
        return Err("authenticator apps cannot show a colon in a name; leave it out".to_owned());
    }
    Ok(text.to_owned())
}
