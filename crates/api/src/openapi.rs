//! The OpenAPI document: what the handlers say, and what holds for all of them.

use std::collections::BTreeMap;

use edge::cookies::SESSION_COOKIE;
use edge::problem::Code;
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Header, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::problem_document::{FieldProblem, ProblemDocument};

#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Countersign",
        version = "1",
        description = "Sign-in with a password and a one-time code, and the history of what \
                       happened to each account. Failures are RFC 9457 problem documents; branch \
                       on their code. Every answer carries X-Request-Id.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "This server")),
    components(schemas(ProblemDocument, FieldProblem)),
    tags(
        (name = "visitors", description = "Calls that need no session."),
        (name = "owners", description = "Calls of a signed-in account about itself."),
        (name = "support", description = "Calls of support: find and unlock."),
        (name = "audit", description = "Calls of auditors: history and proofs."),
    ),
    modifiers(&Securities),
)]
pub(crate) struct Document;

struct Securities;

impl Modify for Securities {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let cookie = ApiKeyValue::with_description(
            SESSION_COOKIE,
            "The session of a browser. Changes must come from our own pages.",
        );
        components.add_security_scheme(
            "session_cookie",
            SecurityScheme::ApiKey(ApiKey::Cookie(cookie)),
        );
        components.add_security_scheme("session_token", bearer("A session token, cs_session_…"));
        components.add_security_scheme("staff_token", bearer("A staff token, cs_staff_…"));
    }
}

fn bearer(description: &str) -> SecurityScheme {
    SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(description))
            .build(),
    )
}

/// What any call may meet.
pub(crate) const ANY: &[Code] = &[Code::Internal, Code::Unavailable];
/// A change that may ride on a cookie.
pub(crate) const CHANGE: &[Code] = &[Code::CrossSiteRequest, Code::PayloadTooLarge];
/// A call with a body.
pub(crate) const BODY: &[Code] = &[Code::InvalidRequest, Code::UnsupportedMediaType];
/// A call of an owner or of staff. Two credentials of a kind are an invalid request.
pub(crate) const SIGNED_IN: &[Code] =
    &[Code::InvalidRequest, Code::Unauthenticated, Code::Forbidden];

/// Names a set of problems for the `responses` of a handler.
macro_rules! problems {
    ($name:ident: $($group:expr),* $(; $($code:ident),*)?) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                let own: &[edge::problem::Code] = &[$($(edge::problem::Code::$code),*)?];
                crate::openapi::problem_responses(&[crate::openapi::ANY, own, $($group),*])
            }
        }
    };
}
pub(crate) use problems;

pub(crate) fn problem_responses(groups: &[&[Code]]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in groups.iter().copied().flatten() {
        let codes = by_status.entry(code.status().as_u16()).or_default();
        if !codes.contains(code) {
            codes.push(*code);
        }
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), problem_response(&codes).into()))
        .collect()
}

fn problem_response(codes: &[Code]) -> Response {
    let lines: Vec<_> = codes
        .iter()
        .map(|code| format!("`{}`: {}", code.name(), code.detail()))
        .collect();
    let content = Content::builder()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let response = ResponseBuilder::new()
        .description(lines.join("\n\n"))
        .content("application/problem+json", content);
    let waits = |code: &Code| matches!(code.status().as_u16(), 429 | 503);
    if codes.iter().any(waits) {
        response.header("Retry-After", retry_after()).build()
    } else {
        response.build()
    }
}

fn retry_after() -> Header {
    let seconds = Object::builder()
        .schema_type(Type::Integer)
        .minimum(Some(1));
    HeaderBuilder::new()
        .schema(Some(seconds))
        .description(Some("Seconds, at least 1."))
        .build()
}

#[cfg(test)]
mod tests;
