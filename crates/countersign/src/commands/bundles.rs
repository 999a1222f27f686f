//! `countersign audit export` and `audit verify-bundle`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use account::AccountId;
use futures::TryStreamExt;
use proofs::bundle::{About, BundleReport, Writer};
use proofs::checkpoint::VerifierKeys;
use serde_json::json;
use service::{Export, Exported, Service};
use store::Sequencer;

use super::failed;
use crate::failure::Failure;
use crate::output::Output;

/// How long a running server may take to log what was appended.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn export(
    service: &Service,
    sequencer: &Sequencer,
    exported: Exported,
    to: Option<&Path>,
    output: Output,
) -> Result<(), Failure> {
    if to.is_none() && io::stdout().is_terminal() {
        return Err(Failure::Usage(
            "a bundle is a tar archive: name a file with --output, or send standard output to one"
                .to_owned(),
        ));
    }
    let leads = sequencer
        .catch_up()
        .await
        .map_err(|error| Failure::because(&error))?;
    if let (Exported::Account(account), false) = (exported, leads) {
        until_logged(service, account).await?;
    }
    let export = service
        .export(exported)
        .await
        .map_err(|error| match error {
            service::Error::NotFound => Failure::Failed("the log has no event of it".to_owned()),
            other => failed(other),
        })?;
    let events = match to {
        Some(path) => {
            let unfinished = Unfinished::create(path)?;
            let events = write(service, &export, BufWriter::new(&unfinished.file)).await?;
            unfinished.finish()?;
            events
        }
        None => write(service, &export, BufWriter::new(io::stdout().lock())).await?,
    };
    let value = json!({
        "file": to, "events": events, "checkpoint": export.cover.checkpoint,
        "keys": export.cover.keys.iter().collect::<Vec<_>>(),
    });
    let Some(path) = to else {
        output.note(format_args!("{events} events"));
        return Ok(());
    };
    let people = format!(
        "{events} events are in {}. Check them with: countersign audit verify-bundle {}",
        path.display(),
        path.display()
    );
    output.result(&value, people)
}

/// Waits for the server that gives positions.
async fn until_logged(service: &Service, account: AccountId) -> Result<(), Failure> {
    let began = Instant::now();
    while !service.is_logged(account).await.map_err(failed)? {
        if began.elapsed() > PATIENCE {
            return Err(Failure::Failed(
                "the last events have no place in the log yet: look at the server's log".to_owned(),
            ));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn write(service: &Service, export: &Export, to: impl Write) -> Result<u64, Failure> {
    let unwritable = |error: io::Error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Failure::Failed(format!("the bundle cannot be written: {error}")),
    };
    let mut bundle = Writer::begin(to, &export.cover).map_err(unwritable)?;
    let mut events = 0;
    let mut lines = std::pin::pin!(service.exported_lines(export));
    while let Some(chunk) = lines.try_next().await.map_err(failed)? {
        for line in &chunk {
            bundle.event(line).map_err(unwritable)?;
        }
        events += chunk.len() as u64;
    }
    bundle
        .finish()
        .and_then(|mut to| to.flush())
        .map_err(unwritable)?;
    Ok(events)
}

/// A file that has its name only once it is whole, and holds what is personal: nobody else reads it,
/// and nothing of it stays if it does not become whole.
struct Unfinished {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Unfinished {
    fn create(target: &Path) -> Result<Self, Failure> {
        let mut name = target.as_os_str().to_owned();
        name.push(".unfinished");
        let path = PathBuf::from(name);
        // What stands there may be somebody else's, a link, or read by others.
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let file = file.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::Failed(format!(
                "{} is there already: another export writes it, or was cut off; then remove it",
                path.display()
            )),
            _ => unwritable(&path, &error),
        })?;
        let target = target.to_owned();
        Ok(Self { file, path, target })
    }

    fn finish(self) -> Result<(), Failure> {
        let done = self.file.sync_all();
        let done = done.and_then(|()| std::fs::rename(&self.path, &self.target));
        done.map_err(|error| unwritable(&self.target, &error))
    }
}

impl Drop for Unfinished {
    /// Finished, it has another name.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("{} cannot be written: {error}", path.display()))
}

/// Needs no database and no configuration.
pub(crate) fn verify(file: &Path, keys: &[String], output: Output) -> Result<(), Failure> {
    let own = match keys {
        [] => None,
        keys => Some(
            VerifierKeys::parse(keys.iter().map(String::as_str))
                .map_err(|error| Failure::Usage(error.to_string()))?,
        ),
    };
    let bundle = File::open(file)
        .map_err(|error| Failure::Failed(format!("{} cannot be read: {error}", file.display())))?;
    match proofs::bundle::verify(BufReader::new(bundle), own.as_ref(), |_| {}) {
        Ok(report) => output.result(&machine(&report), people(&report)),
        Err(error) => {
            let failure = Failure::because(&error);
            output.result(
                &json!({ "verdict": "refused", "what": failure.to_string() }),
                format!("REFUSED: {failure}"),
            )?;
            Err(Failure::Failed(
                "the bundle does not prove what it says".to_owned(),
            ))
        }
    }
}

fn machine(report: &BundleReport) -> serde_json::Value {
    json!({
        "verdict": "verified",
        "about": report.about,
        "events": report.events,
        "streams": report.streams,
        "revealed": report.revealed,
        "concealed": report.concealed,
        "checkpoint": {
            "origin": report.checkpoint.origin.to_string(),
            "size": report.checkpoint.size,
            "root": data_encoding::HEXLOWER.encode(&report.checkpoint.root),
        },
        "keys": report.keys,
        "own_keys": report.own_keys,
    })
}

fn people(report: &BundleReport) -> String {
    let BundleReport {
        events,
        revealed,
        concealed,
        checkpoint,
        ..
    } = report;
    let whole = match &report.about {
        About::Log => format!(
            "the whole log of {} events, {} streams",
            events, report.streams
        ),
        About::Stream { stream } => format!(
            "{events} events of {stream}, unchanged and without a gap; the operator has signed that \
             nothing follows"
        ),
    };
    let keys = if report.own_keys {
        "Checked against your own keys.".to_owned()
    } else {
        format!(
            "Checked against the keys in the bundle itself. Compare them with those that you were \
             given, or pass yours with --key:\n{}",
            report.keys.join("\n")
        )
    };
    format!(
        "VERIFIED: {whole}.\nAs of the checkpoint {} of size {}. Personal values shown and proved: \
         {revealed}; not shown: {concealed}.\n{keys}",
        checkpoint.origin, checkpoint.size
    )
}
