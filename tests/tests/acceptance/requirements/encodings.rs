//! Text is decoded once, and whatever it would mean elsewhere, here it is text.

use acceptance::{Deployment, OTHER_PASSWORD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::surface::contract::CALLS;
use crate::surface::world::{NOBODYS_ID, World};

/// Every byte as `%xx`.
fn percent(text: &str) -> String {
    let bytes = text.bytes().map(|byte| format!("%{byte:02x}"));
    bytes.collect::<Vec<_>>().concat()
}

/// Checks: double_encoding_corpus (ASVS-1.1.1).
#[tokio::test]
async fn what_is_encoded_twice_is_decoded_once_and_then_fits_nothing() {
    let world = World::start().await;
    let other = world.ada.sign_in(&world.deployment.visitor()).await;
    let session = other.get("/session").await.text_at("/session/id");
    let (once, twice) = (percent(&session), percent(&percent(&session)));
    let answer = world.owner.delete(&format!("/sessions/{twice}")).await;
    assert!(answer.status.is_client_error(), "{}", answer.text);
    other.get("/session").await.expect(200);
    for path in [
        "/settings%252fpassword",
        "/..%252fv1/settings",
        "/%252e%252e/v1/settings",
        "/sessions%2500",
        "/session%253Fx",
    ] {
        world.owner.get(path).await.expect_problem(404, "not_found");
    }
    for query in ["limit=%2531", "after=%2530", "limit=%25%31"] {
        let answer = world.auditor.get(&format!("/audit/events?{query}")).await;
        answer.expect_problem(400, "invalid_request");
    }
    world
        .auditor
        .get("/audit/events?limit=%31")
        .await
        .expect(200);
    let visitor = world.deployment.visitor();
    for email in [
        "ada%40example.com",
        "ada%2540example.com",
        "ada&#64;example.com",
    ] {
        let answer = visitor.post("/accounts", json!({ "email": email })).await;
        answer.expect_problem(400, "invalid_request");
    }
    let encoded = percent(&world.ada.password);
    let body = json!({ "email": world.ada.email, "password": encoded, "transport": "bearer" });
    visitor.post("/login", body).await.expect(401);
    // A JSON escape is decoded by JSON, and what it spells is not decoded again.
    let login = |password: &str| {
        format!(
            r#"{{"email":"{}","password":"{password}","transport":"bearer"}}"#,
            world.ada.email
        )
    };
    let send = async |body: String| {
        let json = Some("application/json");
        visitor
            .send_raw(Method::POST, "/login", json, body.into_bytes())
            .await
    };
    let escapes = |backslash: &str| {
        let units = world.ada.password.encode_utf16();
        units
            .map(|unit| format!("{backslash}u{unit:04x}"))
            .collect::<Vec<_>>()
            .concat()
    };
    send(login(&escapes("\\"))).await.expect(200);
    send(login(&escapes("\\\\"))).await.expect(401);
    world
        .owner
        .delete(&format!("/sessions/{once}"))
        .await
        .expect(204);
    other.get("/session").await.expect(401);
}

const MARKUP: [&str; 5] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "{{constructor.constructor('alert(1)')()}}",
    "</title><svg/onload=alert(1)>",
];

/// Checks: xss_corpus (ASVS-1.2.1, ASVS-3.2.2): in answers, headers and mail.
#[tokio::test]
async fn markup_in_a_browsers_name_a_reason_or_a_request_id_is_shown_as_json_and_mailed_as_nothing()
{
    let world = World::start().await;
    for text in MARKUP {
        let visitor = world.deployment.visitor().with_header("user-agent", text);
        let owner = world.ada.sign_in(&visitor).await;
        let answer = owner.get("/sessions").await.expect(200);
        let listed = answer.json["sessions"].as_array().unwrap();
        let current = listed.iter().find(|one| one["current"] == true).unwrap();
        assert_eq!(current["user_agent"], text);
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        let asking = owner.with_header("x-request-id", text);
        let answer = asking.get("/nowhere").await.expect(404);
        assert_ne!(answer.headers["x-request-id"], text);
        assert!(!answer.text.contains(text), "{}", answer.text);
    }
    let asking = world
        .deployment
        .visitor()
        .with_header("user-agent", MARKUP[0]);
    let owner = world.ada.sign_in(&asking).await;
    let now = world.deployment.clock.now();
    world.ada.enable_two_factor(&owner, now).await;
    let path = format!("/support/accounts/{}/unlock", world.ada_id);
    let body = json!({ "reason": MARKUP[1], "ticket": MARKUP[0] });
    world.support.post(&path, body).await.expect(200);
    world.deployment.mail(&world.ada.email, "unlocked").await;
    for mail in world.deployment.mails() {
        assert!(!mail.text.contains("text/html"), "{}", mail.text);
        for text in MARKUP {
            assert!(!mail.text.contains(text), "{}", mail.text);
        }
    }
}

