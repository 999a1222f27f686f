//! Who may call what, and what each role is shown: the documents, the published description of the
//! API and the router say the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::evidence::source::{files, read, root};
use crate::requirements::documents::table;
use crate::surface::contract::{CALLS, Who};

fn openapi() -> Value {
    serde_json::from_str(&read("tests/openapi.json")).unwrap()
}

/// Checks: authz_table_matches_router (ASVS-8.1.1).
#[test]
fn the_table_of_callers_names_every_call_once_with_whoever_the_router_lets_in() {
    let mut told = BTreeMap::new();
    for row in table("docs/security.md", "Who may call what") {
        for path in row[2].split(", ") {
            let path = path.trim_matches('`').to_owned();
            let before = told.insert(path.clone(), (row[0].clone(), row[1].clone()));
            assert!(before.is_none(), "{path} stands there twice");
        }
    }
    let document = openapi();
    let published = document["paths"].as_object().unwrap();
    let paths = published
        .keys()
        .map(|path| path.strip_prefix("/api/v1").unwrap().to_owned());
    assert_eq!(
        told.keys().cloned().collect::<BTreeSet<_>>(),
        paths.collect()
    );
    for call in &CALLS {
        let (caller, proof) = &told[call.path];
        let who = match call.who {
            Who::Visitor => "visitor",
            Who::Owner => "owner",
            Who::Support => "support",
            Who::Auditor => "auditor",
        };
        assert_eq!(caller, who, "{}", call.name());
        let method = call.method.to_lowercase();
        let security = &published[&format!("/api/v1{}", call.path)][&method]["security"];
        let schemes = security.as_array().into_iter().flatten();
        let schemes = schemes
            .flat_map(|scheme| scheme.as_object().unwrap().keys().cloned())
            .collect::<Vec<_>>();
        let expected: &[&str] = match proof.as_str() {
            "nothing" => &[],
            "session cookie or bearer session token" => &["session_cookie", "session_token"],
            "staff token" => &["staff_token"],
            other => panic!("{other}"),
        };
        assert_eq!(schemes, expected, "{}", call.name());
    }
}

/// Names of the fields that an answer can hold at any depth.
fn fields(document: &Value, schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(parts) => {
            if let Some(reference) = parts.get("$ref").and_then(Value::as_str) {
                let pointer = reference.trim_start_matches('#');
                fields(document, document.pointer(pointer).unwrap(), found);
            }
            if let Some(properties) = parts.get("properties").and_then(Value::as_object) {
                found.extend(properties.keys().cloned());
            }
            for part in parts.values() {
                fields(document, part, found);
            }
        }
        Value::Array(parts) => {
            for part in parts {
                fields(document, part, found);
            }
        }
        _ => {}
    }
}

/// Checks: field_policy_snapshot (ASVS-8.1.2).
#[test]
fn each_role_is_shown_the_fields_that_are_its_own_and_no_other() {
    let document = openapi();
    let shown = |who: Who| {
        let mut found = BTreeSet::new();
        for call in CALLS.iter().filter(|call| call.who == who) {
            let path = format!("/api/v1{}", call.path);
            let responses = &document["paths"][&path][call.method.to_lowercase()]["responses"];
            for (status, response) in responses.as_object().unwrap() {
                if status.starts_with('2') {
                    fields(&document, response, &mut found);
                }
            }
        }
        found
    };
    let has = |who, field: &str| shown(who).contains(field);
    // What opens something is shown once, to whom it is issued.
    for (field, whom) in [
        ("token", vec![Who::Visitor]),
        ("device_token", vec![Who::Visitor]),
        ("secret", vec![Who::Owner]),
        ("otpauth_uri", vec![Who::Owner]),
        ("qr_svg", vec![Who::Owner]),
        ("qr_png", vec![Who::Owner]),
        ("email", vec![Who::Owner, Who::Support]),
        ("ip", vec![Who::Owner, Who::Auditor]),
        ("user_agent", vec![Who::Owner, Who::Auditor]),
        ("network", vec![Who::Support]),
        ("hash", vec![Who::Auditor]),
        ("actor", vec![Who::Auditor]),
    ] {
        for who in [Who::Visitor, Who::Owner, Who::Support, Who::Auditor] {
            assert_eq!(has(who, field), whom.contains(&who), "{field}: {who:?}");
        }
    }
    for field in [
        "current_password",
        "new_password",
        "code",
        "phc",
        "password_hash",
    ] {
        for who in [Who::Visitor, Who::Owner, Who::Support, Who::Auditor] {
            assert!(!has(who, field), "{field}: {who:?}");
        }
    }
}

/// Checks: no_kba_no_hint (ASVS-6.4.2, NIST-3.1.1.2-7, NIST-3.1.1.2-8), no_assigned_password
/// (NIST-3.1.1.1-A), ASVS-6.4.6: no call of staff takes or shows a password, token or link.
#[test]
fn neither_hint_nor_question_exists_and_no_call_of_staff_knows_a_password() {
    let document = openapi();
    let mut names = BTreeSet::new();
    fields(&document, &document["components"]["schemas"], &mut names);
    let mut paths = Vec::new();
    files(&root().join("migrations"), ".sql", &mut paths);
    let schema = paths
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap().to_lowercase());
    let schema = schema.collect::<String>();
    for word in ["hint", "question", "answer_to", "maiden", "birth"] {
        assert!(names.iter().all(|name| !name.contains(word)), "{word}");
        assert!(!schema.contains(&format!("{word} text")), "{word}");
        assert!(!schema.contains(&format!("_{word}")), "{word}");
    }
    for call in CALLS {
        if matches!(call.who, Who::Support | Who::Auditor) {
            let path = format!("/api/v1{}", call.path);
            let operation = &document["paths"][&path][call.method.to_lowercase()];
            let mut found = BTreeSet::new();
            fields(&document, operation, &mut found);
            for word in ["password", "token", "link", "secret", "code"] {
                // A problem has a code of its own.
                let told = found.iter().find(|name| {
                    name.contains(word) && !(word == "code" && name.as_str() == "code")
                });
                assert_eq!(told, None, "{}", call.name());
            }
        }
    }
    for folder in ["support", "audit"] {
        let mut paths = Vec::new();
        files(
            &root().join("crates/api/src").join(folder),
            ".rs",
            &mut paths,
        );
        for path in paths {
            let text = std::fs::read_to_string(&path).unwrap();
            for word in [
                "NewPassword",
                "PresentedPassword",
                "fields::Password",
                "IssuedSession",
            ] {
                assert!(!text.contains(word), "{}: {word}", path.display());
            }
        }
    }
}
