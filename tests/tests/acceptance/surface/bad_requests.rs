//! What is wrong with a request beyond its JSON: sizes, framing, paths, queries, repeated headers.

use reqwest::Method;
use serde_json::json;

use crate::surface::contract::CALLS;
use crate::surface::problems::assert_problem;
use crate::surface::raw::{exchange, request, statuses};
use crate::surface::world::{World, account_contents, contents};

const LIMIT: usize = 64 * 1024;
const LOGIN: &str = "POST /api/v1/login";
const JSON: &str = "Content-Type: application/json";

fn chunked(size: usize, count: usize) -> Vec<u8> {
    let chunk = [
        format!("{size:x}\r\n").as_bytes(),
        &vec![b' '; size],
        b"\r\n",
    ]
    .concat();
    [chunk.repeat(count), b"0\r\n\r\n".to_vec()].concat()
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_however_it_is_sent() {
    let world = World::start().await;
    let before = account_contents(&world.deployment).await;
    for call in CALLS.iter().filter(|call| call.has_body()) {
        let caller = world.caller(call.who);
        let path = call.path_for(&world.ada_id);
        let large = vec![b' '; LIMIT + 1];
        let answer = caller
            .send_raw(call.method(), &path, Some("application/json"), large)
            .await;
        assert_problem(&answer, 413, "payload_too_large", &call.name());
        let largest = vec![b' '; LIMIT];
        let answer = caller
            .send_raw(call.method(), &path, Some("application/json"), largest)
            .await;
        assert_problem(&answer, 400, "invalid_request", &call.name());
    }
    let url = &world.deployment.servers[0].url;
    let chunks = ["Transfer-Encoding: chunked", JSON];
    let answer = exchange(url, &request(LOGIN, &chunks, &chunked(1000, 66))).await;
    assert_eq!(statuses(&answer), [413], "{answer}");
    assert!(answer.contains("payload_too_large"), "{answer}");
    let answer = exchange(url, &request(LOGIN, &chunks, &chunked(1000, 65))).await;
    assert_eq!(statuses(&answer), [400], "{answer}");
    let announced = ["Content-Length: 1099511627776", JSON];
    let answer = exchange(url, &request(LOGIN, &announced, b"{")).await;
    assert_eq!(statuses(&answer), [413], "{answer}");
    assert_eq!(account_contents(&world.deployment).await, before);
}

/// Checks: smuggling_corpus (ASVS-4.2.1).
#[tokio::test]
async fn smuggling_corpus_a_message_of_doubtful_length_is_refused_and_the_connection_closed() {
    let world = World::start().await;
    let url = &world.deployment.servers[0].url;
    let hidden = "GET /api/v1/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let zero = format!("0\r\n\r\n{hidden}");
    for (headers, body) in [
        (&["Transfer-Encoding: xchunked"][..], zero.as_str()),
        (&["Transfer-Encoding: chunked, identity"], &zero),
        (&["Transfer-Encoding : chunked"], &zero),
        (&["Content-Length: 2", "Content-Length: 3"], "{}x"),
        (&["Content-Length: 2, 3"], "{}x"),
        (&["Content-Length: -2"], "{}"),
        (&["Content-Length: +2"], "{}"),
        (&["Content-Length: 0x2"], "{}"),
        (&["Content-Length: 99999999999999999999"], "{}"),
        (&["X-Folded: a", " b"], ""),
        (&["Bad Name: a"], ""),
        (&["X-Nul: a\0b"], ""),
    ] {
        let message = request(LOGIN, &[&[JSON][..], headers].concat(), body.as_bytes());
        // A connection that stays open would answer what is hidden behind the first message.
        let message = String::from_utf8(message)
            .unwrap()
            .replace("Connection: close\r\n", "");
        let answer = exchange(url, message.as_bytes()).await;
        assert_eq!(statuses(&answer), [400], "{headers:?}: {answer}");
    }
    for body in [
        "zz\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "2 {}\r\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
    ] {
        let message = request(
            LOGIN,
            &[JSON, "Transfer-Encoding: chunked"],
            body.as_bytes(),
        );
        let answer = exchange(url, &message).await;
        assert_eq!(statuses(&answer), [400], "{body:?}: {answer}");
    }
}

#[tokio::test]
async fn two_lengths_of_one_message_never_make_two_messages_of_it() {
    let world = World::start().await;
    let url = &world.deployment.servers[0].url;
    let hidden = "GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let body = format!("0\r\n\r\n{hidden}");
    let length = format!("Content-Length: {}", body.len());
    for headers in [
        [&length, "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", &length],
    ] {
        let message = request(LOGIN, &[JSON, headers[0], headers[1]], body.as_bytes());
        let message = String::from_utf8(message)
            .unwrap()
            .replacen("Connection: close\r\n", "", 1);
        let answer = exchange(url, message.as_bytes()).await;
        assert_eq!(statuses(&answer), [400], "{headers:?}: {answer}");
    }
}

/// Checks: hpp_corpus (ASVS-15.3.7).
#[tokio::test]
async fn two_credentials_or_parameters_of_a_kind_are_refused() {
    let world = World::start().await;
    let server = &world.deployment.servers[0].url;
    let cookie = "Cookie: __Host-countersign_session=a";
    for headers in [
        &["Authorization: Bearer a", "Authorization: Bearer a"][..],
        &[cookie, cookie],
        &["Cookie: __Host-countersign_session=a; __Host-countersign_session=b"],
    ] {
        let answer = exchange(server, &request("GET /api/v1/session", headers, b"")).await;
        assert_eq!(statuses(&answer), [400], "{headers:?}: {answer}");
    }
    let twice = [JSON, JSON, "Content-Length: 2"];
    let answer = exchange(server, &request(LOGIN, &twice, b"{}")).await;
    assert_eq!(statuses(&answer), [415], "{answer}");
    let events = format!("/audit/accounts/{}/events", world.ada_id);
    let state = format!("/audit/accounts/{}/state", world.ada_id);
    for (path, query) in [
        ("/audit/events", "limit=1&limit=2"),
        ("/audit/events", "after=1&after=1"),
        ("/audit/events", "limit=0"),
        ("/audit/events", "limit=501"),
        ("/audit/events", "limit=-1"),
        ("/audit/events", "limit=1.0"),
        ("/audit/events", "limit="),
        ("/audit/events", "after=9223372036854775808"),
        ("/audit/events", "after=x"),
        ("/audit/events", "after=%00"),
        ("/audit/events", "limit[]=1"),
        ("/audit/events", "offset=1"),
        (&events, "before=1"),
        (&events, "after=-1"),
        (&events, "limit=1000000"),
        (&state, "at="),
        (&state, "at=yesterday"),
        (&state, "at=1&at=2"),
        (&state, "at=2026-02-30T00:00:00Z"),
        (&state, "at=%FF"),
    ] {
        let answer = world.auditor.get(&format!("{path}?{query}")).await;
        assert_problem(&answer, 400, "invalid_request", query);
    }
}

#[tokio::test]
async fn what_is_no_id_names_nothing() {
    let world = World::start().await;
    let before = account_contents(&world.deployment).await;
    let long = "x".repeat(5_000);
    for id in [
        "me",
        "0",
        "-1",
        "null",
        "%00",
        "%ff",
        "*",
        "%25",
        "'",
        &long,
        "00000000-0000-0000-0000-000000000000",
        &world.ada_id[1..],
        "urn:uuid:0193d1a0",
    ] {
        for call in CALLS.iter().filter(|call| call.path.contains("{id}")) {
            let body = call.has_body().then(|| json!({ "reason": "lost phone" }));
            let caller = world.caller(call.who);
            let answer = caller.send(call.method(), &call.path_for(id), body).await;
            assert_problem(&answer, 404, "not_found", &format!("{} {id}", call.name()));
        }
    }
    assert_eq!(account_contents(&world.deployment).await, before);
}

/// Checks: session_in_query_ignored (OWASP-SESS-2), jsonp_ignored (ASVS-3.5.6).
#[tokio::test]
async fn a_session_in_the_query_a_callback_and_a_clients_clock_mean_nothing() {
    let world = World::start().await;
    let visitor = world.deployment.visitor();
    let token = visitor.post("/login", world.ada.login()).await.expect(200);
    let token = token.text_at("/session/token");
    let before = contents(&world.deployment).await;
    for query in [
        "session",
        "token",
        "access_token",
        "authorization",
        "__Host-countersign_session",
    ] {
        let path = format!("/session?{query}={token}");
        visitor
            .get(&path)
            .await
            .expect_problem(401, "unauthenticated");
    }
    let in_body = json!({ "token": token });
    let answer = visitor.send(Method::GET, "/session", Some(in_body)).await;
    answer.expect_problem(401, "unauthenticated");
    let jsonp = world.owner.get("/session?callback=alert").await.expect(200);
    assert!(jsonp.text.starts_with('{'), "{}", jsonp.text);
    let late = world
        .owner
        .clone()
        .with_header("date", "Tue, 01 Jan 2030 00:00:00 GMT");
    late.get("/session").await.expect(200);
    let overridden = world
        .owner
        .clone()
        .with_header("x-http-method-override", "DELETE");
    overridden.get("/sessions").await.expect(200);
    let overridden = overridden.with_header("x-original-url", "/api/v1/audit/events");
    assert!(overridden.get("/session").await.expect(200).json["account"].is_object());
    assert_eq!(contents(&world.deployment).await, before);
}

/// Checks: host_header_injection (ASVS-4.1.3, OWASP-RESET-2).
#[tokio::test]
async fn a_mailed_link_leads_to_the_configured_host_whatever_host_was_asked() {
    let world = World::start().await;
    let body = json!({ "email": world.ada.email }).to_string();
    let length = format!("Content-Length: {}", body.len());
    let headers = [
        JSON,
        &length,
        "X-Forwarded-Host: evil.example",
        "Forwarded: host=evil.example",
        "X-Forwarded-Proto: gopher",
        "X-Original-Host: evil.example",
    ];
    let message = request("POST /api/v1/password-reset", &headers, body.as_bytes());
    let message = String::from_utf8(message).unwrap();
    let message = message.replace("Host: localhost\r\n", "Host: evil.example\r\n");
    let answer = exchange(&world.deployment.servers[0].url, message.as_bytes()).await;
    let mails = if statuses(&answer) == [202] {
        world
            .deployment
            .mailed_token(&world.ada.email, "reset")
            .await;
        world.deployment.mails()
    } else {
        Vec::new()
    };
    for mail in mails {
        assert!(!mail.text.contains("evil.example"), "{}", mail.text);
        assert!(!mail.text.contains("gopher"), "{}", mail.text);
    }
}
