//! A problem as it is written: RFC 9457, section 3, with `code`, `request_id` and `errors`.

use edge::problem::{Problem, TYPE_PREFIX};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// A URI that ends in the code.
    #[serde(rename = "type")]
    #[schema(
        max_length = 100,
        format = "uri",
        example = "urn:countersign:problem:not_found"
    )]
    kind: String,
    #[schema(max_length = 100)]
    title: &'static str,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    #[schema(max_length = 1000)]
    detail: String,
    /// Stable; what a client branches on.
    #[schema(max_length = 64, pattern = "^[a-z_]+$")]
    code: &'static str,
    /// The `X-Request-Id` of the answer.
    #[schema(max_length = 64)]
    request_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 64)]
    errors: Vec<FieldProblem>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FieldError)]
pub(crate) struct FieldProblem {
    /// A JSON pointer into the body; a query parameter is named in the same way.
    #[schema(max_length = 400)]
    pointer: String,
    #[schema(max_length = 1000)]
    detail: String,
}

impl ProblemDocument {
    pub(crate) fn new(problem: &Problem, request_id: String) -> Self {
        let code = problem.code();
        Self {
            kind: format!("{TYPE_PREFIX}{}", code.name()),
            title: code.title(),
            status: code.status().as_u16(),
            detail: problem.detail().to_owned(),
            code: code.name(),
            request_id,
            errors: problem
                .errors()
                .iter()
                .map(|error| FieldProblem {
                    pointer: error.pointer.clone().into_owned(),
                    detail: error.detail.clone().into_owned(),
                })
                .collect(),
        }
    }
}
