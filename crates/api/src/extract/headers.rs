//! Request headers that calls give a meaning to.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use edge::credentials::device_cookie;
use edge::problem::{FieldError, Problem};
use zeroize::Zeroizing;

use super::query::position;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The epoch of the log, in calls and answers.
pub(crate) const EPOCH: HeaderName = HeaderName::from_static("countersign-epoch");
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
        None => Err(not_understood(
            "an Idempotency-Key is one header of 1 to 255 visible ASCII characters",
        )),
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

/// The form in which the client asks for events. JSON is for everybody who names no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventsForm {
    Page,
    Lines,
    /// Server-sent events.
    Live,
}

impl<S: Send + Sync> FromRequestParts<S> for EventsForm {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(events_form(&parts.headers))
    }
}

/// Whether the client asks for JSON where a plain text is for everybody else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WantsJson(pub(crate) bool);

impl<S: Send + Sync> FromRequestParts<S> for WantsJson {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let json = accepted(&parts.headers).any(|form| form == "application/json");
        Ok(Self(json))
    }
}

/// The media types that a client asks for by name, in small letters.
fn accepted(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let accepts = headers.get_all(header::ACCEPT).iter();
    let ranges = accepts
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','));
    ranges.filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let form = parts.next()?.to_ascii_lowercase();
        (!parts.any(is_zero_quality)).then_some(form)
    })
}

fn events_form(headers: &HeaderMap) -> EventsForm {
    let mut forms = accepted(headers).filter_map(|form| match form.as_str() {
        "application/x-ndjson" => Some(EventsForm::Lines),
        "text/event-stream" => Some(EventsForm::Live),
        _ => None,
    });
    forms.next().unwrap_or(EventsForm::Page)
}

/// The position that a client of the live feed has read up to, when it connects anew.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastEventId(pub(crate) Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        last_event_id(&parts.headers).map(Self)
    }
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let why = "a Last-Event-ID is one header with the position of an event";
    number(headers, &LAST_EVENT_ID, why)
}

/// The epoch of the log in which a reader has read before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogEpoch(pub(crate) Option<u32>);

impl<S: Send + Sync> FromRequestParts<S> for LogEpoch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        log_epoch(&parts.headers).map(Self)
    }
}

fn log_epoch(headers: &HeaderMap) -> Result<Option<u32>, Problem> {
    let why = "a Countersign-Epoch is one header with the number of an epoch";
    let epoch = number(headers, &EPOCH, why)?.map(u32::try_from);
    epoch.transpose().map_err(|_| not_understood(why))
}

fn number(
    headers: &HeaderMap,
    name: &HeaderName,
    why: &'static str,
) -> Result<Option<u64>, Problem> {
    let mut values = headers.get_all(name).iter();
    let number = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.to_str().ok().and_then(position),
        (Some(_), Some(_)) => None,
    };
    number.map(Some).ok_or_else(|| not_understood(why))
}

fn not_understood(why: &'static str) -> Problem {
    Problem::invalid(vec![FieldError::new("", why)])
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
    fn lines_and_live_feeds_are_for_those_who_ask_for_them() {
        let form = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(value));
            events_form(&headers)
        };
        assert_eq!(form("application/x-ndjson"), EventsForm::Lines);
        let with_quality = "application/json;q=0.5, Application/X-NDJSON; q=0.9";
        assert_eq!(form(with_quality), EventsForm::Lines);
        assert_eq!(form("text/event-stream"), EventsForm::Live);
        assert_eq!(
            form("application/x-ndjson;q=0, text/event-stream"),
            EventsForm::Live
        );
        for other in [
            "",
            "*/*",
            "application/json",
            "application/x-ndjson;q=0",
            "text/event-stream; q=0.0",
            "text/*",
            "application/*",
        ] {
            assert_eq!(form(other), EventsForm::Page, "{other}");
        }
    }

    #[test]
    fn a_last_event_id_is_one_position() {
        let id = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(LAST_EVENT_ID, HeaderValue::from_static(value));
            }
            last_event_id(&headers)
        };
        assert_eq!(id(&[]).unwrap(), None);
        assert_eq!(id(&["0"]).unwrap(), Some(0));
        assert_eq!(id(&["4711"]).unwrap(), Some(4711));
        for bad in [
            &[""][..],
            &["-1"],
            &["abc"],
            &["1", "1"],
            &["9223372036854775808"],
        ] {
            assert!(id(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_epoch_is_one_number_of_32_bits() {
        let epoch = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(EPOCH, HeaderValue::from_static(value));
            log_epoch(&headers).ok()
        };
        assert_eq!(epoch("2"), Some(Some(2)));
        assert_eq!(epoch("4294967295"), Some(Some(u32::MAX)));
        for bad in ["", "-1", "x", "4294967296"] {
            assert_eq!(epoch(bad), None, "{bad}");
        }
    }
}
