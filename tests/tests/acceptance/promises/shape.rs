//! What answers look like: their members, times and ids, and problems.

use acceptance::Answer;
use chrono::{DateTime, Duration, Utc};
use serde_json::Value;

/// The names of an object's members, sorted.
pub(crate) fn members(value: &Value) -> Vec<&str> {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("no object: {value}"));
    let mut names = object.keys().map(String::as_str).collect::<Vec<_>>();
    names.sort_unstable();
    names
}

/// An instant as RFC 3339 in UTC.
#[track_caller]
pub(crate) fn instant(value: &Value) -> DateTime<Utc> {
    let text = value.as_str().unwrap_or_else(|| panic!("no time: {value}"));
    assert!(text.ends_with('Z'), "{text} is not told in UTC");
    text.parse().unwrap()
}

/// Allows for a slow machine, and for no more.
#[track_caller]
pub(crate) fn assert_about(told: &Value, expected: DateTime<Utc>) {
    let off = (instant(told) - expected).abs();
    assert!(off < Duration::seconds(25), "{told} is not {expected}");
}

#[track_caller]
pub(crate) fn assert_uuid_v7(value: &Value) {
    let text = value.as_str().unwrap();
    assert_eq!(text.len(), 36, "{text}");
    assert_eq!(text.as_bytes()[14], b'7', "{text} is no UUIDv7");
}

/// A problem document apart from what differs from request to request.
pub(crate) fn problem_without_request(answer: &Answer) -> Value {
    let mut problem = answer.json.clone();
    let id = problem.as_object_mut().unwrap().remove("request_id");
    let header = answer.headers["x-request-id"].to_str().unwrap();
    assert_eq!(id.unwrap(), header);
    problem
}

/// `Retry-After`, which must be whole seconds.
#[track_caller]
pub(crate) fn retry_after(answer: &Answer) -> Duration {
    let header = answer.headers["retry-after"].to_str().unwrap();
    Duration::seconds(header.parse().unwrap())
}

/// Words of a mail or page, whatever lines they stand on.
pub(crate) fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
