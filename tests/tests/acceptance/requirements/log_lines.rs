//! The log: one JSON object a line, of known fields, whatever was sent.

use acceptance::{Caller, Deployment, OTHER_PASSWORD};
use chrono::{DateTime, Duration};
use reqwest::Method;
use serde_json::{Value, json};

use crate::surface::contract::CALLS;
use crate::surface::raw;
use crate::surface::world::{NOBODYS_ID, World};

/// Every line of the first server's log. What the program says before its log begins is no log.
fn lines(deployment: &Deployment) -> Vec<Value> {
    let log = deployment.log(0);
    log.lines()
        .filter(|line| !line.starts_with("countersign: "))
        .map(|line| {
            let parsed = serde_json::from_str::<Value>(line);
            let parsed = parsed.unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(parsed.is_object(), "{line}");
            parsed
        })
        .collect()
}

fn of_request<'l>(lines: &'l [Value], id: &str) -> Vec<&'l Value> {
    let found = lines
        .iter()
        .filter(|line| line["request.id"] == id && line["message"] == "request answered");
    found.collect()
}

/// Some of everything, by everybody.
async fn busy_day(world: &World) {
    for call in CALLS {
        for caller in [world.deployment.visitor(), world.caller(call.who)] {
            let body = call.has_body().then(|| Value::Object(call.body()));
            caller
                .send(call.method(), &call.path_for(NOBODYS_ID), body)
                .await;
        }
    }
    let visitor = world.deployment.visitor();
    visitor.get("/nowhere/secret-path").await.expect(404);
    visitor
        .send(Method::PATCH, "/login", None)
        .await
        .expect(405);
    let login = json!({ "email": world.ada.email, "password": OTHER_PASSWORD });
    visitor.post("/login", login).await.expect(401);
}

/// Checks: log_schema_validated (ASVS-16.2.1), log_ts_utc (ASVS-16.2.2), json_lines_valid
/// (ASVS-16.2.4).
#[tokio::test]
async fn every_line_of_the_log_is_an_object_with_its_time_in_utc_its_level_and_its_place() {
    let world = World::start().await;
    busy_day(&world).await;
    let lines = lines(&world.deployment);
    let mut requests = 0;
    for line in &lines {
        let told = line["timestamp"].as_str().unwrap();
        let at = told.parse::<DateTime<chrono::Utc>>().unwrap();
        let millis = at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        assert_eq!(told, millis, "{line}");
        let level = line["level"].as_str().unwrap();
        assert!(["ERROR", "WARN", "INFO"].contains(&level), "{line}");
        assert!(!line["target"].as_str().unwrap().is_empty(), "{line}");
        assert!(line["message"].is_string(), "{line}");
        if line["message"] != "request answered" {
            continue;
        }
        requests += 1;
        let route = line["http.route"].as_str().unwrap();
        let known = CALLS
            .iter()
            .any(|call| route == format!("/api/v1{}", call.path));
        assert!(known || route == "(no route)", "{line}");
        assert!(line["http.method"].is_string(), "{line}");
        let status = line["http.status"].as_u64().unwrap();
        assert!((200..600).contains(&status), "{line}");
        assert!(line["http.latency_ms"].is_number(), "{line}");
        let id = line["request.id"].as_str().unwrap();
        assert!((1..=64).contains(&id.len()), "{line}");
        assert_eq!(line["problem.code"].is_string(), status >= 400, "{line}");
    }
    assert!(requests > CALLS.len() * 2, "{requests}");
    let log = world.deployment.log(0);
    for word in [
        "secret-path",
        "cs_",
        NOBODYS_ID,
        &world.ada.email,
        &world.ada.password,
        OTHER_PASSWORD,
        "nobody@example.com",
        "lost phone",
    ] {
        assert!(!log.contains(word), "{word}");
    }
}

/// Texts that would begin a line, end an object or colour a terminal.
const TEXTS: [&str; 8] = [
    "a\" , \"level\":\"ERROR",
    "a\\",
    "}{\"message\":\"forged\"}",
    "\t\"x\"\t",
    "${jndi:ldap://example.com/a}",
    "%0a%0dINFO forged",
    "\u{85}\u{9b}31m\u{2028}forged",
    "\u{202e}drowssap",
];

/// Checks: log_injection (ASVS-16.4.1).
#[tokio::test]
async fn nothing_that_is_sent_adds_or_breaks_a_line_of_the_log() {
    let world = World::start().await;
    let url = &world.deployment.servers[0].url;
    let before = lines(&world.deployment).len();
    let mut sent = 0;
    for text in TEXTS {
        let body = json!({ "email": text, "password": text, "device_token": text });
        let body = serde_json::to_vec(&body).unwrap();
        let agent = [b"User-Agent: ".as_slice(), text.as_bytes()].concat();
        let id = [b"X-Request-Id: ".as_slice(), text.as_bytes()].concat();
        let message = [
            b"POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n",
            agent.as_slice(),
            b"\r\n",
            id.as_slice(),
            b"\r\nContent-Type: application/json\r\nContent-Length: ",
            body.len().to_string().as_bytes(),
            b"\r\n\r\n",
            &body,
        ]
        .concat();
        let answer = raw::exchange(url, &message).await;
        assert_eq!(raw::statuses(&answer), [400], "{text:?}: {answer}");
        let reason = json!({ "reason": text, "ticket": text });
        let path = format!("/support/accounts/{}/unlock", world.ada_id);
        world.support.post(&path, reason).await;
        sent += 2;
    }
    let after = lines(&world.deployment);
    assert_eq!(after.len() - before, sent, "one line a request");
    let log = world.deployment.log(0);
    for word in ["forged", "jndi", "drowssap", "31m"] {
        assert!(!log.contains(word), "{word}");
    }
    assert!(log.chars().all(|c| c == '\n' || !c.is_control()));
}

