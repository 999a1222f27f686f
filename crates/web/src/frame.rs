//! What every page has: its language, its head and foot, the token of its forms, and the policy
//! under which a browser may show it.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use edge::cookies::SetCookie;
use edge::problem::{Problem, Shown};
use fluent_templates::fluent_bundle::FluentValue;
use service::Secret;

use crate::faults::Faults;
use crate::language::{Arguments, Language};
use crate::site::{Site, SupportContact};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const VARY: HeaderValue = HeaderValue::from_static("Cookie, Authorization, Accept-Language");
const REPORTING_ENDPOINTS: HeaderName = HeaderName::from_static("reporting-endpoints");

/// What the next page says was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    SignedOut,
    PasswordChanged,
    TwoFactorEnabled,
    TwoFactorDisabled,
    EnrollmentCancelled,
    SessionEnded,
    OthersEnded,
    AccountUnlocked,
    EnrollmentOver,
    AccountReady,
    PasswordReset,
    BrowserUnblocked,
}

impl Notice {
    pub(crate) const ALL: [Self; 12] = [
        Self::SignedOut,
        Self::PasswordChanged,
        Self::TwoFactorEnabled,
        Self::TwoFactorDisabled,
        Self::EnrollmentCancelled,
        Self::SessionEnded,
        Self::OthersEnded,
        Self::AccountUnlocked,
        Self::EnrollmentOver,
        Self::AccountReady,
        Self::PasswordReset,
        Self::BrowserUnblocked,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SignedOut => "notice-signed-out",
            Self::PasswordChanged => "notice-password-changed",
            Self::TwoFactorEnabled => "notice-two-factor-enabled",
            Self::TwoFactorDisabled => "notice-two-factor-disabled",
            Self::EnrollmentCancelled => "notice-enrollment-cancelled",
            Self::SessionEnded => "notice-session-ended",
            Self::OthersEnded => "notice-others-ended",
            Self::AccountUnlocked => "notice-account-unlocked",
            Self::EnrollmentOver => "notice-enrollment-over",
            Self::AccountReady => "notice-account-ready",
            Self::PasswordReset => "notice-password-reset",
            Self::BrowserUnblocked => "notice-browser-unblocked",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.name() == name)
    }
}

/// Whose pages these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    Visitor,
    Owner,
    /// `support` or `audit`, and the member of staff if one is signed in.
    Staff {
        desk: &'static str,
        name: Option<String>,
    },
}

pub(crate) struct Frame {
    language: Language,
    site: Arc<Site>,
    area: Area,
    nonce: Secret,
    form_token: String,
    browser_key: Option<Secret>,
    notice: Option<Notice>,
}

impl Frame {
    pub(crate) const fn new(
        language: Language,
        site: Arc<Site>,
        nonce: Secret,
        form_token: String,
    ) -> Self {
        Self {
            language,
            site,
            area: Area::Visitor,
            nonce,
            form_token,
            browser_key: None,
            notice: None,
        }
    }

    /// A browser that has no key yet is given this one.
    pub(crate) fn with_browser_key(self, browser_key: Option<Secret>) -> Self {
        Self {
            browser_key,
            ..self
        }
    }

    pub(crate) fn with_notice(self, notice: Option<Notice>) -> Self {
        Self { notice, ..self }
    }

    pub(crate) fn in_area(self, area: Area) -> Self {
        Self { area, ..self }
    }
}

/// For templates.
impl Frame {
    pub(crate) fn say(&self, text: &str) -> String {
        self.language.say(text)
    }

    /// A text whose name is made of two parts.
    pub(crate) fn join(&self, one: &str, other: &str) -> String {
        self.say(&format!("{one}{other}"))
    }

    /// What a field is called.
    pub(crate) fn label(&self, field: &str) -> String {
        self.join("field-", &field.replace('_', "-"))
    }

    /// What a title begins with where a form says that something is wrong.
    pub(crate) fn mark(&self, faults: &Faults) -> String {
        if faults.is_empty() {
            String::new()
        } else {
            format!("{} ", self.say("error-mark"))
        }
    }

    /// A text that names one thing.
    pub(crate) fn with(&self, text: &str, name: &'static str, value: impl Display) -> String {
        self.say_with(text, &[(name, FluentValue::from(value.to_string()))])
    }

