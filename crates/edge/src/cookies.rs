//! The cookies. Those of visitors and owners are `__Host-`: secure, bound to this host, for every
//! path. Those of staff are sent to their own desk and nowhere else.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponseParts, ResponseParts};

use crate::problem::Problem;

pub const SESSION_COOKIE: &str = "__Host-countersign_session";
pub const DEVICE_COOKIE: &str = "__Host-countersign_device";
/// Of a browser on the pages, so that a form that comes back is known to come from it.
pub const FORM_COOKIE: &str = "__Host-countersign_form";
/// A sign-in on the pages whose code is still to come.
pub const CHALLENGE_COOKIE: &str = "__Host-countersign_challenge";
/// Of a member of support at their desk.
pub const SUPPORT_COOKIE: &str = "__Secure-countersign_support";
/// Of an auditor at their desk.
pub const AUDIT_COOKIE: &str = "__Secure-countersign_audit";
/// What the next page says was done: a name from a closed list.
pub const NOTICE_COOKIE: &str = "__Host-countersign_notice";

const DEVICE_LIFETIME: Duration = Duration::from_hours(365 * 24);
const NOTICE_LIFETIME: Duration = Duration::from_mins(1);

/// Nothing of a signed-in page stays in the browser. Not `"cookies"`: the device cookie must live, or
/// the owner is a stranger next time.
pub const CLEAR_SITE_DATA: (HeaderName, HeaderValue) = (
    HeaderName::from_static("clear-site-data"),
    HeaderValue::from_static(r#""cache", "storage""#),
);

/// A `Set-Cookie` header of one of our cookies. It holds a token, so it has no `Debug` content.
pub struct SetCookie(HeaderValue);

impl SetCookie {
    /// `Lax`, so that somebody who follows a link from a mail arrives signed in.
    pub fn session(token: &str, lifetime: Duration) -> Result<Self, Problem> {
        Self::new(SESSION_COOKIE, token, "Lax", lifetime)
    }

    pub fn device(token: &str) -> Result<Self, Problem> {
        Self::new(DEVICE_COOKIE, token, "Strict", DEVICE_LIFETIME)
    }

    pub fn no_session() -> Result<Self, Problem> {
        Self::new(SESSION_COOKIE, "", "Lax", Duration::ZERO)
    }

    /// Goes with the browser's own session. `Lax`: a form that a mailed link leads to needs it.
    pub fn form(key: &str) -> Result<Self, Problem> {
        Self::written(format!(
            "{FORM_COOKIE}={key}; Path=/; Secure; HttpOnly; SameSite=Lax"
        ))
    }

    pub fn challenge(token: &str, lifetime: Duration) -> Result<Self, Problem> {
        Self::new(CHALLENGE_COOKIE, token, "Strict", lifetime)
    }

    pub fn no_challenge() -> Result<Self, Problem> {
        Self::new(CHALLENGE_COOKIE, "", "Strict", Duration::ZERO)
    }

    /// `name` is that of a desk's cookie, and `path` the desk's.
    pub fn staff(
        (name, path): (&str, &str),
        token: &str,
        lifetime: Duration,
    ) -> Result<Self, Problem> {
        let seconds = lifetime.as_secs();
        Self::written(format!(
            "{name}={token}; Path={path}; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict"
        ))
    }

    pub fn notice(name: &str) -> Result<Self, Problem> {
        Self::new(NOTICE_COOKIE, name, "Lax", NOTICE_LIFETIME)
    }

    pub fn no_notice() -> Result<Self, Problem> {
        Self::new(NOTICE_COOKIE, "", "Lax", Duration::ZERO)
    }

    fn new(name: &str, value: &str, same_site: &str, max_age: Duration) -> Result<Self, Problem> {
        let seconds = max_age.as_secs();
        Self::written(format!(
            "{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite={same_site}"
        ))
    }

    fn written(text: String) -> Result<Self, Problem> {
        let mut header = HeaderValue::try_from(text).map_err(Problem::internal)?;
        header.set_sensitive(true);
        Ok(Self(header))
    }

    pub fn append_to(self, headers: &mut HeaderMap) {
        headers.append(header::SET_COOKIE, self.0);
    }
}

impl std::fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SetCookie(…)")
    }
}

impl IntoResponseParts for SetCookie {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        self.append_to(parts.headers_mut());
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cookie: Result<SetCookie, Problem>) -> String {
        let cookie = cookie.unwrap();
        cookie.0.to_str().unwrap().to_owned()
    }

    #[test]
    fn cookie_samesite_table() {
        let fortnight = Duration::from_hours(14 * 24);
        assert_eq!(
            text(SetCookie::session("cs_browser_a", fortnight)),
            "__Host-countersign_session=cs_browser_a; Path=/; Max-Age=1209600; Secure; HttpOnly; \
             SameSite=Lax"
        );
        assert_eq!(
            text(SetCookie::device("cs_device_a")),
            "__Host-countersign_device=cs_device_a; Path=/; Max-Age=31536000; Secure; HttpOnly; \
             SameSite=Strict"
        );
        assert_eq!(
            text(SetCookie::no_session()),
            "__Host-countersign_session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
        );
    }
}
