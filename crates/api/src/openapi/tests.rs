use serde_json::Value;

fn document() -> Value {
    serde_json::to_value(crate::openapi()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((format!("{method} {path}"), operation));
        }
    }
    operations
}

fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

#[test]
fn every_call_of_the_contract_is_in_the_document() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut calls: Vec<_> = operations(&document)
        .into_iter()
        .map(|(name, _)| name.replace("/api/v1", ""))
        .collect();
    calls.sort_unstable();
    assert_eq!(
        calls,
        [
            "delete /sessions",
            "delete /sessions/{id}",
            "delete /settings/two-factor/enrollment",
            "get /audit/accounts/{id}/events",
            "get /audit/accounts/{id}/state",
            "get /audit/checkpoint",
            "get /audit/consistency",
            "get /audit/events",
            "get /audit/events/{position}/proof",
            "get /audit/tile/{tile}",
            "get /session",
            "get /sessions",
            "get /settings",
            "get /support/accounts/{id}",
            "post /accounts",
            "post /accounts/verify",
            "post /login",
            "post /login/second-factor",
            "post /logout",
            "post /password-reset",
            "post /password-reset/confirm",
            "post /settings/two-factor/disable",
            "post /settings/two-factor/enrollment",
            "post /settings/two-factor/enrollment/confirm",
            "post /support/accounts/search",
            "post /support/accounts/{id}/unlock",
            "post /unblock",
            "post /unblock/confirm",
            "put /settings/password",
        ]
    );
}

#[test]
fn every_operation_tells_its_failures_as_problems_and_who_may_call_it() {
    let document = document();
    for (name, operation) in operations(&document) {
        assert!(operation["summary"].is_string(), "{name}");
        let tag = operation["tags"][0].as_str().unwrap();
        let expected = match tag {
            "visitors" => &[][..],
            "owners" => &["session_cookie", "session_token"],
            _ => &["staff_token"],
        };
        let securities = operation["security"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let securities: Vec<_> = securities
            .iter()
            .flat_map(|security| security.as_object().unwrap().keys())
            .collect();
        assert_eq!(securities, expected, "{name}");
        let responses = operation["responses"].as_object().unwrap();
        for status in ["400", "403", "500", "503"] {
            assert!(responses.contains_key(status), "{name} lacks {status}");
        }
        let failures = responses
            .iter()
            .filter(|(status, _)| status.as_str() >= "400");
        for (status, response) in failures {
            let content = &response["content"]["application/problem+json"]["schema"];
            assert_eq!(
                content["$ref"], "#/components/schemas/Problem",
                "{name} {status}"
            );
            let waits = ["429", "503"].contains(&status.as_str());
            assert_eq!(
                response["headers"]["Retry-After"].is_object(),
                waits,
                "{name} {status}"
            );
        }
    }
}

#[test]
fn every_request_body_is_closed_and_bounded() {
    let document = document();
    for (name, operation) in operations(&document) {
        let Some(body) = operation.get("requestBody") else {
            continue;
        };
        let schema = resolved(&document, &body["content"]["application/json"]["schema"]);
        assert_eq!(schema["additionalProperties"], false, "{name}");
        assert!(operation["responses"]["415"].is_object(), "{name}");
        assert!(operation["responses"]["413"].is_object(), "{name}");
        for (field, property) in schema["properties"].as_object().unwrap() {
            let optional = property["oneOf"].get(0).unwrap_or(property);
            let rule = resolved(&document, optional);
            assert_eq!(rule["type"], "string", "{name} {field}");
            let bounded = rule["maxLength"].is_u64() || rule["enum"].is_array();
            assert!(bounded, "{name} {field}");
        }
    }
}

#[test]
fn every_text_and_list_of_an_answer_is_bounded() {
    fn check(name: &str, schema: &Value) {
        let is = |kind: &str| {
            schema["type"] == kind
                || schema["type"]
                    .as_array()
                    .is_some_and(|kinds| kinds.iter().any(|k| k == kind))
        };
        if is("string") {
            let bounded = ["maxLength", "enum", "format"]
                .iter()
                .any(|key| schema.get(key).is_some());
            assert!(bounded, "{name}: {schema}");
        }
        if is("array") {
            assert!(schema["maxItems"].is_u64(), "{name}: {schema}");
        }
        for property in schema["properties"]
            .as_object()
            .into_iter()
            .flat_map(|p| p.values())
        {
            check(name, property);
        }
    }
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        check(name, schema);
    }
}
