//! Changes that ride on a cookie must come from our own pages. A bearer token is never sent by a
//! browser on its own, and a request without cookies has nothing to ride on.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::credentials::is_bearer;
use crate::problem::{Code, Problem};
use crate::settings::Edge;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

pub(super) fn refuse_cross_site(request: &Request, edge: &Edge) -> Result<(), Problem> {
    let headers = request.headers();
    let rides_on_cookie =
        !request.method().is_safe() && headers.contains_key(header::COOKIE) && !is_bearer(headers);
    if rides_on_cookie && !comes_from_us(headers, edge.origin()) {
        return Err(Problem::new(Code::CrossSiteRequest));
    }
    Ok(())
}

/// `Sec-Fetch-Site` decides where it is present, else `Origin`. Neither is refused, and so is one
/// that stands there twice.
fn comes_from_us(headers: &HeaderMap, own_origin: &str) -> bool {
    match single(headers, &SEC_FETCH_SITE) {
        Ok(Some(site)) => site == "same-origin" || site == "none",
        Ok(None) => single(headers, &header::ORIGIN)
            .is_ok_and(|origin| origin.is_some_and(|origin| origin == own_origin)),
        Err(Repeated) => false,
    }
}

struct Repeated;

fn single<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h HeaderValue>, Repeated> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Repeated),
        (value, None) => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        comes_from_us(&headers, "https://accounts.example")
    }

    #[test]
    fn sec_fetch_site_decides_where_it_is_present() {
        assert!(passes(&[("sec-fetch-site", "same-origin")]));
        assert!(passes(&[("sec-fetch-site", "none")]));
        assert!(passes(&[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://evil.example")
        ]));
        for site in ["cross-site", "same-site", "", "SAME-ORIGIN"] {
            assert!(!passes(&[
                ("sec-fetch-site", site),
                ("origin", "https://accounts.example")
            ]));
        }
    }

    #[test]
    fn else_the_origin_must_be_ours() {
        assert!(passes(&[("origin", "https://accounts.example")]));
        for origin in [
            "https://evil.example",
            "http://accounts.example",
            "https://accounts.example:8443",
            "https://accounts.example.evil.example",
            "https://accounts.example/",
            "null",
        ] {
            assert!(!passes(&[("origin", origin)]), "{origin}");
        }
    }

    #[test]
    fn headers_absent_refused() {
        assert!(!passes(&[]));
        assert!(!passes(&[("referer", "https://accounts.example/")]));
    }

    #[test]
    fn a_repeated_header_is_refused() {
        assert!(!passes(&[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "cross-site")
        ]));
        assert!(!passes(&[
            ("origin", "https://accounts.example"),
            ("origin", "https://evil.example")
        ]));
    }
}
