//! Checkpoints sent to a server: one PUT each, as object stores take them.

use std::path::Path;
use std::time::Duration;

use ureq::Agent;

use crate::secret_text::SecretText;

const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct HttpSink {
    agent: Agent,
    url: String,
    token: Option<String>,
}

impl HttpSink {
    pub(super) fn new(url: &SecretText, token: Option<&SecretText>) -> Self {
        let agent = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .build();
        Self {
            agent: agent.into(),
            url: url.expose().to_owned(),
            token: token.map(|token| format!("Bearer {}", token.expose())),
        }
    }

    /// Waits for the answer; call it where waiting is allowed.
    pub(super) fn keep(&self, path: &Path, note: &str) -> Result<(), ureq::Error> {
        let mut request = self.agent.put(format!("{}/{}", self.url, path.display()));
        if let Some(token) = &self.token {
            request = request.header("Authorization", token);
        }
        let request = request.header("Content-Type", "text/plain; charset=utf-8");
        request.send(note).map(drop)
    }
}
