//! What an operator tells the pages.

use std::fmt;

use url::{Origin, Url};

/// The service as its visitors know it.
#[derive(Clone, Debug)]
pub struct Site {
    /// Such as `Countersign`; also what an authenticator app shows.
    pub name: String,
    pub public_url: Url,
    /// For people who are locked out.
    pub support_contact: Option<SupportContact>,
    /// The applications that stand behind this service.
    pub app_urls: Vec<Url>,
}

impl Site {
    /// Whether a browser may be sent there: to ourselves or to a listed application.
    pub(crate) fn leads_to(&self, origin: &Origin) -> bool {
        *origin == self.public_url.origin()
            || self.app_urls.iter().any(|app| app.origin() == *origin)
    }

    /// Those elsewhere; this address itself is where the reader is.
    pub(crate) fn apps(&self) -> Vec<App> {
        let own = self.public_url.origin();
        let apps = self.app_urls.iter().filter(|app| app.origin() != own);
        apps.map(|url| App {
            href: url.to_string(),
            host: match (url.host_str().unwrap_or_default(), url.port()) {
                (host, Some(port)) => format!("{host}:{port}"),
                (host, None) => host.to_owned(),
            },
        })
        .collect()
    }
}

/// A mailbox, or a page.
#[derive(Clone, Debug)]
pub enum SupportContact {
    Mail(String),
    Page(Url),
}

impl SupportContact {
    pub(crate) fn href(&self) -> String {
        match self {
            Self::Mail(address) => format!("mailto:{address}"),
            Self::Page(url) => url.to_string(),
        }
    }
}

impl fmt::Display for SupportContact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail(address) => f.write_str(address),
            Self::Page(url) => f.write_str(url.as_str()),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) href: String,
    pub(crate) host: String,
}
