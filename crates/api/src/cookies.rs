//! The two cookies. Both are `__Host-`: secure, bound to this host, for every path.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponseParts, ResponseParts};

use crate::problem::Problem;

pub(crate) const SESSION_COOKIE: &str = "__Host-countersign_session";
pub(crate) const DEVICE_COOKIE: &str = "__Host-countersign_device";

const DEVICE_LIFETIME: Duration = Duration::from_hours(365 * 24);

/// A `Set-Cookie` header of one of our cookies. It holds a token, so it has no `Debug` content.
pub(crate) struct SetCookie(HeaderValue);

impl SetCookie {
    /// `Lax`, so that somebody who follows a link from a mail arrives signed in.
    pub(crate) fn session(token: &str, lifetime: Duration) -> Result<Self, Problem> {
        Self::new(SESSION_COOKIE, token, "Lax", lifetime)
    }

    pub(crate) fn device(token: &str) -> Result<Self, Problem> {
        Self::new(DEVICE_COOKIE, token, "Strict", DEVICE_LIFETIME)
    }

    pub(crate) fn no_session() -> Result<Self, Problem> {
        Self::new(SESSION_COOKIE, "", "Lax", Duration::ZERO)
    }

    fn new(name: &str, value: &str, same_site: &str, max_age: Duration) -> Result<Self, Problem> {
        let seconds = max_age.as_secs();
        let text = format!(
            "{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite={same_site}"
        );
        let mut header = HeaderValue::try_from(text).map_err(Problem::internal)?;
        header.set_sensitive(true);
        Ok(Self(header))
    }

    pub(crate) fn append_to(self, headers: &mut HeaderMap) {
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
