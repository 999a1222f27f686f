use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use edge::layers::BODY_LIMIT;
use edge::problem::{Code, Problem};
use edge::{Edge, HttpSettings, Metrics};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::Value;
use tower::ServiceExt;
use utoipa::ToSchema;

use super::surround;
use crate::extract::JsonBody;
use crate::routes::method_not_allowed;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    #[expect(dead_code, reason = "only parsed")]
    word: crate::fields::Reason,
}

async fn take(_: JsonBody<Form>) -> &'static str {
    "taken"
}

async fn slow() {
    tokio::time::sleep(Duration::from_secs(31)).await;
}

async fn panics() -> &'static str {
    panic!("the password was hunter2")
}

fn app_at(public_url: &str) -> (Router, Metrics) {
    let settings = HttpSettings {
        public_url: public_url.parse().unwrap(),
        trusted_proxies: Vec::new(),
    };
    let metrics = Metrics::new();
    let edge = Edge::new(&settings, metrics.clone(), || "made-here".to_owned());
    let router = Router::new()
        .route("/thing/{id}", get(async || "thing"))
        .route("/form", post(take))
        .route("/slow", get(slow))
        .route("/panic", get(panics))
        .route(
            "/fault",
            get(async || Problem::unavailable("dbname=x refused")),
        )
        .route(
            "/own",
            get(async || [(header::CONTENT_SECURITY_POLICY, "default-src 'self'")]),
        )
        .route("/api/{*rest}", get(async || Problem::new(Code::NotFound)))
        .fallback(async || Problem::new(Code::NotFound))
        .method_not_allowed_fallback(method_not_allowed);
    (surround(router, &edge), metrics)
}

fn app() -> Router {
    app_at("https://accounts.example").0
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn problem(&self) -> Value {
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
        let document: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(document["status"], self.status.as_u16());
        assert_eq!(
            document["request_id"],
            self.headers["x-request-id"].to_str().unwrap()
        );
        let code = document["code"].as_str().unwrap();
        assert!(document["type"].as_str().unwrap().ends_with(code));
        assert!(document["title"].is_string() && document["detail"].is_string());
        document
    }

    fn code(&self) -> String {
        self.problem()["code"].as_str().unwrap().to_owned()
    }
}

