//! Bodies that no call takes: each is refused for the right reason, tells nothing, and leaves
//! everything as it was.

use acceptance::{Answer, Caller};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::surface::contract::{CALLS, Call};
use crate::surface::problems::{assert_problem, pointers};
use crate::surface::world::{World, account_contents};

const JSON: Option<&str> = Some("application/json");

/// The calls with a body, each with somebody who may make it.
fn calls(world: &World) -> impl Iterator<Item = (Call, Caller, String)> {
    CALLS.into_iter().filter(Call::has_body).map(|call| {
        let path = call.path_for(&world.ada_id);
        (call, world.caller(call.who), path)
    })
}

struct Asking<'c>(&'c Caller, &'c Call, &'c str);

impl Asking<'_> {
    async fn raw(&self, body: impl Into<Vec<u8>>) -> Answer {
        let Self(caller, call, path) = self;
        caller
            .send_raw(call.method(), path, JSON, body.into())
            .await
    }

    async fn json(&self, body: Map<String, Value>) -> Answer {
        let Self(caller, call, path) = self;
        caller
            .send(call.method(), path, Some(Value::Object(body)))
            .await
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, expected: &[String], what: &str) {
    assert_problem(answer, 400, "invalid_request", what);
    assert_eq!(pointers(answer), expected, "{what}: {}", answer.text);
}

#[tokio::test]
async fn malformed_json_and_json_that_is_no_object_is_a_clean_400_and_nothing_changes() {
    let world = World::start().await;
    let before = account_contents(&world.deployment).await;
    for (call, caller, path) in calls(&world) {
        let asking = Asking(&caller, &call, &path);
        for body in [
            &b""[..],
            b" ",
            b"{",
            b"}",
            b"{]",
            b"nul",
            b"{'a':1}",
            b"{\"a\":}",
            b"{\"a\" 1}",
            b"{\"a\":1,}",
            b"{}x",
            b"{}{}",
            b"\xff\xfe{\x00}\x00",
            b"\xef\xbb\xbf{}",
            b"\x00",
            b"{\"\xff\":1}",
            b"{\"a\":\"\xc3\x28\"}",
            b"{\"a\":\"\\ud800\"}",
            b"{\"a\":\"\n\"}",
            b"[]",
            b"null",
            b"true",
            b"5",
            b"\"text\"",
            b"[{}]",
            b"NaN",
            b"email=a@example.com",
            b"{\"a\":1e999}",
            b"<xml/>",
        ] {
            let what = format!("{} with {}", call.name(), String::from_utf8_lossy(body));
            assert_problem(&asking.raw(body).await, 400, "invalid_request", &what);
        }
        let mut wrong_bytes = serde_json::to_vec(&call.body()).unwrap();
        let end = wrong_bytes.len() - 2;
        wrong_bytes.insert(end, 0xff);
        let answer = asking.raw(wrong_bytes).await;
        assert_problem(&answer, 400, "invalid_request", &call.name());
    }
    assert_eq!(account_contents(&world.deployment).await, before);
}

#[tokio::test]
async fn missing_fields_are_listed_one_by_one_and_unknown_ones_are_refused() {
    let world = World::start().await;
    let before = account_contents(&world.deployment).await;
    for (call, caller, path) in calls(&world) {
        let asking = Asking(&caller, &call, &path);
        let all = call.required.iter().map(|field| format!("/{field}"));
        let mut all = all.collect::<Vec<_>>();
        all.sort();
        assert_refused(&asking.raw("{}").await, &all, &call.name());
        for field in call.required {
            let mut body = call.body();
            body.remove(*field);
            let what = format!("{} without {field}", call.name());
            assert_refused(&asking.json(body).await, &[format!("/{field}")], &what);
        }
        assert_unknown_fields_refused(&asking).await;
    }
    assert_eq!(account_contents(&world.deployment).await, before);
}

