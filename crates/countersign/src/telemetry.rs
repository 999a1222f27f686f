//! Log lines on standard error: JSON for machines, short text on a terminal.
//!
//! Standard output belongs to the results of commands. Nothing secret is logged because
//! no type that holds a secret can be printed; this module adds time, level and fields.

use std::fmt;
use std::io::{self, IsTerminal};
use std::panic;

use chrono::{DateTime, SecondsFormat, Utc};
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt};

use crate::configuration::{Configuration, LogFormat, Origin};

/// What commands other than `serve` log when nobody said: the person sees the result.
const QUIET: &str = "warn";

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("logging cannot be started: {0}")]
pub struct TelemetryError(String);

/// Starts logging for the whole process; a second call is an error.
pub fn start(configuration: &Configuration, serving: bool) -> Result<(), TelemetryError> {
    let is_default = matches!(configuration.origin("log"), Some(Origin::Default));
    let filter = if is_default && !serving {
        QUIET
    } else {
        configuration.log.as_str()
    };
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|e| TelemetryError(e.to_string()))?;
    let terminal = io::stderr().is_terminal();
    let lines = lines(configuration.log_format, terminal, io::stderr);
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init()
        .map_err(|e| TelemetryError(e.to_string()))?;
    log_panics();
    Ok(())
}

/// The place alone: what a panic says may hold anything.
fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(tracing::field::display);
        tracing::error!(place, "a fault in the program");
    }));
}

fn lines<S, W>(format: LogFormat, terminal: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_timer(UtcMillis);
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    if json {
        layer
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed()
    } else {
        layer.compact().with_ansi(terminal).boxed()
    }
}

/// The time of day of this machine, in UTC.
struct UtcMillis;

impl FormatTime for UtcMillis {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        #[expect(
            clippy::disallowed_methods,
            reason = "a log line tells when it was written, also when a test turns the clock"
        )]
        let now = Utc::now();
        writer.write_str(&stamp(now))
    }
}

fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged_by(format: LogFormat, terminal: bool, what: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let layer = lines(format, terminal, move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, what);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn logged(format: LogFormat, terminal: bool) -> String {
        logged_by(format, terminal, || {
            let span = tracing::info_span!("request", request.id = "r-1");
            span.in_scope(|| tracing::info!(account.id = 7, "signed in"));
        })
    }

    #[test]
    fn away_from_a_terminal_each_line_is_a_json_object() {
        let line: serde_json::Value =
            serde_json::from_str(&logged(LogFormat::Auto, false)).unwrap();
        assert_eq!(line["message"], "signed in");
        assert_eq!(line["account.id"], 7);
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["span"]["request.id"], "r-1");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn on_a_terminal_lines_are_text_unless_json_is_asked_for() {
        assert!(logged(LogFormat::Auto, true).contains("signed in"));
        assert!(!logged(LogFormat::Auto, true).starts_with('{'));
        assert!(logged(LogFormat::Json, true).starts_with('{'));
    }

    #[test]
    fn text_that_is_not_on_a_terminal_has_no_colour() {
        let text = logged(LogFormat::Text, false);
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn a_panic_is_a_line_like_any_other_which_tells_its_place_and_not_its_words() {
        log_panics();
        let text = logged_by(LogFormat::Auto, false, || {
            panic::catch_unwind(|| panic!("with a secret")).unwrap_err();
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "ERROR");
        assert!(line["place"].as_str().unwrap().contains(file!()), "{line}");
        assert!(!text.contains("a secret"), "{text}");
    }

    #[test]
    fn times_are_utc_with_milliseconds() {
        let at = DateTime::from_timestamp_millis(1_795_500_000_120).unwrap();
        assert_eq!(stamp(at), "2026-11-24T06:00:00.120Z");
    }
}