/// Checks: log_injection (ASVS-16.4.1): the command line prints no escape.
#[tokio::test]
async fn the_command_line_prints_what_a_browser_called_itself_without_its_escapes() {
    let world = World::start().await;
    let url = &world.deployment.servers[0].url;
    let body = world.ada.login().to_string();
    // C1 controls are what HTTP lets through: CSI, as UTF-8.
    let message = raw::request(
        "POST /api/v1/login",
        &[
            "User-Agent: nice\u{9b}31m\u{85}browser",
            "Content-Type: application/json",
            &format!("Content-Length: {}", body.len()),
        ],
        body.as_bytes(),
    );
    let answer = raw::exchange(url, &message).await;
    assert_eq!(raw::statuses(&answer), [200], "{answer}");
    for line in [
        format!("audit history {}", world.ada_id),
        format!("audit state {}", world.ada_id),
        "staff list".to_owned(),
    ] {
        let arguments = line.split(' ').collect::<Vec<_>>();
        let output = world.deployment.run(&arguments, "").await;
        assert!(output.status.success(), "{line}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let control = text
            .chars()
            .find(|c| c.is_control() && !"\n\t".contains(*c));
        assert_eq!(control, None, "{line}: {text:?}");
    }
    let named = [
        "staff",
        "issue",
        "--role",
        "support",
        "--name",
        "\u{1b}[31mred",
    ];
    let output = world.deployment.run(&named, "").await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("a name has no control characters"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said:?}");
}

async fn authenticate(caller: Caller, id: &str, path: &str, body: Value) -> u16 {
    let caller = caller.with_header("x-request-id", id);
    caller.post(path, body).await.status.as_u16()
}

/// Checks: authn_log_complete (ASVS-16.3.1).
#[tokio::test]
async fn authn_log_complete_each_way_and_outcome_has_one_line_and_one_event() {
    let world = World::start().await;
    let (visitor, clock) = (world.deployment.visitor(), &world.deployment.clock);
    let ada = &world.ada;
    let wrong = json!({ "email": ada.email, "password": OTHER_PASSWORD, "transport": "bearer" });
    let nobody = json!({ "email": "nobody@example.com", "password": OTHER_PASSWORD });
    let login = "/login";
    let mut seen = vec![
        (
            "right",
            authenticate(visitor.clone(), "right", login, ada.login()).await,
        ),
        (
            "wrong",
            authenticate(visitor.clone(), "wrong", login, wrong).await,
        ),
        (
            "nobody",
            authenticate(visitor.clone(), "nobody", login, nobody).await,
        ),
    ];
    let authenticator = ada.enable_two_factor(&world.owner, clock.now()).await;
    clock.turn(Duration::seconds(90));
    let answer = visitor
        .clone()
        .with_header("x-request-id", "half")
        .post(login, ada.login())
        .await;
    seen.push(("half", answer.status.as_u16()));
    let attempt =
        |code: &str| json!({ "challenge": answer.json["challenge"]["token"], "code": code });
    let factor = "/login/second-factor";
    let bad = attempt(&authenticator.wrong_code(clock.now()));
    let good = attempt(&authenticator.code(clock.now()));
    for (id, body) in [
        ("bad-code", bad),
        ("good-code", good.clone()),
        ("spent", good),
    ] {
        seen.push((id, authenticate(visitor.clone(), id, factor, body).await));
    }

    let expected = [
        ("right", 200, &["SignedIn"][..]),
        ("wrong", 401, &["PasswordRejected"]),
        ("nobody", 401, &[]),
        ("half", 200, &["SecondFactorRequested"]),
        ("bad-code", 401, &["CodeRejected"]),
        ("good-code", 200, &["SignedIn"]),
        ("spent", 401, &[]),
    ];
    let events = world.deployment.events(&world.auditor, &world.ada_id).await;
    let lines = lines(&world.deployment);
    for ((id, status), (name, due, written)) in seen.into_iter().zip(expected) {
        assert_eq!((id, status), (name, due));
        let told = of_request(&lines, id);
        assert_eq!(told.len(), 1, "{id}");
        assert_eq!(told[0]["http.status"], status, "{id}");
        let of = events.iter().filter(|event| event["request"]["id"] == id);
        let of = of
            .map(|event| event["type"].as_str().unwrap())
            .filter(|name| *name != "DeviceRemembered")
            .collect::<Vec<_>>();
        assert_eq!(of, written, "{id}");
    }
    assert_eq!(
        of_request(&lines, "nobody")[0]["problem.code"],
        "invalid_credentials"
    );
}
