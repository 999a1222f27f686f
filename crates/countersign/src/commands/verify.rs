//! `countersign audit verify`: the whole log, the checkpoints that were kept, and the read models.

use std::path::PathBuf;

use serde_json::{Value, json};
use service::Service;
use store::{CheckReport, Damaged, Finding, Gap, KeptCheckpoints, Store, Verdict};

use super::{failed, table};
use crate::checkpoints::read_all;
use crate::configuration::Configuration;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Bar;
use crate::words::printable;

/// How many findings about read models are told to people one by one.
const TOLD: usize = 100;

pub(super) async fn verify(
    service: &Service,
    store: &Store,
    configuration: &Configuration,
    more: &[PathBuf],
    output: Output,
) -> Result<(), Failure> {
    let kept = kept_checkpoints(store, configuration, more)?;
    let bar = Bar::new("The log");
    let verdict = store.verify_log(kept, |progress| bar.show(progress)).await;
    let verdict = verdict.map_err(|error| Failure::because(&error))?;
    drop(bar);
    let read_models = read_models(service).await?;
    let whole = verdict.damages == 0 && read_models.found == 0;
    output.result(
        &machine(&verdict, &read_models, whole),
        people(&verdict, &read_models, whole),
    )?;
    if whole {
        return Ok(());
    }
    Err(Failure::Failed(
        "the history is not whole: keep this database as it is, and find out who changed it"
            .to_owned(),
    ))
}

/// Rows that keep the read models from being compared are a finding, and hide none of the log's;
/// postgres-es panics on some of them, in a task of its own.
async fn read_models(service: &Service) -> Result<CheckReport, Failure> {
    let service = service.clone();
    let compared = tokio::spawn(async move {
        let bar = Bar::new("Read models");
        let mut told = |progress| bar.show(progress);
        service.check_projections(&mut told).await
    });
    let compared = compared.await;
    let why = match compared {
        Ok(Ok(report)) => return Ok(report),
        Ok(Err(error @ service::Error::Internal(_))) => Failure::because(&error),
        Ok(Err(other)) => return Err(failed(other)),
        Err(panicked) => Failure::because(&panicked),
    };
    let finding = Finding {
        stream: "-".to_owned(),
        table: "-",
        what: format!("they cannot be compared: {why}"),
    };
    let mut report = CheckReport::default();
    report.add([finding]);
    Ok(report)
}

/// Those in the configured folder, and those in the files and folders that were named.
pub(super) fn kept_checkpoints(
    store: &Store,
    configuration: &Configuration,
    more: &[PathBuf],
) -> Result<KeptCheckpoints, Failure> {
    if let Some(path) = more.iter().find(|path| !path.exists()) {
        let path = path.display();
        return Err(Failure::Usage(format!("there is no checkpoint at {path}")));
    }
    let places = std::iter::once(&configuration.checkpoint_dir).chain(more);
    store.kept_checkpoints(places.flat_map(|place| read_all(place)))
}

fn machine(verdict: &Verdict, read_models: &CheckReport, whole: bool) -> Value {
    json!({
        "verdict": if whole { "whole" } else { "damaged" },
        "events": verdict.events,
        "streams": verdict.streams,
        "size": verdict.size,
        "checkpoints": verdict.checkpoints,
        "damages": verdict.damages,
        "damaged": verdict.damaged.iter().map(damaged).collect::<Vec<_>>(),
        "gaps": verdict.gaps.iter().map(gap).collect::<Vec<_>>(),
        "read_models": {
            "accounts": read_models.accounts,
            "staff": read_models.staff,
            "found": read_models.found,
            "findings": read_models.findings.iter().map(|finding| json!({
                "stream": finding.stream, "table": finding.table, "what": finding.what,
            })).collect::<Vec<_>>(),
        },
    })
}

fn damaged(damaged: &Damaged) -> Value {
    let account = damaged.stream.as_deref();
    let account = account.and_then(|stream| stream.strip_prefix("account/"));
    json!({
        "kind": damaged.kind.to_string(),
        "stream": damaged.stream,
        "account_id": account,
        "sequence": damaged.sequence,
        "position": damaged.position,
        "what": damaged.what,
    })
}

fn gap(gap: &Gap) -> Value {
    json!({
        "epoch": gap.epoch, "at": gap.at, "size": gap.size, "lost_size": gap.lost_size,
        "reason": gap.reason, "acknowledged": true,
    })
}

fn people(verdict: &Verdict, read_models: &CheckReport, whole: bool) -> String {
    let rows = verdict.damaged.iter().map(damaged).collect::<Vec<_>>();
    let damages = table(&["kind", "stream", "sequence", "position", "what"], &rows);
    let findings = read_models.findings.iter().take(TOLD).map(|finding| {
        json!({ "kind": "read model", "stream": finding.stream, "table": finding.table, "what": finding.what })
    });
    let findings = findings.collect::<Vec<_>>();
    let findings = table(&["kind", "stream", "table", "what"], &findings);
    let gaps = verdict.gaps.iter().map(gap_words).collect::<String>();
    let last = last_words(verdict, read_models, whole);
    format!("{damages}{findings}{gaps}{last}")
}

fn gap_words(gap: &Gap) -> String {
    let Gap {
        epoch,
        at,
        size,
        lost_size,
        reason,
    } = gap;
    format!(
        "acknowledged gap: epoch {epoch} was opened at {at} from a backup of {size} events; the last \
         checkpoint that was known of it held {lost_size}, what it had beyond is lost. Reason: {}\n",
        printable(reason)
    )
}

fn last_words(verdict: &Verdict, read_models: &CheckReport, whole: bool) -> String {
    let Verdict {
        events,
        streams,
        size,
        checkpoints,
        damages,
        ..
    } = verdict;
    let first = verdict.damaged.first().map(first_words);
    match (whole, first) {
        (true, _) => format!(
            "WHOLE: {events} events of {streams} streams, {size} in the log; it continues {checkpoints} kept \
             checkpoints, and the read models say what the events say."
        ),
        (false, Some(first)) => format!("DAMAGED in {damages} places; first: {first}"),
        (false, None) => format!(
            "DAMAGED: the events are whole, the read models are not what they say in {} places.",
            read_models.found
        ),
    }
}

fn first_words(damaged: &Damaged) -> String {
    let number = |name: &str, number: Option<u64>| {
        number.map_or_else(String::new, |number| format!(", {name} {number}"))
    };
    format!(
        "{}{}{}: {}: {}",
        printable(damaged.stream.as_deref().unwrap_or("the log")),
        number("sequence", damaged.sequence),
        number("position", damaged.position),
        damaged.kind,
        printable(&damaged.what)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_shown_and_not_obeyed_by_the_terminal() {
        let words = gap_words(&Gap {
            epoch: 2,
            at: "2026-01-31T12:00:00Z".parse().unwrap(),
            size: 4,
            lost_size: 5,
            reason: "\u{1b}[1A\u{1b}[2Klost\nWHOLE: \u{9b}31m".to_owned(),
        });
        let line = words.strip_suffix('\n').unwrap();
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}