/// Checks: bopla (ASVS-8.2.3, ASVS-15.3.1, ASVS-15.3.3).
async fn assert_unknown_fields_refused(asking: &Asking<'_>) {
    for (field, pointer) in [
        ("account_id", "/account_id"),
        ("role", "/role"),
        ("is_admin", "/is_admin"),
        ("Email", "/Email"),
        ("__proto__", "/__proto__"),
        ("constructor", "/constructor"),
        ("", "/"),
        ("a/b~c", "/a~1b~0c"),
    ] {
        let mut body = asking.1.body();
        body.insert(field.to_owned(), json!("admin"));
        let what = format!("{} with {field:?}", asking.1.name());
        assert_refused(&asking.json(body).await, &[pointer.to_owned()], &what);
    }
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_pointed_at_and_never_repeated() {
    let world = World::start().await;
    let before = account_contents(&world.deployment).await;
    for (call, caller, path) in calls(&world) {
        let asking = Asking(&caller, &call, &path);
        for field in call.required.iter().chain(call.optional) {
            for value in [
                json!(123_456),
                json!(-1),
                json!(123_456.789),
                json!(true),
                json!(["123456"]),
                json!({ "$ne": "123456" }),
                json!([]),
                json!({}),
            ] {
                let what = format!("{} with {field} = {value}", call.name());
                let mut body = call.body();
                body.insert((*field).to_owned(), value);
                let answer = asking.json(body).await;
                assert_refused(&answer, &[format!("/{field}")], &what);
                assert!(!answer.text.contains("123456"), "{what}: {}", answer.text);
            }
        }
        for field in call.required {
            let mut body = call.body();
            body.insert((*field).to_owned(), Value::Null);
            let what = format!("{} with {field} = null", call.name());
            assert_refused(&asking.json(body).await, &[format!("/{field}")], &what);
        }
    }
    assert_eq!(account_contents(&world.deployment).await, before);
}

/// Checks: hpp_corpus (ASVS-15.3.7), json_interop_corpus (ASVS-1.5.3).
#[tokio::test]
async fn a_field_that_stands_there_twice_is_refused_whatever_its_values() {
    let world = World::start().await;
    let before = account_contents(&world.deployment).await;
    for (call, caller, path) in calls(&world) {
        let asking = Asking(&caller, &call, &path);
        let body = serde_json::to_string(&call.body()).unwrap();
        for field in call.required.iter().chain(call.optional) {
            let again = call.body()[*field].to_string();
            let escaped = format!("\\u{:04x}{}", u32::from(field.as_bytes()[0]), &field[1..]);
            for name in [*field, &escaped] {
                let twice = format!("{},\"{name}\":{again}}}", body.trim_end_matches('}'));
                let what = format!("{} with {name} twice", call.name());
                assert_refused(&asking.raw(twice).await, &[format!("/{field}")], &what);
            }
        }
    }
    assert_eq!(account_contents(&world.deployment).await, before);
}

fn many_fields() -> String {
    let fields = (0..5_000).map(|number| (format!("f{number}"), json!(1)));
    Value::Object(fields.collect()).to_string()
}

/// Checks: json_bombs (ASVS-1.5.2).
#[tokio::test]
async fn json_bombs_and_absurd_lengths_are_refused_at_once() {
    let world = World::start().await;
    let before = account_contents(&world.deployment).await;
    let long = "x".repeat(50_000);
    for (call, caller, path) in calls(&world) {
        let asking = Asking(&caller, &call, &path);
        let field = call.required[0];
        let bombs = [
            format!("{}{}", "[".repeat(30_000), "]".repeat(30_000)),
            format!(
                "{{\"{field}\":{}{}}}",
                "[".repeat(30_000),
                "]".repeat(30_000)
            ),
            format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)),
            format!("{{\"{field}\":{}}}", "[".repeat(60_000)),
            format!("{{\"{field}\":{}}}", "9".repeat(60_000)),
            format!("{{\"{field}\":\"{}\"}}", "\\u0000".repeat(10_000)),
            many_fields(),
            format!("{{\"{long}\":1}}"),
        ];
        for bomb in bombs {
            let answer = asking.raw(bomb).await;
            assert_problem(&answer, 400, "invalid_request", &call.name());
            assert!(
                answer.text.len() < 8_000,
                "{}: {}",
                call.name(),
                answer.text.len()
            );
        }
        for field in call.required.iter().chain(call.optional) {
            let mut body = call.body();
            body.insert((*field).to_owned(), json!(long));
            let what = format!("{} with a long {field}", call.name());
            assert_refused(&asking.json(body).await, &[format!("/{field}")], &what);
        }
    }
    assert_eq!(account_contents(&world.deployment).await, before);
}

#[tokio::test]
async fn addresses_that_are_none_are_refused_wherever_one_is_taken() {
    let world = World::start().await;
    let before = account_contents(&world.deployment).await;
    let long = format!("{}@example.com", "x".repeat(300));
    for (call, caller, path) in calls(&world).filter(|(call, ..)| call.required.contains(&"email"))
    {
        for email in [
            "",
            " ",
            "ada",
            "@",
            "ada@",
            "@example.com",
            "ada@@example.com",
            "a b@example.com",
            "ada@example.com\0",
            "\0ada@example.com",
            "ada\r\nBcc: eve@example.com@example.com",
            "ada@example.com\r\nBcc: eve@example.com",
            "ada@example.com,eve@example.com",
            "<ada@example.com>",
            "Ada <ada@example.com>",
            "\"ada x\"@example.com",
            "%@example.com%",
            "ada@exa mple.com",
            "ada@-example.com",
            "ada@example..com",
            ".ada@example.com",
            "*",
            &long,
            "ada@[127.0.0.1]",
            "ada\u{7}@example.com",
            "ada\u{202e}@example.com",
            " ada@example.com",
        ] {
            let mut body = call.body();
            body.insert("email".to_owned(), json!(email));
            let what = format!("{} with {email:?}", call.name());
            let answer = Asking(&caller, &call, &path).json(body).await;
            assert_refused(&answer, &["/email".to_owned()], &what);
        }
    }
    assert_eq!(account_contents(&world.deployment).await, before);
}

/// Checks: simple_request_refused (ASVS-3.5.2).
#[tokio::test]
async fn simple_request_refused_any_content_type_but_json_is_415() {
    let world = World::start().await;
    let before = account_contents(&world.deployment).await;
    for (call, caller, path) in calls(&world) {
        let body = serde_json::to_vec(&call.body()).unwrap();
        for kind in [
            None,
            Some(""),
            Some("text/plain"),
            Some("text/plain;charset=UTF-8"),
            Some("application/x-www-form-urlencoded"),
            Some("multipart/form-data; boundary=x"),
            Some("application/xml"),
            Some("application/json; charset=utf-16"),
            Some("application/json; charset=iso-8859-1"),
            Some("text/plain, application/json"),
            Some("application/json, text/plain"),
            Some("application/jsonp"),
            Some("application/merge-patch+json"),
            Some("*/*"),
        ] {
            let what = format!("{} as {kind:?}", call.name());
            let answer = caller
                .send_raw(call.method(), &path, kind, body.clone())
                .await;
            assert_problem(&answer, 415, "unsupported_media_type", &what);
        }
    }
    assert_eq!(account_contents(&world.deployment).await, before);
    for kind in ["application/json", "Application/JSON; charset=\"utf-8\""] {
        let body = serde_json::to_vec(&world.ada.login()).unwrap();
        let visitor = world.deployment.visitor();
        visitor
            .send_raw(Method::POST, "/login", Some(kind), body)
            .await
            .expect(200);
    }
}
