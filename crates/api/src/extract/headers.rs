//! Request headers that calls give a meaning to.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use edge::credentials::device_cookie;
use edge::problem::{FieldError, Problem};
use zeroize::Zeroizing;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_IDEMPOTENCY_KEY: usize = 255;

/// `Idempotency-Key`: 1 to 255 visible ASCII characters.
#[derive(Debug)]
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        idempotency_key(&parts.headers).map(Self)
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.to_str().ok(),
        (Some(_), Some(_)) => None,
    };
    let is_good = |key: &&str| {
        (1..=MAX_IDEMPOTENCY_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
    };
    match key.filter(is_good) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(Problem::invalid(vec![FieldError::new(
            "",
            "an Idempotency-Key is one header of 1 to 255 visible ASCII characters",
        )])),
    }
}

/// The token of a browser that completed a sign-in before.
pub(crate) struct KnownDevice(pub(crate) Option<Zeroizing<String>>);

impl std::fmt::Debug for KnownDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KnownDevice(…)")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for KnownDevice {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        device_cookie(&parts.headers).map(Self)
    }
}

/// Whether the client asks for a stream of lines. JSON is for everybody else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WantsLines(pub(crate) bool);

impl<S: Send + Sync> FromRequestParts<S> for WantsLines {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(wants(&parts.headers, "application/x-ndjson")))
    }
}

/// Whether the client asks for JSON where a plain text is for everybody else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WantsJson(pub(crate) bool);

impl<S: Send + Sync> FromRequestParts<S> for WantsJson {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(wants(&parts.headers, "application/json")))
    }
}

fn wants(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_it = parts
                .next()
                .is_some_and(|essence| essence.eq_ignore_ascii_case(media_type));
            is_it && !parts.any(is_zero_quality)
        })
}

/// RFC 9110, section 12.4.2: a quality of nought means "not this one".
fn is_zero_quality(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, value)| {
        name.eq_ignore_ascii_case("q") && value.parse::<f32>().is_ok_and(|q| q <= 0.0)
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn an_idempotency_key_is_one_short_visible_text() {
        let key = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, HeaderValue::from_str(value).unwrap());
            }
            idempotency_key(&headers)
        };
        assert_eq!(key(&[]).unwrap(), None);
        assert_eq!(key(&["a-1"]).unwrap().as_deref(), Some("a-1"));
        assert!(key(&[&"k".repeat(255)]).is_ok());
        for bad in [
            &[""][..],
            &["a b"],
            &["a", "a"],
            &["é"],
            &[&"k".repeat(256)],
        ] {
            assert!(key(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn lines_are_for_those_who_ask_for_them() {
        let lines = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(value));
            wants(&headers, "application/x-ndjson")
        };
        assert!(lines("application/x-ndjson"));
        assert!(lines("application/json;q=0.5, Application/X-NDJSON; q=0.9"));
        for other in [
            "",
            "*/*",
            "application/json",
            "application/x-ndjson;q=0",
            "application/*",
        ] {
            assert!(!lines(other), "{other}");
        }
    }
}
