//! Turns a message into a complete mail: headers, address and text.

use chrono::{DateTime, Utc};
use lettre::{
    Address,
    address::AddressError,
    message::{
        Body, Mailbox, Mailboxes,
        header::{
            ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue, MIME_VERSION_1_0,
        },
    },
};
use url::Url;
use uuid::Uuid;

use crate::{Message, texts};

/// RFC 5321, section 4.5.3.1.3: a path has at most 256 octets, two of them brackets.
const ADDRESS_LIMIT: usize = 254;
/// Well below the 998 octets of a line (RFC 5322, section 2.1.1), so that the text can
/// go out unencoded.
const LINE_LIMIT: usize = 512;

/// Who writes: the same for every mail of an installation.
#[derive(Debug, Clone)]
pub struct Letterhead {
    /// The sender; its domain should be one that the mail server may send for.
    pub from: Mailbox,
    /// A mail address or a URL, on a line of its own in every mail.
    pub support_contact: Option<String>,
    /// Where people sign in; its host also makes the `Message-ID`.
    pub public_url: String,
    /// What people know the service as.
    pub service_name: String,
}

/// Why a mail cannot be written; trying again does not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// Nothing of the address is repeated here, since it may be an attack on a log.
    #[error("the recipient is not an address that mail can be sent to")]
    Recipient(#[source] Option<AddressError>),
    /// The public URL of the letterhead.
    #[error("the public URL has no host")]
    PublicUrl,
    /// A link, a contact or a name of more than 512 octets, or with control characters.
    #[error("a line of the mail is too long or holds control characters")]
    Line,
    /// The mail library found the parts not to make a mail.
    #[error("the mail cannot be put together")]
    Assembly(#[from] lettre::error::Error),
}

/// Writes the mail, without reading a clock: called twice with the same arguments, it
/// gives the same mail. `message_id` is the outbox row's id and becomes
/// `<id@host-of-the-public-url>`, by which a mail that was delivered twice is recognised.
///
/// A text that is all ASCII is sent as it is; any other in base64, never in
/// quoted-printable, which would break links across lines. The `Debug` form of the
/// result shows that text, link and all: keep it out of logs.
pub fn compose(
    head: &Letterhead,
    to: &str,
    message_id: Uuid,
    date: DateTime<Utc>,
    message: &Message,
) -> Result<lettre::Message, ComposeError> {
    let host = host(&head.public_url)?;
    let text = texts::text(head, message);
    if text.lines().any(unfit) {
        return Err(ComposeError::Line);
    }
    let mail = lettre::Message::builder()
        .message_id(Some(format!("<{message_id}@{host}>")))
        .date(date.into())
        .mailbox(lettre::message::header::From::from(Mailboxes::from(
            head.from.clone(),
        )))
        .to(Mailbox::new(None, recipient(to)?))
        .subject(texts::subject(message))
        .header(AutoSubmitted)
        .header(MIME_VERSION_1_0)
        .header(ContentType::TEXT_PLAIN)
        .body(body(&text))?;
    Ok(mail)
}

fn unfit(line: &str) -> bool {
    line.len() > LINE_LIMIT || line.chars().any(char::is_control)
}

fn host(public_url: &str) -> Result<String, ComposeError> {
    Url::parse(public_url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .ok_or(ComposeError::PublicUrl)
}

/// An address with a domain in its ASCII form, so that only a local part beyond ASCII
/// needs a server with SMTPUTF8. Quoted local parts are refused with all white space and
/// control characters: nobody can sign up with one, and some servers misread them.
fn recipient(to: &str) -> Result<Address, ComposeError> {
    let hostile = |c: char| c.is_control() || c.is_whitespace() || c == '"';
    if to.len() > ADDRESS_LIMIT || to.contains(hostile) {
        return Err(ComposeError::Recipient(None));
    }
    let refused = |error| ComposeError::Recipient(Some(error));
    let address: Address = to.parse().map_err(refused)?;
    if address.domain().is_ascii() {
        return Ok(address);
    }
    let domain = idna::domain_to_ascii(address.domain())
        .map_err(|_| refused(AddressError::InvalidDomain))?;
    Address::new(address.user(), domain).map_err(refused)
}

fn body(text: &str) -> Body {
    let text = text.replace('\n', "\r\n");
    if text.is_ascii() {
        return Body::dangerous_pre_encoded(text.into_bytes(), ContentTransferEncoding::SevenBit);
    }
    Body::new_with_encoding(text, ContentTransferEncoding::Base64).unwrap_or_else(Body::new)
}

/// RFC 3834, section 5: keeps holiday notices and other robots from answering.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests;