async fn send(app: Router, request: Request<Body>) -> Answer {
    let response: Response = app.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

fn request(method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

async fn get_answer(path: &str) -> Answer {
    send(app(), request(Method::GET, path, &[], Body::empty())).await
}

async fn post_form(headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    send(app(), request(Method::POST, "/form", headers, body.into())).await
}

const JSON: (&str, &str) = ("content-type", "application/json");
const COOKIE: (&str, &str) = ("cookie", "theme=dark");

async fn every_kind_of_answer() -> Vec<Answer> {
    let large = "x".repeat(BODY_LIMIT + 1);
    vec![
        get_answer("/thing/1").await,
        get_answer("/nowhere").await,
        get_answer("/api/v1/nowhere").await,
        get_answer("/panic").await,
        get_answer("/slow").await,
        get_answer("/form").await,
        post_form(&[JSON], r#"{"word":"x"}"#).await,
        post_form(&[JSON], "{").await,
        post_form(&[JSON], large).await,
        post_form(&[JSON, COOKIE], "{}").await,
        post_form(&[], "{}").await,
        send(app(), request(Method::OPTIONS, "/form", &[], Body::empty())).await,
    ]
}

#[tokio::test(start_paused = true)]
async fn security_headers_are_on_every_answer_and_never_a_cors_header_or_a_version() {
    for answer in every_kind_of_answer().await {
        let headers = &answer.headers;
        for (name, value) in [
            (
                "strict-transport-security",
                "max-age=63072000; includeSubDomains; preload",
            ),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'; sandbox",
            ),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("vary", "Cookie, Authorization"),
            ("x-request-id", "made-here"),
        ] {
            assert_eq!(headers[name], value, "{name} of {}", answer.status);
            assert_eq!(headers.get_all(name).iter().count(), 1);
        }
        assert!(!headers.contains_key("server"));
        assert!(
            headers
                .keys()
                .all(|name| !name.as_str().starts_with("access-control"))
        );
    }
}

#[tokio::test]
async fn hsts_everywhere_but_on_plain_http_of_the_machine_itself() {
    for (url, strict) in [
        ("http://localhost:8080", false),
        ("http://accounts.example", true),
    ] {
        let (app, _) = app_at(url);
        let answer = send(app, request(Method::GET, "/nowhere", &[], Body::empty())).await;
        assert_eq!(
            answer.headers.contains_key("strict-transport-security"),
            strict
        );
    }
}

#[tokio::test]
async fn a_handler_keeps_its_own_content_policy() {
    let answer = get_answer("/own").await;
    assert_eq!(
        answer.headers["content-security-policy"],
        "default-src 'self'"
    );
}

#[tokio::test]
async fn a_decent_request_id_is_kept_and_any_other_replaced() {
    let answered = async |ids: &[&str]| {
        let headers: Vec<_> = ids.iter().map(|id| ("x-request-id", *id)).collect();
        let answer = send(
            app(),
            request(Method::GET, "/nowhere", &headers, Body::empty()),
        )
        .await;
        answer.problem();
        answer.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    let longest = "a".repeat(64);
    for good in [
        "a",
        "A-b_c.9",
        "0193d1a0-7e1b-7c3a-9f00-0123456789ab",
        &longest,
    ] {
        assert_eq!(answered(&[good]).await, good);
    }
    let too_long = "a".repeat(65);
    for bad in ["", "a b", "a\u{e9}", "<script>", "a,b", "a/b", &too_long] {
        assert_eq!(answered(&[bad]).await, "made-here", "{bad}");
    }
    assert_eq!(answered(&["a", "b"]).await, "made-here");
}

#[tokio::test]
async fn method_matrix() {
    for method in [
        "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "POST", "INVENTED",
    ] {
        let method: Method = method.parse().unwrap();
        let answer = send(app(), request(method, "/thing/1", &[], Body::empty())).await;
        assert_eq!(answer.code(), "method_not_allowed");
        assert_eq!(answer.headers[header::ALLOW], "GET,HEAD");
    }
    let answer = send(app(), request(Method::HEAD, "/thing/1", &[], Body::empty())).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
    assert_eq!(get_answer("/form").await.headers[header::ALLOW], "POST");
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_also_where_its_length_is_not_announced() {
    let large = "x".repeat(BODY_LIMIT + 1);
    let announced = post_form(&[JSON, ("content-length", "65537")], large.clone()).await;
    assert_eq!(announced.code(), "payload_too_large");
    let chunks = futures::stream::iter(
        large
            .into_bytes()
            .chunks(1000)
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>(),
    );
    let chunks = futures::StreamExt::map(chunks, Ok::<_, std::io::Error>);
    let chunked = post_form(&[JSON], Body::from_stream(chunks)).await;
    assert_eq!(chunked.code(), "payload_too_large");

    let word = "x".repeat(BODY_LIMIT - r#"{"word":""}"#.len());
    let exactly = post_form(&[JSON], format!(r#"{{"word":"{word}"}}"#)).await;
    assert_eq!(exactly.code(), "invalid_request");
}

#[tokio::test]
async fn a_broken_body_is_a_clean_400() {
    let broken = futures::stream::iter([Ok("{"), Err(std::io::Error::other("gone"))]);
    let answer = post_form(&[JSON], Body::from_stream(broken)).await;
    assert_eq!(answer.code(), "invalid_request");
}

#[tokio::test]
async fn errors_of_fields_are_in_the_document() {
    let document = post_form(&[JSON], r#"{"words":1}"#).await.problem();
    assert_eq!(
        document["errors"],
        serde_json::json!([
            {"pointer": "/word", "detail": "is missing"},
            {"pointer": "/words", "detail": "is not known here"},
        ])
    );
    assert!(
        get_answer("/nowhere")
            .await
            .problem()
            .get("errors")
            .is_none()
    );
}

#[tokio::test]
async fn changes_that_ride_on_a_cookie_come_from_our_own_pages() {
    let good = r#"{"word":"x"}"#;
    let own_origin = ("origin", "https://accounts.example");
    let bearer = ("authorization", "Bearer cs_session_x");
    for (headers, passes) in [
        (&[JSON][..], true),
        (&[JSON, COOKIE], false),
        (&[JSON, COOKIE, ("origin", "null")], false),
        (&[JSON, COOKIE, ("origin", "https://evil.example")], false),
        (&[JSON, COOKIE, own_origin], true),
        (
            &[JSON, COOKIE, own_origin, ("sec-fetch-site", "cross-site")],
            false,
        ),
        (&[JSON, COOKIE, ("sec-fetch-site", "same-origin")], true),
        (&[JSON, COOKIE, bearer], true),
        (&[JSON, COOKIE, ("authorization", "Basic eA==")], false),
        (&[JSON, ("sec-fetch-site", "cross-site")], true),
    ] {
        let answer = post_form(headers, good).await;
        if passes {
            assert_eq!(answer.status, StatusCode::OK, "{headers:?}");
        } else {
            assert_eq!(answer.code(), "cross_site_request", "{headers:?}");
        }
    }
    let read = send(
        app(),
        request(Method::GET, "/thing/1", &[COOKIE], Body::empty()),
    )
    .await;
    assert_eq!(read.status, StatusCode::OK);
}

#[tokio::test]
async fn panic_route_survives() {
    let app = app();
    for _ in 0..2 {
        let answer = send(
            app.clone(),
            request(Method::GET, "/panic", &[], Body::empty()),
        )
        .await;
        assert_eq!(answer.code(), "internal");
        assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"));
    }
    let answer = send(app, request(Method::GET, "/thing/1", &[], Body::empty())).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_unavailable() {
    let answer = get_answer("/slow").await;
    assert_eq!(answer.code(), "unavailable");
    assert_eq!(answer.headers[header::RETRY_AFTER], "5");
}

#[tokio::test]
async fn error_leak_scan() {
    let answer = get_answer("/fault").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!String::from_utf8_lossy(&answer.body).contains("dbname"));
}

#[tokio::test]
async fn requests_are_measured_by_template_and_never_by_path() {
    let (app, metrics) = app_at("https://accounts.example");
    for path in ["/thing/s3cret", "/verify/s3cret", "/api/s3cret"] {
        send(app.clone(), request(Method::GET, path, &[], Body::empty())).await;
    }
    let mut text = String::new();
    metrics.encode(&mut text).unwrap();
    assert!(text.contains(r#"method="GET",route="/thing/{id}",status="200"} 1"#));
    assert!(text.contains(r#"method="GET",route="(no route)",status="404"} 2"#));
    assert!(text.contains("in_flight 0"));
    assert!(!text.contains("s3cret"));
}
