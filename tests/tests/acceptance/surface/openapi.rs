//! The published description: OpenAPI 3.1, complete, bounded, and changed only on purpose.

use std::collections::BTreeSet;

use acceptance::{Caller, Deployment};
use serde_json::{Value, json};

use crate::surface::contract::{CALLS, Call, Who};

async fn published(deployment: &Deployment) -> Value {
    // A caller speaks below /api/v1; dots lead out of it.
    let visitor = Caller::of(&deployment.servers[0].url);
    let answer = visitor.get("/../../openapi.json").await.expect(200);
    assert_eq!(answer.headers["content-type"], "application/json");
    answer.json
}

fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

#[tokio::test]
async fn the_description_is_openapi_3_1_and_has_every_call_of_the_contract_and_no_other() {
    let deployment = Deployment::start().await;
    let document = published(&deployment).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            described.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let contract = CALLS
        .iter()
        .map(|call| format!("{} /api/v1{}", call.method, call.path));
    assert_eq!(described, contract.collect());
    for call in &CALLS {
        assert_described(&document, call);
    }
}

fn assert_described(document: &Value, call: &Call) {
    let operation = &document["paths"][format!("/api/v1{}", call.path)][call.method.to_lowercase()];
    let securities = operation["security"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let securities = securities
        .iter()
        .flat_map(|one| one.as_object().unwrap().keys().cloned());
    let expected: &[&str] = match call.who {
        Who::Visitor => &[],
        Who::Owner => &["session_cookie", "session_token"],
        Who::Support | Who::Auditor => &["staff_token"],
    };
    assert_eq!(securities.collect::<Vec<_>>(), expected, "{}", call.name());
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    let schema = resolved(document, body);
    let properties = schema["properties"].as_object();
    let fields =
        properties.map(|fields| fields.keys().map(String::as_str).collect::<BTreeSet<_>>());
    let all = call
        .required
        .iter()
        .chain(call.optional)
        .copied()
        .collect::<BTreeSet<_>>();
    assert_eq!(fields.unwrap_or_default(), all, "{}", call.name());
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let required = required
        .iter()
        .map(|field| field.as_str().unwrap().to_owned());
    let expected = call.required.iter().map(|field| (*field).to_owned());
    assert_eq!(
        required.collect::<BTreeSet<_>>(),
        expected.collect(),
        "{}",
        call.name()
    );
}

/// Whether a schema is bounded: every string, number, list and object that may be sent.
fn assert_bounded(document: &Value, schema: &Value, place: &str) {
    let schema = resolved(document, schema);
    for choice in ["oneOf", "anyOf", "allOf"] {
        for part in schema[choice].as_array().into_iter().flatten() {
            assert_bounded(document, part, place);
        }
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        Value::String(kind) => vec![kind.as_str()],
        _ => Vec::new(),
    };
    let is_choice = ["oneOf", "anyOf", "allOf"]
        .iter()
        .any(|choice| schema[*choice].is_array());
    assert!(
        is_choice || !kinds.is_empty(),
        "{place} may be anything: {schema}"
    );
    for kind in kinds {
        let has = |names: &[&str]| names.iter().all(|name| !schema[*name].is_null());
        let bounded = match kind {
            "string" => has(&["maxLength"]) || has(&["enum"]) || schema["format"] == "uuid",
            "integer" | "number" => has(&["minimum", "maximum"]),
            "array" => has(&["maxItems"]),
            "object" => schema["additionalProperties"] == false,
            "boolean" | "null" => true,
            other => panic!("{place}: {other}"),
        };
        assert!(bounded, "{place} is not bounded: {schema}");
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        assert_bounded(document, property, &format!("{place}/{name}"));
    }
}

/// Checks: openapi_every_field_bounded (ASVS-2.1.1), no_sensitive_query (ASVS-14.2.1).
#[tokio::test]
async fn openapi_every_field_bounded_that_a_client_may_send() {
    let deployment = Deployment::start().await;
    let document = published(&deployment).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            let body = &operation["requestBody"]["content"];
            for (kind, content) in body.as_object().into_iter().flatten() {
                assert_eq!(kind, "application/json", "{place}");
                assert_bounded(&document, &content["schema"], &place);
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                assert_bounded(&document, &parameter["schema"], &format!("{place}?{name}"));
                let harmless = [
                    "id",
                    "after",
                    "limit",
                    "at",
                    "position",
                    "size",
                    "from",
                    "to",
                    "tile",
                    "type",
                    "actor",
                    "since",
                    "until",
                    "Idempotency-Key",
                    "Last-Event-ID",
                    "Countersign-Epoch",
                ];
                assert!(
                    harmless.contains(&name),
                    "{place} puts {name} where logs may see it"
                );
            }
        }
    }
    let text = document.to_string().to_lowercase();
    for word in ["security question", "hint", "mother's maiden"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[tokio::test]
async fn a_change_of_the_description_is_on_purpose() {
    let deployment = Deployment::start().await;
    let published = published(&deployment).await;
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let known = std::fs::read_to_string(committed).unwrap_or_default();
    let known = serde_json::from_str(&known).unwrap_or(json!(null));
    let at = first_difference(&known, &published, String::new());
    assert_eq!(
        at, None,
        "the API is described otherwise than before. If clients can live with it, renew the copy: \
         curl -s http://localhost:8080/openapi.json | python3 -m json.tool --sort-keys > tests/openapi.json"
    );
}

/// Where two documents differ first.
fn first_difference(one: &Value, other: &Value, at: String) -> Option<String> {
    if let (Value::Object(one), Value::Object(other)) = (one, other) {
        let names = one.keys().chain(other.keys()).collect::<BTreeSet<_>>();
        return names.into_iter().find_map(|name| {
            let nothing = Value::Null;
            let (one, other) = (one.get(name), other.get(name));
            let (one, other) = (one.unwrap_or(&nothing), other.unwrap_or(&nothing));
            first_difference(one, other, format!("{at}/{name}"))
        });
    }
    (one != other).then_some(at)
}
