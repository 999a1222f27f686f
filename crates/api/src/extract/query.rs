//! Query parameters: known ones, once each, in one spelling.

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use edge::problem::{FieldError, Problem};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde_path_to_error::Segment;
use service::At;
use url::form_urlencoded;

#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<S, T> FromRequestParts<S> for Params<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(&parts.uri).map(Self)
    }
}

/// The one parameter that may stand there several times, as one with commas in it.
const REPEATABLE: &str = "type";

fn parse<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(joined(pairs.into_owned()))
        .finish();
    let source = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(source).map_err(|error| explain(&error))
}

fn joined(pairs: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut joined: Vec<(String, String)> = Vec::new();
    for (name, value) in pairs {
        let earlier = joined.iter_mut().find(|(earlier, _)| *earlier == name);
        match earlier {
            Some((_, values)) if name == REPEATABLE => {
                values.push(',');
                values.push_str(&value);
            }
            _ => joined.push((name, value)),
        }
    }
    joined
}

/// Our own rules write their messages; those of serde's are about names and would repeat them.
fn explain(error: &serde_path_to_error::Error<serde_urlencoded::de::Error>) -> Problem {
    let message = error.inner().to_string();
    let ours = message.starts_with("is ") || message.starts_with("must ");
    match error.path().iter().next() {
        Some(Segment::Map { key }) if ours => {
            Problem::invalid(vec![FieldError::new(format!("/{key}"), message)])
        }
        _ => not_understood(),
    }
}

fn not_understood() -> Problem {
    Problem::invalid(vec![FieldError::new(
        "",
        "the query has a parameter that is missing, unknown, repeated or out of bounds",
    )])
}

/// A sequence number or a position: digits that fit a signed 64-bit integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position(pub(crate) u64);

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        position(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom("must be a whole number of at most 19 digits"))
    }
}

/// Of the largest 64-bit integer.
const MAX_DIGITS: usize = 19;

pub(super) fn position(text: &str) -> Option<u64> {
    let is_number =
        (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse::<u64>().ok().filter(|_| is_number)?;
    i64::try_from(number).is_ok().then_some(number)
}

/// How many events a page holds: 100 unless told, at most 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageLimit(pub(crate) u32);

impl Default for PageLimit {
    fn default() -> Self {
        Self(100)
    }
}

impl<'de> Deserialize<'de> for PageLimit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Position(number) = Position::deserialize(from)?;
        match u32::try_from(number) {
            Ok(limit @ 1..=500) => Ok(Self(limit)),
            _ => Err(D::Error::custom("must be 1 to 500")),
        }
    }
}

/// A point in an account's history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point(pub(crate) At);

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::AskedTypes;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Page {
        after: Option<Position>,
        limit: PageLimit,
        at: Option<Point>,
        #[serde(rename = "type")]
        types: AskedTypes,
    }

    fn page(query: &str) -> Option<Page> {
        parse(&format!("/events?{query}").parse().unwrap()).ok()
    }

    #[test]
    fn a_page_has_bounds_and_a_default() {
        assert_eq!(page("").unwrap().limit, PageLimit(100));
        assert_eq!(page("limit=1").unwrap().limit, PageLimit(1));
        assert_eq!(page("limit=500").unwrap().limit, PageLimit(500));
        for bad in [
            "limit=0",
            "limit=501",
            "limit=-1",
            "limit=4294967297",
            "limit=1e2",
            "limit=",
        ] {
            assert!(page(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_position_is_digits_that_a_database_can_hold() {
        assert_eq!(page("after=0").unwrap().after, Some(Position(0)));
        assert_eq!(
            page("after=9223372036854775807").unwrap().after,
            Some(Position(u64::MAX / 2))
        );
        for bad in [
            "after=9223372036854775808",
            "after=99999999999999999999999",
            "after=%2B1",
            "after=+1",
            "after=1.0",
            "after=0x1",
            "after=%D9%A1",
            "after=%FF",
            "after=null",
        ] {
            assert!(page(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn unknown_and_repeated_parameters_are_refused() {
        for bad in [
            "before=1",
            "after=1&after=2",
            "after=1&after=1",
            "After=1",
            "limit[]=1",
        ] {
            assert!(page(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn types_may_be_repeated_or_have_commas_between_them() {
        let types = |query| page(query).map(|page| page.types.0);
        let both = types("type=SignedIn,SignedOut").unwrap();
        assert_eq!(both.len(), 2);
        assert_eq!(types("type=SignedOut&type=SignedIn").unwrap(), both);
        let thrice = "type=SignedIn&type=SignedIn,SignedOut";
        assert_eq!(types(thrice).unwrap(), both);
        assert!(types("").unwrap().is_empty());
    }

    #[test]
    fn a_value_that_is_not_understood_is_named_and_not_repeated() {
        for (query, pointer) in [
            ("type=SignedIn,SignedUp", "/type"),
            ("type=SignedIn&type=", "/type"),
            ("limit=0", "/limit"),
            ("after=x", "/after"),
            ("at=yesterday", "/at"),
            ("SignedUp=1", ""),
            ("after=1&after=2", ""),
        ] {
            let uri = format!("/events?{query}").parse().unwrap();
            let problem = parse::<Page>(&uri).unwrap_err();
            let [error] = problem.errors() else {
                panic!("{problem:?}");
            };
            assert_eq!(error.pointer, pointer, "{query}");
            assert!(!error.detail.contains("SignedUp"), "{}", error.detail);
        }
    }

    #[test]
    fn a_point_in_history_is_a_sequence_or_an_instant() {
        let point = |query| page(query).and_then(|page| page.at);
        assert!(matches!(point("at=7"), Some(Point(At::Sequence(7)))));
        for good in [
            "at=2026-11-24T10:00:00Z",
            "at=2026-11-24T11:00:00.5%2B01:00",
        ] {
            assert!(matches!(point(good), Some(Point(At::Instant(_)))), "{good}");
        }
        for bad in [
            "at=",
            "at=now",
            "at=2026-11-24",
            "at=2026-13-01T00:00:00Z",
            "at=-1",
        ] {
            assert!(page(bad).is_none(), "{bad}");
        }
    }
}
