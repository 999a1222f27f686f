//! What operators see: readiness and figures.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use credentials::HashingStatistics;
use store::{CheckReport, OnProgress, Statistics};
use thiserror::Error as ThisError;

use crate::{Error, Service};

/// How far this machine's clock may be from the database's.
const DRIFT: chrono::Duration = chrono::Duration::seconds(2);
const PATIENCE: Duration = Duration::from_secs(2);

/// Counted since this process began.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    commands: Mutex<BTreeMap<&'static str, u64>>,
    conflicts: AtomicU64,
    mail_failures: AtomicU64,
}

impl Counters {
    pub(crate) fn committed(&self, command: &'static str) {
        if let Ok(mut commands) = self.commands.lock() {
            *commands.entry(command).or_default() += 1;
        }
    }

    pub(crate) fn conflict(&self) {
        self.conflicts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn mail_failed(&self) {
        self.mail_failures.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Debug)]
pub struct Figures {
    pub database: Statistics,
    pub hashing: HashingStatistics,
    pub commands: BTreeMap<&'static str, u64>,
    pub conflicts: u64,
    pub mail_failures: u64,
    /// By the service's clock, for the ages of what waits.
    pub now: DateTime<Utc>,
}

#[derive(Debug, ThisError)]
pub enum NotReady {
    #[error("the database does not answer")]
    Database,
    #[error("the database lacks migrations of this server")]
    Migrations,
    #[error("this machine's clock and the database's differ by more than two seconds")]
    Clock,
}

impl Service {
    pub async fn readiness(&self) -> Result<(), NotReady> {
        let asked = tokio::time::timeout(PATIENCE, async {
            let current = self.store().migrations_are_current().await?;
            Ok::<_, store::Error>((current, self.store().database_time().await?))
        });
        match asked.await {
            Ok(Ok((true, time))) if (self.now() - time).abs() <= DRIFT => Ok(()),
            Ok(Ok((true, _))) => Err(NotReady::Clock),
            Ok(Ok((false, _))) => Err(NotReady::Migrations),
            Ok(Err(_)) | Err(_) => Err(NotReady::Database),
        }
    }

    pub async fn figures(&self) -> Result<Figures, Error> {
        let counters = &self.0.counters;
        Ok(Figures {
            database: self.store().statistics().await?,
            hashing: self.0.hashing.statistics(),
            commands: counters
                .commands
                .lock()
                .map(|map| map.clone())
                .unwrap_or_default(),
            conflicts: counters.conflicts.load(Ordering::Relaxed),
            mail_failures: counters.mail_failures.load(Ordering::Relaxed),
            now: self.now(),
        })
    }

    /// An id for a request whose client sent none. It names, and opens nothing: where the random
    /// source fails, the time does.
    pub fn request_id(&self) -> String {
        self.new_id().map_or_else(
            |_| self.now().timestamp_micros().to_string(),
            |id| id.to_string(),
        )
    }

    /// Deletes what has outlived its use, for as long as it runs.
    pub async fn keep_house(self) {
        loop {
            let swept = self.store().sweep(self.now()).await;
            tracing::debug!(rows = swept, "swept");
            tokio::time::sleep(Duration::from_mins(5)).await;
        }
    }

    pub async fn check_projections(&self, told: OnProgress<'_>) -> Result<CheckReport, Error> {
        Ok(self.store().check_projections(self.now(), told).await?)
    }
}
