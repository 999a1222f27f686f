//! Who looks at a page, and from which browser.

use std::sync::Arc;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::header;
use axum::http::request::Parts;
use edge::cookies::{FORM_COOKIE, NOTICE_COOKIE, SESSION_COOKIE};
use edge::credentials::cookie;
use edge::problem::Problem;
use edge::{Edge, MAX_TOKEN, caller};
use service::{Caller, Error, FormFor, Owner, Secret, Service, Transport};

use crate::frame::{Area, Frame, Notice};
use crate::instead::Instead;
use crate::language::Language;
use crate::presence::{Presence, Standing};
use crate::site::Site;

/// What every page is made from.
#[derive(Clone, Debug)]
pub(crate) struct Web {
    pub(crate) service: Service,
    pub(crate) edge: Edge,
    pub(crate) site: Arc<Site>,
}

/// Anybody, in some browser.
pub(crate) struct Visit {
    pub(crate) web: Web,
    pub(crate) caller: Caller,
    pub(crate) language: Language,
    browser: Browser,
    notice: Option<Notice>,
}

/// What only this browser holds; a new one is given it with the page.
struct Browser {
    key: Secret,
    is_new: bool,
}

impl FromRequestParts<Web> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Problem> {
        let held = cookie(&parts.headers, FORM_COOKIE)?;
        let held = held.filter(|key| (1..=MAX_TOKEN).contains(&key.len()));
        let browser = match held {
            Some(key) => Browser { key, is_new: false },
            None => Browser {
                key: web.service.nonce()?,
                is_new: true,
            },
        };
        let notice = cookie(&parts.headers, NOTICE_COOKIE)?;
        Ok(Self {
            web: web.clone(),
            caller: caller(parts, &web.edge)?,
            language: Language::negotiated(parts.headers.get(header::ACCEPT_LANGUAGE)),
            browser,
            notice: notice.and_then(|name| Notice::named(&name)),
        })
    }
}

impl Visit {
    pub(crate) fn service(&self) -> &Service {
        &self.web.service
    }

    pub(crate) fn site(&self) -> &Site {
        &self.web.site
    }

    /// The frame of a page for anybody.
    pub(crate) fn frame(&self) -> Result<Frame, Problem> {
        self.frame_for(FormFor::Visitor)
    }

    pub(crate) fn frame_for(&self, whom: FormFor) -> Result<Frame, Problem> {
        let key = &self.browser.key;
        Ok(Frame::new(
            self.language.clone(),
            Arc::clone(&self.web.site),
            self.service().nonce()?,
            self.service().form_token(key, whom),
        )
        .with_browser_key(self.browser.is_new.then(|| key.clone()))
        .with_notice(self.notice))
    }

    /// So that a page that tells of a failure is framed for them.
    pub(crate) fn note_presence(&self, parts: &Parts, whom: FormFor, area: Area) {
        let browser_key = self.browser.key.clone();
        Presence::note(
            parts,
            Standing {
                whom,
                area,
                browser_key,
            },
        );
    }

    /// How long ago the form was written, if it was ours, for this browser and for `whom`.
    pub(crate) fn form_age(&self, whom: FormFor, token: &str) -> Option<chrono::Duration> {
        if self.browser.is_new {
            return None;
        }
        self.service().form_age(&self.browser.key, whom, token)
    }
}

/// A signed-in account in its browser. Whoever is not signed in is sent to do so.
pub(crate) struct Signed {
    pub(crate) visit: Visit,
    pub(crate) owner: Owner,
}

impl FromRequestParts<Web> for Signed {
    type Rejection = Instead;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Instead> {
        let visit = Visit::from_request_parts(parts, web).await?;
        let sign_in = || Instead::sign_in(&original_path(parts));
        let token = cookie(&parts.headers, SESSION_COOKIE)?.ok_or_else(sign_in)?;
        match web.service.authenticate(Transport::Cookie, &token).await {
            Ok(owner) => {
                let signed = Self { visit, owner };
                signed
                    .visit
                    .note_presence(parts, signed.form(), Area::Owner);
                Ok(signed)
            }
            Err(Error::Unauthenticated) => Err(sign_in()),
            Err(error) => Err(Problem::from(error).into()),
        }
    }
}

impl Signed {
    pub(crate) fn service(&self) -> &Service {
        self.visit.service()
    }

    pub(crate) fn form(&self) -> FormFor {
        FormFor::Owner(self.owner.session_id())
    }

    pub(crate) fn frame(&self) -> Result<Frame, Problem> {
        Ok(self.visit.frame_for(self.form())?.in_area(Area::Owner))
    }
}

fn original_path(parts: &Parts) -> String {
    let uri = parts.extensions.get::<OriginalUri>();
    let uri = uri.map_or(&parts.uri, |OriginalUri(uri)| uri);
    uri.path_and_query()
        .map_or_else(|| "/".to_owned(), ToString::to_string)
}
