//! Why a mail could not be handed over, and whether trying again can help.

use std::{fmt, io, path::PathBuf};

use lettre::transport::smtp;

/// As much of a server's answer as is kept, in characters.
const ANSWER_LIMIT: usize = 500;

/// What is wrong with the mail settings; says what to write instead, and never repeats
/// the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    #[error(
        "the SMTP URL cannot be read ({0}); write smtps://user:password@host, \
         or smtp://user:password@host?tls=required"
    )]
    Url(&'static str),
    #[error(
        "mail to {0} would cross the network unencrypted; write smtps://{0}, \
         or smtp://{0}?tls=required (STARTTLS), or, only for a mail catcher on a private \
         network, smtp://{0}?tls=none"
    )]
    Unencrypted(String),
    #[error(
        "the password for {0} would cross the network unencrypted; write smtps:// or \
         ?tls=required, or leave the user and password out"
    )]
    UnencryptedPassword(String),
    #[error("the certificates in {path} cannot be used: {reason}")]
    Authorities { path: PathBuf, reason: String },
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    #[error("the mail directory {path} cannot be used: {source}")]
    Directory { path: PathBuf, source: io::Error },
}

/// Why a mail was not delivered. What is displayed holds no part of the mail.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// A 5xx answer to this mail.
    #[error("the mail server refused the mail for good: {0}")]
    Refused(Reply),
    /// The address or the text needs an extension (SMTPUTF8, 8BITMIME) that the server lacks.
    #[error("the mail server cannot carry this mail: {0}")]
    Unsupported(String),
    /// A 4xx answer.
    #[error("the mail server put the mail off: {0}")]
    Deferred(Reply),
    /// A matter of the settings, not of this mail: the server wants other credentials.
    #[error("the mail server did not accept the user and password of the SMTP URL: {0}")]
    SignIn(Reply),
    /// A matter of the settings or the network: no usable connection, no TLS, an invalid
    /// certificate, a connection that broke off, or a greeting that turned us away.
    #[error("the mail server cannot be used: {0}")]
    Unreachable(String),
    /// The server accepted the connection and then took too long.
    #[error("the mail server did not answer within {0} seconds")]
    TimedOut(u64),
    #[error("the mail cannot be written to a file: {0}")]
    File(#[from] io::Error),
}

impl DeliveryError {
    /// Whether the same mail will be refused again, so that it should not be retried.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unsupported(_))
    }

    /// What the server said, if it said anything.
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Refused(reply) | Self::Deferred(reply) | Self::SignIn(reply) => Some(reply),
            Self::Unsupported(_) | Self::Unreachable(_) | Self::TimedOut(_) | Self::File(_) => None,
        }
    }

    /// A failure before the mail was offered: nothing in it is the mail's fault.
    pub(crate) fn connecting(error: &smtp::Error) -> Self {
        Self::Unreachable(said(error))
    }

    pub(crate) fn signing_in(error: &smtp::Error) -> Self {
        Reply::of(error).map_or_else(|| Self::connecting(error), Self::SignIn)
    }

    pub(crate) fn sending(error: &smtp::Error) -> Self {
        match Reply::of(error) {
            // RFC 4954, section 6: the answers of a server that wants a sign-in.
            Some(reply) if matches!(reply.code, 530 | 534 | 535 | 538) => Self::SignIn(reply),
            Some(reply) if error.is_permanent() => Self::Refused(reply),
            Some(reply) => Self::Deferred(reply),
            None if error.is_client() => Self::Unsupported(said(error)),
            None => Self::Unreachable(said(error)),
        }
    }
}

/// An SMTP server's own words, without control characters and at most 500 characters.
///
/// They often name the recipient: show them to the operator who runs `mail test`, and
/// log only the code, which is also all that the debug form shows.
#[derive(Clone)]
pub struct Reply {
    /// The three digits, 4xx or 5xx.
    pub code: u16,
    /// The text after them, several lines in one.
    pub text: String,
}

impl Reply {
    fn of(error: &smtp::Error) -> Option<Self> {
        let code = error.status()?;
        let text = std::error::Error::source(error).map_or_else(String::new, ToString::to_string);
        Some(Self {
            code: code.into(),
            text: printable(&text),
        })
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({})", self.code)
    }
}

fn said(error: &smtp::Error) -> String {
    printable(&error.to_string())
}

fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(ANSWER_LIMIT)
        .collect()
}