    /// A text that depends on a number.
    pub(crate) fn count(&self, text: &str, number: usize) -> String {
        self.say_with(text, &[("number", FluentValue::from(number))])
    }

    pub(crate) fn say_with(&self, text: &str, arguments: Arguments<'_>) -> String {
        self.language.say_with(text, arguments)
    }

    pub(crate) const fn language(&self) -> &Language {
        &self.language
    }

    pub(crate) fn lang(&self) -> String {
        self.language.tag()
    }

    pub(crate) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(crate) fn form_token(&self) -> &str {
        &self.form_token
    }

    pub(crate) fn service_name(&self) -> &str {
        &self.site.name
    }

    pub(crate) fn support(&self) -> Option<&SupportContact> {
        self.site.support_contact.as_ref()
    }

    pub(crate) fn notice(&self) -> Option<String> {
        self.notice.map(|notice| self.say(notice.name()))
    }

    pub(crate) fn is_owner(&self) -> bool {
        self.area == Area::Owner
    }

    /// Empty where no staff sit.
    pub(crate) fn desk(&self) -> &'static str {
        match &self.area {
            Area::Staff { desk, .. } => desk,
            Area::Visitor | Area::Owner => "",
        }
    }

    pub(crate) fn staff_name(&self) -> Option<&str> {
        match &self.area {
            Area::Staff { name, .. } => name.as_deref(),
            Area::Visitor | Area::Owner => None,
        }
    }

    /// Where the name at the top leads.
    pub(crate) fn home(&self) -> String {
        match self.desk() {
            "" => "/".to_owned(),
            desk => format!("/{desk}"),
        }
    }
}

impl Frame {
    pub(crate) fn show(&self, page: &impl Template) -> Result<Response, Problem> {
        self.show_as(StatusCode::OK, page)
    }

    /// The page tells of the problem itself.
    pub(crate) fn show_problem(
        &self,
        problem: Problem,
        page: &impl Template,
    ) -> Result<Response, Problem> {
        let mut response = self.show_as(problem.code().status(), page)?;
        let headers = problem.clone().into_response().headers().clone();
        response.headers_mut().extend(headers);
        response.extensions_mut().insert(Shown(problem));
        Ok(response)
    }

    fn show_as(&self, status: StatusCode, page: &impl Template) -> Result<Response, Problem> {
        let html = page.render().map_err(Problem::internal)?;
        let mut response = (status, Body::from(html)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HTML);
        headers.insert(header::VARY, VARY);
        let policy = HeaderValue::try_from(self.policy()).map_err(Problem::internal)?;
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        headers.insert(
            REPORTING_ENDPOINTS,
            HeaderValue::from_static("csp=\"/csp-report\""),
        );
        if let Some(key) = &self.browser_key {
            SetCookie::form(key)?.append_to(headers);
        }
        if self.notice.is_some() {
            SetCookie::no_notice()?.append_to(headers);
        }
        Ok(response)
    }

    /// Browsers hold `form-action` against where a form's answer redirects to as well, so the
    /// listed applications stand there.
    fn policy(&self) -> String {
        let nonce = self.nonce();
        let apps = self.site.app_urls.iter();
        let apps = apps.map(|app| app.origin().ascii_serialization());
        let apps = apps.collect::<Vec<_>>().join(" ");
        format!(
            "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; \
             style-src 'nonce-{nonce}'; img-src 'self'; form-action 'self' {apps}; \
             base-uri 'none'; object-src 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'; \
             report-uri /csp-report; report-to csp"
        )
    }
}

/// A redirect after a form, as a browser that presses "back" expects it, with what the next page
/// says.
pub(crate) fn go_to(place: HeaderValue, notice: Option<Notice>) -> Result<Response, Problem> {
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response();
    if let Some(notice) = notice {
        SetCookie::notice(notice.name())?.append_to(response.headers_mut());
    }
    Ok(response)
}

/// How long a wait is, as a text says it: never less than it is.
pub(crate) fn wait(language: &Language, after: Duration) -> String {
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    let (text, number) = match seconds {
        0..=90 => ("wait-seconds", seconds.max(1)),
        91..=5400 => ("wait-minutes", seconds.div_ceil(60)),
        _ => ("wait-hours", seconds.div_ceil(3600)),
    };
    language.say_with(text, &[("number", FluentValue::from(number))])
}
