//! What an operator tells the pages.

use url::{Origin, Url};

/// The service as its visitors know it.
#[derive(Clone, Debug)]
pub struct Site {
    /// Such as `Countersign`; also what an authenticator app shows.
    pub name: String,
    pub public_url: Url,
    /// A mail address or the address of a page, for people who are locked out.
    pub support_contact: Option<String>,
    /// The applications that stand behind this service.
    pub app_urls: Vec<Url>,
}

impl Site {
    /// Whether a browser may be sent there: to ourselves or to a listed application.
    pub(crate) fn leads_to(&self, origin: &Origin) -> bool {
        *origin == self.public_url.origin()
            || self.app_urls.iter().any(|app| app.origin() == *origin)
    }

    pub(crate) fn support_link(&self) -> Option<SupportLink> {
        let contact = self.support_contact.as_deref()?;
        Some(if contact.starts_with("http") {
            SupportLink {
                href: contact.to_owned(),
                text: contact.to_owned(),
            }
        } else {
            SupportLink {
                href: format!("mailto:{contact}"),
                text: contact.to_owned(),
            }
        })
    }

    pub(crate) fn apps(&self) -> Vec<App> {
        let apps = self.app_urls.iter();
        apps.map(|url| App {
            href: url.to_string(),
            host: url.host_str().unwrap_or_default().to_owned(),
        })
        .collect()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct SupportLink {
    pub(crate) href: String,
    pub(crate) text: String,
}

#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) href: String,
    pub(crate) host: String,
}
