//! The calls of the HTTP contract, written down by hand: what the server publishes about itself is
//! held against this, and so is how it behaves.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Map, Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Visitor,
    Owner,
    Support,
    Auditor,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    /// Below `/api/v1`.
    pub(crate) path: &'static str,
    pub(crate) who: Who,
    pub(crate) required: &'static [&'static str],
    pub(crate) optional: &'static [&'static str],
}

const fn call(method: &'static str, path: &'static str, who: Who) -> Call {
    Call {
        method,
        path,
        who,
        required: &[],
        optional: &[],
    }
}

impl Call {
    const fn takes(self, required: &'static [&'static str]) -> Self {
        Self { required, ..self }
    }

    const fn or(self, optional: &'static [&'static str]) -> Self {
        Self { optional, ..self }
    }

    pub(crate) fn has_body(&self) -> bool {
        !self.required.is_empty()
    }

    pub(crate) fn changes_state(&self) -> bool {
        self.method != "GET"
    }

    pub(crate) fn method(&self) -> Method {
        self.method.parse().unwrap()
    }

    pub(crate) fn path_for(&self, id: &str) -> String {
        self.path.replace("{id}", id)
    }

    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// A body with every field, each of a form that a client may send.
    pub(crate) fn body(&self) -> Map<String, Value> {
        let fields = self.required.iter().chain(self.optional);
        fields
            .map(|field| ((*field).to_owned(), sample(field)))
            .collect()
    }
}

fn sample(field: &str) -> Value {
    match field {
        "email" => json!("nobody@example.com"),
        "transport" => json!("bearer"),
        "code" => json!("000000"),
        "token" | "challenge" | "device_token" => json!("cs_none_x"),
        "reason" => json!("lost phone"),
        "ticket" => json!("T-1"),
        _ => json!("tangerine weather balloon"),
    }
}

/// The call that ends the session stands last.
pub(crate) const CALLS: [Call; 29] = {
    use Who::{Auditor, Owner, Support, Visitor};
    [
        call("POST", "/accounts", Visitor).takes(&["email"]),
        call("POST", "/accounts/verify", Visitor)
            .takes(&["token", "password"])
            .or(&["transport"]),
        call("POST", "/login", Visitor)
            .takes(&["email", "password"])
            .or(&["transport", "device_token"]),
        call("POST", "/login/second-factor", Visitor)
            .takes(&["challenge", "code"])
            .or(&["transport"]),
        call("POST", "/unblock", Visitor).takes(&["email"]),
        call("POST", "/unblock/confirm", Visitor)
            .takes(&["token"])
            .or(&["transport"]),
        call("POST", "/password-reset", Visitor).takes(&["email"]),
        call("POST", "/password-reset/confirm", Visitor)
            .takes(&["token", "new_password"])
            .or(&["transport"]),
        call("GET", "/session", Owner),
        call("GET", "/sessions", Owner),
        call("DELETE", "/sessions/{id}", Owner),
        call("DELETE", "/sessions", Owner),
        call("GET", "/settings", Owner),
        call("PUT", "/settings/password", Owner).takes(&["current_password", "new_password"]),
        call("POST", "/settings/two-factor/enrollment", Owner).takes(&["current_password"]),
        call("POST", "/settings/two-factor/enrollment/confirm", Owner).takes(&["code"]),
        call("DELETE", "/settings/two-factor/enrollment", Owner),
        call("POST", "/settings/two-factor/disable", Owner).takes(&["current_password"]),
        call("POST", "/support/accounts/search", Support).takes(&["email"]),
        call("GET", "/support/accounts/{id}", Support),
        call("POST", "/support/accounts/{id}/unlock", Support)
            .takes(&["reason"])
            .or(&["ticket"]),
        call("GET", "/audit/accounts/{id}/events", Auditor),
        call("GET", "/audit/accounts/{id}/state", Auditor),
        call("GET", "/audit/events", Auditor),
        call("GET", "/audit/checkpoint", Auditor),
        call("GET", "/audit/events/{position}/proof", Auditor),
        call("GET", "/audit/consistency", Auditor),
        call("GET", "/audit/tile/{tile}", Auditor),
        call("POST", "/logout", Owner),
    ]
};

pub(crate) fn paths() -> BTreeSet<&'static str> {
    CALLS.iter().map(|call| call.path).collect()
}

pub(crate) fn methods_of(path: &str) -> BTreeSet<&'static str> {
    let calls = CALLS.iter().filter(|call| call.path == path);
    calls.map(|call| call.method).collect()
}