/// Checks: xss_corpus (ASVS-1.2.1), ASVS-1.3.11: an address never becomes more than one recipient.
#[tokio::test]
async fn an_address_that_would_mean_something_in_a_header_is_refused_or_is_one_recipient() {
    let deployment = Deployment::start().await;
    let visitor = deployment.visitor();
    for address in [
        "<script>@example.com",
        "\"a b\"@example.com",
        "a@example.com\r\nBcc: b@example.com",
        "a\nb@example.com",
        "a,b@example.com",
        "a@example.com, b@example.com",
        "Ada <a@example.com>",
        "a@example.com>",
        "a;b@example.com",
        "(x)a@example.com",
        "a@[127.0.0.1]",
        "a\u{0}@example.com",
        "a@example.com\u{2028}b",
    ] {
        let answer = visitor.post("/accounts", json!({ "email": address })).await;
        answer.expect_problem(400, "invalid_request");
    }
    // An atom may hold these, and an address with them gets its mail like any other.
    for address in [
        "{{7*7}}@example.com",
        "$`x`'@example.com",
        "=?x?=@example.com",
    ] {
        let answer = visitor.post("/accounts", json!({ "email": address })).await;
        answer.expect(202);
        deployment.mailed_token(address, "verify").await;
    }
    let mails = deployment.mails();
    assert_eq!(mails.len(), 3);
    for mail in mails {
        let headers = mail.text.split("\r\n\r\n").next().unwrap().to_lowercase();
        assert_eq!(headers.matches("\nto:").count(), 1, "{headers}");
        assert!(!headers.contains("\nbcc:"), "{headers}");
        assert!(!headers.contains("text/html"), "{headers}");
    }
}

/// Checks: combined_field_cases (ASVS-2.2.3).
#[tokio::test]
async fn fields_that_do_not_belong_together_are_refused_together() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    let with = |mut body: Value, field: &str, value: &str| {
        body[field] = json!(value);
        body
    };
    let login = world.ada.login();
    let attempt = json!({ "challenge": "cs_none_x", "code": "000000" });
    let reset = json!({ "token": "cs_none_x", "new_password": OTHER_PASSWORD });
    for (path, body) in [
        ("/login", with(login.clone(), "code", "000000")),
        ("/login", with(login.clone(), "challenge", "cs_none_x")),
        (
            "/login",
            with(login.clone(), "new_password", OTHER_PASSWORD),
        ),
        (
            "/login/second-factor",
            with(attempt.clone(), "password", OTHER_PASSWORD),
        ),
        (
            "/login/second-factor",
            with(attempt.clone(), "recovery_code", "x"),
        ),
        (
            "/login/second-factor",
            with(attempt, "email", &world.ada.email),
        ),
        (
            "/password-reset/confirm",
            with(reset.clone(), "code", "000000"),
        ),
        (
            "/password-reset/confirm",
            with(reset.clone(), "email", &world.ada.email),
        ),
        (
            "/password-reset/confirm",
            with(reset, "password", OTHER_PASSWORD),
        ),
    ] {
        let answer = visitor.post(path, body).await;
        answer.expect_problem(400, "invalid_request");
    }
    // A device of another account's is a stranger's, and a right password stays right.
    let eve = world.deployment.register("eve@example.com").await;
    let body = with(login, "device_token", &eve.device_token);
    visitor.post("/login", body).await.expect(200);
    // What lies beyond the end of a history is no error, and there is nothing of it.
    let path = format!("/audit/accounts/{}/events", world.ada_id);
    let beyond = world.auditor.get(&format!("{path}?after=1000000")).await;
    assert_eq!(beyond.expect(200).json["events"], json!([]));
    for query in [
        "after=-1",
        "after=0&after=1",
        "limit=0",
        "limit=x",
        "sequence=1",
    ] {
        let answer = world.auditor.get(&format!("{path}?{query}")).await;
        answer.expect_problem(400, "invalid_request");
    }
}

/// Checks: http_api_not_redirected (ASVS-4.1.2), corp_everywhere (ASVS-3.5.8), coop_everywhere
/// (ASVS-3.4.8).
#[tokio::test]
async fn no_call_is_redirected_and_no_answer_can_be_embedded_elsewhere() {
    let world = World::start().await;
    for call in CALLS {
        for caller in [world.deployment.visitor(), world.caller(call.who)] {
            let body = call.has_body().then(|| Value::Object(call.body()));
            let path = call.path_for(NOBODYS_ID);
            let answer = caller.send(call.method(), &path, body).await;
            assert!(!answer.status.is_redirection(), "{}", call.name());
            assert!(answer.headers.get("location").is_none(), "{}", call.name());
            for header in ["cross-origin-resource-policy", "cross-origin-opener-policy"] {
                assert_eq!(answer.headers[header], "same-origin", "{}", call.name());
            }
        }
    }
}
