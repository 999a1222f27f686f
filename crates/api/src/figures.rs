//! The process's figures as OpenMetrics text: what the HTTP layer counted, and what the service
//! and its database say at the moment.

use std::fmt;

use edge::Metrics;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use service::Figures;

/// OpenMetrics text.
pub(crate) fn text(metrics: &Metrics, figures: &Figures) -> Result<String, fmt::Error> {
    let mut text = String::new();
    metrics.encode(&mut text)?;
    text::encode_registry(&mut text, &registry(figures))?;
    text::encode_eof(&mut text)?;
    Ok(text)
}

fn registry(figures: &Figures) -> Registry {
    let mut registry = Registry::with_prefix("countersign");
    hashing(&mut registry, figures);
    database(&mut registry, figures);
    waiting(&mut registry, figures);
    commands(&mut registry, figures);
    registry
}

fn hashing(registry: &mut Registry, figures: &Figures) {
    let hashing = &figures.hashing;
    gauge(
        registry,
        "hashing_running",
        "Password hashes at work",
        signed(hashing.running),
    );
    gauge(
        registry,
        "hashing_queued",
        "Calls that wait for a hash",
        signed(hashing.queued),
    );
    counter(
        registry,
        "hashing_rejected",
        "Calls turned away since too many waited",
        hashing.rejected_total,
    );
    counter(
        registry,
        "hashing_verifications",
        "Passwords checked, those of unknown addresses among them",
        hashing.verifications_total,
    );
    counter(
        registry,
        "hashing_hashes",
        "Passwords hashed to be kept",
        hashing.hashes_total,
    );
}

fn database(registry: &mut Registry, figures: &Figures) {
    let (size, idle) = (figures.database.pool_size, figures.database.pool_idle);
    let in_use = size.saturating_sub(idle);
    gauge(
        registry,
        "database_connections",
        "Connections of the pool",
        size.into(),
    );
    gauge(
        registry,
        "database_connections_idle",
        "Idle ones of them",
        idle.into(),
    );
    gauge(
        registry,
        "database_connections_in_use",
        "Busy ones of them",
        in_use.into(),
    );
}

fn waiting(registry: &mut Registry, figures: &Figures) {
    let database = &figures.database;
    gauge(
        registry,
        "events",
        "Events with a position",
        database.log_size,
    );
    gauge(
        registry,
        "events_unsequenced",
        "Events that have no position yet",
        database.unsequenced,
    );
    gauge(
        registry,
        "outbox_mails",
        "Mails that wait to be sent",
        database.outbox_depth,
    );
    gauge(
        registry,
        "jobs",
        "Requests of visitors that wait to be worked on",
        database.jobs,
    );
    age(
        registry,
        "events_unsequenced_age",
        "Of the oldest event without a position",
        database.unsequenced_since.map(|since| figures.now - since),
    );
    age(
        registry,
        "outbox_age",
        "Of the oldest mail that waits to be sent",
        database.outbox_since.map(|since| figures.now - since),
    );
    counter(
        registry,
        "mail_failures",
        "Attempts to send a mail that failed",
        figures.mail_failures,
    );
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    command: &'static str,
}

fn commands(registry: &mut Registry, figures: &Figures) {
    let commands = Family::<CommandLabels, Counter>::default();
    for (command, count) in &figures.commands {
        commands
            .get_or_create(&CommandLabels { command })
            .inc_by(*count);
    }
    registry.register("commands", "Commands committed", commands);
    counter(
        registry,
        "conflicts",
        "Commits that were decided again since another was faster",
        figures.conflicts,
    );
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: i64) {
    registry.register(name, help, ConstGauge::new(value));
}

fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    registry.register(name, help, ConstCounter::new(value));
}

/// Nothing that waits has no age: that is nought. A clock that was turned back counts as that too.
fn age(registry: &mut Registry, name: &str, help: &str, age: Option<chrono::Duration>) {
    let age = age.and_then(|age| age.to_std().ok()).unwrap_or_default();
    registry.register_with_unit(
        name,
        help,
        Unit::Seconds,
        ConstGauge::new(age.as_secs_f64()),
    );
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_open_metrics_text() {
        let mut registry = Registry::with_prefix("countersign");
        gauge(
            &mut registry,
            "outbox_mails",
            "Mails that wait to be sent",
            3,
        );
        counter(
            &mut registry,
            "conflicts",
            "Commits that were decided again",
            5,
        );
        age(
            &mut registry,
            "outbox_age",
            "Of the oldest",
            Some(chrono::Duration::milliseconds(1500)),
        );
        age(
            &mut registry,
            "feed_age",
            "Of the oldest",
            Some(chrono::Duration::seconds(-1)),
        );
        let mut text = String::new();
        text::encode_registry(&mut text, &registry).unwrap();
        for line in [
            "countersign_outbox_mails 3",
            "countersign_conflicts_total 5",
            "countersign_outbox_age_seconds 1.5",
            "countersign_feed_age_seconds 0.0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }
}
