//! The worker that keeps checkpoints: a new one at each interval, if the log has grown.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use service::Clock;
use sqlx::PgPool;
use store::{LogHead, Store, record_publication};
use tokio::sync::Mutex;

use super::folder;
use super::http::HttpSink;
use super::path_of;
use crate::configuration::Configuration;
use crate::failure::Failure;

/// Where checkpoints are kept.
pub(crate) struct Sinks {
    folder: PathBuf,
    server: Option<HttpSink>,
}

impl Sinks {
    pub(crate) fn of(configuration: &Configuration) -> Self {
        let token = configuration.checkpoint_token.as_ref();
        let server = configuration.checkpoint_url.as_ref();
        Self {
            folder: configuration.checkpoint_dir.clone(),
            server: server.map(|url| HttpSink::new(url, token)),
        }
    }

    fn keep(&self, path: &Path, note: &str) -> Result<(), Failure> {
        folder::keep(&self.folder, path, note).map_err(|error| Failure::because(&error))?;
        match &self.server {
            Some(server) => server
                .keep(path, note)
                .map_err(|error| Failure::because(&error)),
            None => Ok(()),
        }
    }
}

/// Keeps the log's checkpoints for as long as it runs.
pub(crate) struct Publisher {
    pub(crate) store: Store,
    /// As the sequencer's role, which alone may note what was kept.
    pub(crate) pool: PgPool,
    pub(crate) sinks: Arc<Sinks>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) interval: Duration,
    /// The last that was kept, which the next one has to continue.
    pub(crate) last: Mutex<Option<LogHead>>,
}

impl Publisher {
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            if let Err(error) = self.publish().await {
                tracing::error!(%error, "a checkpoint was not kept");
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    /// Keeps the present checkpoint, unless the last is that one. One that does not continue the last
    /// is not kept: the log was changed behind the service's back.
    pub(crate) async fn publish(&self) -> Result<(), Failure> {
        let mut last = self.last.lock().await;
        let because = |error: store::Error| Failure::because(&error);
        let head = self.store.log_head().await.map_err(because)?;
        let Some(note) = head
            .checkpoint
            .clone()
            .filter(|_| last.as_ref() != Some(&head))
        else {
            return Ok(());
        };
        if let Some(last) = last.as_ref() {
            self.store
                .check_continues(last, &head)
                .await
                .map_err(because)?;
        }
        let now = self.clock.now();
        let (sinks, path) = (Arc::clone(&self.sinks), path_of(&head, now.date_naive()));
        let kept = tokio::task::spawn_blocking(move || sinks.keep(&path, &note)).await;
        kept.map_err(|error| Failure::because(&error))??;
        record_publication(&self.pool, &head, now)
            .await
            .map_err(because)?;
        *last = Some(head);
        Ok(())
    }
}
