//! What a request presents: a bearer token or our own cookies. A bearer token always stands for
//! itself: a cookie that lies about never takes its place.

use std::fmt;

use axum::http::{HeaderMap, header};
use zeroize::Zeroizing;

use crate::MAX_TOKEN;
use crate::cookies::{DEVICE_COOKIE, SESSION_COOKIE};
use crate::problem::{FieldError, Problem};

/// A token and where it stood. Nothing is known about it yet.
pub enum Presented {
    Bearer(Zeroizing<String>),
    SessionCookie(Zeroizing<String>),
    Nothing,
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bearer(_) => "Bearer(…)",
            Self::SessionCookie(_) => "SessionCookie(…)",
            Self::Nothing => "Nothing",
        })
    }
}

/// Whether a request proves itself with a bearer token, good or bad.
pub fn is_bearer(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    values.any(|value| bearer(value.as_bytes()).is_some())
}

/// Two of a kind are refused: which one counts is nobody's guess.
pub fn presented(headers: &HeaderMap) -> Result<Presented, Problem> {
    let mut authorization = headers.get_all(header::AUTHORIZATION).iter();
    let first = authorization.next();
    if authorization.next().is_some() {
        return Err(repeated("the Authorization header"));
    }
    if let Some(token) = first.and_then(|value| bearer(value.as_bytes())) {
        return Ok(Presented::Bearer(text(token)));
    }
    Ok(match cookie(headers, SESSION_COOKIE)? {
        Some(token) => Presented::SessionCookie(token),
        None => Presented::Nothing,
    })
}

/// The device cookie, where a browser has one of a length that we could have made.
pub fn device_cookie(headers: &HeaderMap) -> Result<Option<Zeroizing<String>>, Problem> {
    Ok(cookie(headers, DEVICE_COOKIE)?.filter(|token| token.len() <= MAX_TOKEN))
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer".len())?;
    let separated = token.first().is_none_or(|byte| *byte == b' ');
    (scheme.eq_ignore_ascii_case(b"Bearer") && separated).then(|| token.trim_ascii())
}

/// A cookie's value; one that stands there twice is refused.
pub fn cookie(headers: &HeaderMap, name: &str) -> Result<Option<Zeroizing<String>>, Problem> {
    let mut found = None;
    let pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    for pair in pairs {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let (Some(key), Some(value)) = (parts.next(), parts.next()) else {
            continue;
        };
        if key.trim_ascii() == name.as_bytes() && found.replace(text(value.trim_ascii())).is_some()
        {
            return Err(repeated(name));
        }
    }
    Ok(found)
}

/// What is no text is no token of ours; it stays to be refused like any other.
fn text(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(String::from_utf8_lossy(bytes).into_owned())
}

fn repeated(what: &str) -> Problem {
    Problem::invalid(vec![FieldError::new(
        "",
        format!("{what} stands there more than once"),
    )])
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;
    use crate::problem::Code;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn shown(pairs: &[(&str, &str)]) -> String {
        match presented(&headers(pairs)).unwrap() {
            Presented::Bearer(token) => format!("bearer {}", *token),
            Presented::SessionCookie(token) => format!("cookie {}", *token),
            Presented::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn a_bearer_token_wins_over_a_cookie() {
        let cookie = ("cookie", "__Host-countersign_session=cs_browser_a");
        assert_eq!(shown(&[cookie]), "cookie cs_browser_a");
        assert_eq!(shown(&[cookie, ("authorization", "Bearer b")]), "bearer b");
        assert_eq!(
            shown(&[cookie, ("authorization", "bearer  b ")]),
            "bearer b"
        );
        assert_eq!(shown(&[cookie, ("authorization", "Bearer")]), "bearer ");
        assert_eq!(
            shown(&[cookie, ("authorization", "Basic YTpi")]),
            "cookie cs_browser_a"
        );
        assert_eq!(shown(&[("authorization", "Bearerb")]), "nothing");
        assert_eq!(shown(&[]), "nothing");
    }

    #[test]
    fn our_cookies_are_found_among_others_and_in_several_headers() {
        assert_eq!(
            shown(&[
                ("cookie", "a=1; b; c=x=y"),
                ("cookie", " __Host-countersign_session = t ;d=2")
            ]),
            "cookie t"
        );
        assert_eq!(shown(&[("cookie", "countersign_session=t")]), "nothing");
    }

    #[test]
    fn two_credentials_of_a_kind_are_refused() {
        for pairs in [
            &[("authorization", "Bearer a"), ("authorization", "Bearer b")][..],
            &[(
                "cookie",
                "__Host-countersign_session=a; __Host-countersign_session=a",
            )],
            &[
                ("cookie", "__Host-countersign_session=a"),
                ("cookie", "__Host-countersign_session=b"),
            ],
        ] {
            let problem = presented(&headers(pairs)).unwrap_err();
            assert_eq!(problem.code(), Code::InvalidRequest);
        }
        let two = headers(&[(
            "cookie",
            "__Host-countersign_device=a; __Host-countersign_device=b",
        )]);
        assert!(device_cookie(&two).is_err());
    }

    #[test]
    fn an_over_long_device_cookie_is_as_good_as_none() {
        let long = format!("__Host-countersign_device={}", "a".repeat(MAX_TOKEN + 1));
        assert!(
            device_cookie(&headers(&[("cookie", &long)]))
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn credentials_do_not_show_when_printed() {
        let presented = presented(&headers(&[("authorization", "Bearer s3cret")])).unwrap();
        assert!(!format!("{presented:?}").contains("s3cret"));
    }
}
