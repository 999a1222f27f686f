//! JSON bodies: one content type, one object, no field twice and none that we do not know.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use edge::layers::{BODY_LIMIT, is_too_long};
use edge::problem::{Code, FieldError, Problem};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use utoipa::PartialSchema;

use super::explain::{explain, not_an_object};

#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S, T> FromRequest<S> for JsonBody<T>
where
    S: Send + Sync,
    T: DeserializeOwned + PartialSchema,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(Code::UnsupportedMediaType));
        }
        let bytes = read(request.into_body()).await?;
        parse(&bytes).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(text) = value.to_str() else {
        return false;
    };
    let mut parts = text.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    is_json && parts.all(is_utf_8)
}

fn is_utf_8(parameter: &str) -> bool {
    parameter.is_empty()
        || parameter.split_once('=').is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("charset")
                && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if is_too_long(error.as_ref()) => Err(Problem::new(Code::PayloadTooLarge)),
        Err(_) => Err(invalid("the body broke off")),
    }
}

fn parse<T: DeserializeOwned + PartialSchema>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| invalid("is not UTF-8"))?;
    // Serde takes an array for a struct as well; a client that sends one means something else.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(not_an_object(text));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|e| explain::<T>(text, &e))?;
    json.end().map_err(|_| invalid("is not JSON"))?;
    Ok(value)
}

fn invalid(detail: &'static str) -> Problem {
    Problem::invalid(vec![FieldError::new("", detail)])
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde::Deserialize;
    use utoipa::ToSchema;

    use super::*;
    use crate::fields::{Code as TotpCode, Email, Password, Transport};

    #[derive(Debug, Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    struct Form {
        #[expect(dead_code, reason = "only parsed")]
        email: Email,
        password: Password,
        code: Option<TotpCode>,
        #[serde(default)]
        transport: Transport,
    }

    fn wrong(body: &str) -> Vec<String> {
        let problem = parse::<Form>(body.as_bytes()).unwrap_err();
        assert_eq!(problem.code(), Code::InvalidRequest, "{body}");
        let errors = problem.errors().iter();
        errors
            .map(|e| format!("{} {}", e.pointer, e.detail))
            .collect()
    }

    #[test]
    fn a_good_body_is_taken_as_it_is() {
        let body = br#"{"email":"a@example.com","password":" p\u0000 ","code":"123 456"}"#;
        let form: Form = parse(body).unwrap();
        assert_eq!(&*form.password, " p\0 ");
        assert_eq!(form.code.as_deref(), Some("123 456"));
        assert_eq!(form.transport, Transport::Cookie);
    }

    #[test]
    fn missing_fields_are_listed_one_by_one() {
        assert_eq!(wrong("{}"), ["/email is missing", "/password is missing"]);
        assert_eq!(
            wrong(r#"{"password":"p","admin":true,"~/":1}"#),
            [
                "/email is missing",
                "/admin is not known here",
                "/~0~1 is not known here"
            ]
        );
    }

    #[test]
    fn malformed_json_and_what_is_no_object_is_a_clean_400() {
        for body in [
            "",
            "{",
            "{]",
            "nul",
            "{\"email\":\"\\ud800\"}",
            "\u{feff}{}",
            "{}{}x{",
        ] {
            let errors = wrong(body);
            assert_eq!(errors.len(), 1, "{body:?}");
        }
        for body in ["[]", "null", "5", r#""text""#, r#"["a@example.com","p"]"#] {
            assert_eq!(wrong(body), [" must be a JSON object"], "{body}");
        }
        assert!(parse::<Form>(b"{\"email\":\"\xff\"}").is_err());
        let trailing = r#"{"email":"a@example.com","password":"p"} {}"#;
        assert_eq!(wrong(trailing), [" is not JSON"]);
    }

    #[test]
    fn json_bombs() {
        let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
        wrong(&deep);
        wrong(&format!("{{\"email\":{deep}}}"));
        wrong(&format!(
            "{{\"a\":{}1{}",
            "{\"a\":".repeat(10_000),
            "}".repeat(10_001)
        ));
        wrong(&format!("{{\"code\":{}}}", "9".repeat(60_000)));
        let twice = r#"{"email":"a@example.com","email":"b@example.com","password":"p"}"#;
        assert_eq!(wrong(twice), ["/email stands there more than once"]);
    }

    #[test]
    fn a_wrong_type_is_told_without_the_value() {
        for value in [
            "123456",
            "1.5",
            "true",
            "null",
            "[\"1\"]",
            "{\"a\":1}",
            "-7",
        ] {
            let errors = wrong(&format!(
                r#"{{"email":"a@example.com","password":{value}}}"#
            ));
            assert_eq!(errors, ["/password must be a string"], "{value}");
        }
        for value in ["123456", "[1]"] {
            let body = format!(r#"{{"email":"a@example.com","password":"p","code":{value}}}"#);
            assert_eq!(wrong(&body), ["/code must be a string"]);
        }
    }

    #[test]
    fn a_field_that_breaks_its_rule_is_pointed_at() {
        for email in [
            "",
            "nobody",
            "a\\u0000@example.com",
            "a\\r\\nBcc: b@example.com",
        ] {
            let errors = wrong(&format!(r#"{{"email":"{email}","password":"p"}}"#));
            assert!(
                errors.iter().all(|e| e.starts_with("/email ")),
                "{errors:?}"
            );
            assert_eq!(errors.len(), 1);
        }
        let long = "x".repeat(4097);
        assert_eq!(
            wrong(&format!(
                r#"{{"email":"a@example.com","password":"{long}"}}"#
            )),
            ["/password is longer than 4096 characters"]
        );
        assert_eq!(
            wrong(r#"{"email":"a@example.com","password":"p","transport":"pigeon"}"#),
            ["/transport must be cookie or bearer"]
        );
    }

    #[test]
    fn secrets_do_not_show_when_printed() {
        let body = br#"{"email":"a@example.com","password":"hunter2","code":"123456"}"#;
        let printed = format!("{:?}", parse::<Form>(body).unwrap());
        for secret in ["hunter2", "123456", "example.com"] {
            assert!(!printed.contains(secret));
        }
    }

    #[test]
    fn simple_request_refused() {
        let taken = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
            is_json(&headers)
        };
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
        ] {
            assert!(taken(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json; charset=utf-16",
            "application/json; boundary=x",
            "application/problem+json",
            "application/jsonx",
            "text/plain; application/json",
        ] {
            assert!(!taken(bad), "{bad}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
