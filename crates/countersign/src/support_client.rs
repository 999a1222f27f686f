//! `countersign support …`: a client of the HTTP API, under the caller's own staff token.

use serde_json::{Value, json};
use ureq::Agent;

use crate::cli::{Server, SupportCommand};
use crate::failure::Failure;
use crate::output::Output;
use crate::secret_text::SecretText;
use crate::words::printable;

pub(crate) fn run(
    support: &Server<SupportCommand>,
    token: &SecretText,
    output: Output,
) -> Result<(), Failure> {
    let client = Client {
        agent: Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into(),
        base: format!("{}/api/v1/support/accounts", support.server),
        authorization: format!("Bearer {}", token.expose()),
    };
    let answer = match &support.command {
        SupportCommand::Find { email } => {
            client.post("/search", &json!({ "email": email.as_written() }))?
        }
        SupportCommand::Show { account } => client.get(&format!("/{account}"))?,
        SupportCommand::Unlock {
            account,
            reason,
            ticket,
        } => {
            let mut body = json!({ "reason": reason });
            if let (Some(ticket), Some(fields)) = (ticket, body.as_object_mut()) {
                fields.insert("ticket".to_owned(), json!(ticket));
            }
            client.post(&format!("/{account}/unlock"), &body)?
        }
    };
    output.result(&answer, people(&answer))
}

struct Client {
    agent: Agent,
    base: String,
    authorization: String,
}

impl Client {
    fn get(&self, path: &str) -> Result<Value, Failure> {
        let request = self.agent.get(format!("{}{path}", self.base));
        answer(request.header("Authorization", &self.authorization).call())
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.agent.post(format!("{}{path}", self.base));
        let request = request.header("Authorization", &self.authorization);
        answer(request.send_json(body))
    }
}

fn answer(
    response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Value, Failure> {
    let mut response = response.map_err(|error| {
        Failure::Failed(format!(
            "the server cannot be reached ({error}): is --server right?"
        ))
    })?;
    let status = response.status();
    let body: Value = response.body_mut().read_json().unwrap_or_default();
    if status.is_success() {
        return Ok(body);
    }
    let told = |field| body.get(field).and_then(Value::as_str).unwrap_or_default();
    Err(Failure::Failed(format!(
        "the server says {status}: {} {} (request {})",
        told("title"),
        told("detail"),
        told("request_id"),
    )))
}

/// Nested fields as indented lines.
fn people(value: &Value) -> String {
    let mut text = String::new();
    write_lines(value, 0, &mut text);
    text
}

fn write_lines(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                text.push_str(&indent);
                text.push_str(name);
                text.push(':');
                write_field(field, depth, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                text.push_str(&indent);
                text.push('-');
                write_field(item, depth, text);
            }
        }
        other => {
            text.push_str(&indent);
            text.push_str(&scalar(other));
            text.push('\n');
        }
    }
}

fn write_field(value: &Value, depth: usize, text: &mut String) {
    if value.is_object() || value.is_array() {
        text.push('\n');
        write_lines(value, depth + 1, text);
    } else {
        text.push(' ');
        text.push_str(&scalar(value));
        text.push('\n');
    }
}

/// Without control characters: what a server says is shown, not obeyed by the terminal.
fn scalar(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned);
    printable(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_reads_as_indented_lines_without_escapes() {
        let answer = json!({ "accounts": [{ "email": "a\u{1b}[2J@example.com", "locked": true }] });
        assert_eq!(
            people(&answer),
            "accounts:\n  -\n    email: a[2J@example.com\n    locked: true\n"
        );
    }
}
