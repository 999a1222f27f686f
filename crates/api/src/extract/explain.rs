//! Why a body was not taken, field by field, without repeating a value.

use std::borrow::Cow;

use edge::problem::{FieldError, Problem};
use serde_json::{Map, Value};
use serde_path_to_error::Segment;
use utoipa::PartialSchema;
use utoipa::openapi::schema::Object;
use utoipa::openapi::{RefOr, Schema};

/// A hostile body may have any number of wrong fields, with names of any length.
const MAX_ERRORS: usize = 20;
const MAX_NAME: usize = 100;

pub(super) fn not_an_object(text: &str) -> Problem {
    let detail = match serde_json::from_str::<Value>(text) {
        Ok(_) => "must be a JSON object",
        Err(_) => "is not JSON",
    };
    Problem::invalid(vec![FieldError::new("", detail)])
}

pub(super) fn explain<T: PartialSchema>(
    text: &str,
    error: &serde_path_to_error::Error<serde_json::Error>,
) -> Problem {
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
        return not_an_object(text);
    };
    let mut errors = misplaced::<T>(&fields);
    if errors.is_empty() {
        errors.push(broken_rule(error));
    }
    errors.truncate(MAX_ERRORS);
    Problem::invalid(errors)
}

/// Fields that are missing or unknown, by the published schema.
fn misplaced<T: PartialSchema>(fields: &Map<String, Value>) -> Vec<FieldError> {
    let Some(schema) = object_schema::<T>() else {
        return Vec::new();
    };
    let missing = schema
        .required
        .iter()
        .filter(|name| !fields.contains_key(*name));
    let unknown = fields
        .keys()
        .filter(|name| !schema.properties.contains_key(*name));
    missing
        .map(|name| FieldError::new(pointer(name), "is missing"))
        .chain(unknown.map(|name| FieldError::new(pointer(name), "is not known here")))
        .collect()
}

fn object_schema<T: PartialSchema>() -> Option<Object> {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => Some(object),
        _ => None,
    }
}

/// Our own rules write their messages; the one of serde's that is left is about a repetition.
fn broken_rule(error: &serde_path_to_error::Error<serde_json::Error>) -> FieldError {
    let inner = error.inner();
    let message = inner.to_string();
    let position = format!(" at line {} column {}", inner.line(), inner.column());
    let message = message.strip_suffix(&position).unwrap_or(&message);
    if let Some(name) = message.strip_prefix("duplicate field `") {
        return FieldError::new(
            pointer(name.trim_end_matches('`')),
            "stands there more than once",
        );
    }
    let path = error.path().iter().filter_map(|segment| match segment {
        Segment::Map { key } => Some(pointer(key)),
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    FieldError::new(path.collect::<String>(), Cow::Owned(message.to_owned()))
}

/// RFC 6901, section 3.
fn pointer(name: &str) -> String {
    let name: String = name.chars().take(MAX_NAME).collect();
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
