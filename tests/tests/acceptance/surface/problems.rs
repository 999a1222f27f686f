//! The form of a problem document, and what none of them may say.

use acceptance::Answer;
use serde_json::Value;

/// Traces of the inside: languages, libraries, tables, files.
const INSIDE: [&str; 17] = [
    "serde",
    "sqlx",
    "postgres",
    "select ",
    "insert ",
    ".rs",
    "src/",
    "/tmp",
    "panick",
    "thread",
    "rust",
    "axum",
    "hyper",
    "struct ",
    "line 1",
    "aggregate",
    "/var/",
];

/// Checks a problem against RFC 9457 and the contract, and that it leaks nothing. Checks:
/// error_leak_scan (ASVS-16.5.1).
#[track_caller]
pub(crate) fn assert_problem(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text);
    assert_eq!(answer.code(), code, "{what}: {}", answer.text);
    assert_eq!(
        answer.headers["content-type"], "application/problem+json",
        "{what}"
    );
    let document = answer.json.as_object().unwrap();
    for (name, value) in document {
        match name.as_str() {
            "type" => assert!(value.as_str().unwrap().ends_with(code), "{what}: {value}"),
            "status" => assert_eq!(value, status, "{what}"),
            "title" | "detail" | "code" => assert!(!value.as_str().unwrap().is_empty(), "{what}"),
            "request_id" => {
                assert_eq!(
                    value,
                    answer.headers["x-request-id"].to_str().unwrap(),
                    "{what}"
                );
            }
            "errors" => assert_errors(value, what),
            other => panic!("{what}: {other} is no member of a problem"),
        }
    }
    for name in ["type", "title", "status", "detail", "code", "request_id"] {
        assert!(document.contains_key(name), "{what}: {name} is missing");
    }
    let text = answer.text.to_lowercase();
    for trace in INSIDE {
        assert!(!text.contains(trace), "{what} tells of {trace}: {text}");
    }
}

#[track_caller]
fn assert_errors(errors: &Value, what: &str) {
    for error in errors.as_array().unwrap() {
        let members = error.as_object().unwrap();
        assert_eq!(members.len(), 2, "{what}: {error}");
        assert!(members["pointer"].is_string(), "{what}: {error}");
        assert!(members["detail"].is_string(), "{what}: {error}");
    }
}

/// The pointers of a validation error, sorted.
pub(crate) fn pointers(answer: &Answer) -> Vec<String> {
    let errors = answer.json["errors"].as_array().cloned();
    let mut pointers = errors
        .unwrap_or_default()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap().to_owned())
        .collect::<Vec<_>>();
    pointers.sort();
    pointers
}

/// What an answer says but for the id of its request.
pub(crate) fn without_request_id(answer: &Answer) -> (u16, Value) {
    let mut json = answer.json.clone();
    if let Some(document) = json.as_object_mut() {
        document.remove("request_id");
    }
    (answer.status.as_u16(), json)
}
