//! `countersign keys`: a new key, a further one while servers run, and what is under which.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use credentials::{KeyId, MasterKeys, SystemRandom};
use serde_json::{Value, json};
use store::{Ends, KeyUse, Rekeyed, check_keys};

use crate::assembly::Assembly;
use crate::cli::{KeysCommand, Rotate};
use crate::configuration::Configuration;
use crate::failure::Failure;
use crate::key_follower::TAKEN_UP;
use crate::keys::{self, Lock};
use crate::output::Output;

/// How often rows are gone over that commands held or wrote meanwhile, and how long between.
const PASSES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// Renewed rows between two lines that tell of them.
const STRIDE: u64 = 10_000;

fn failed(error: impl std::error::Error) -> Failure {
    Failure::because(&error)
}

pub(crate) fn generate(path: &Path, output: Output) -> Result<(), Failure> {
    keys::generate(path, &SystemRandom).map_err(failed)?;
    let path = path.display().to_string();
    let people = format!("A new master key is in {path}. Keep a copy in a safe place.");
    output.result(&json!({ "master_key_file": path }), people)
}

/// A key that is read with and not yet written with.
pub(crate) fn add_standby(path: &Path, output: Output) -> Result<(), Failure> {
    let lock = keys::lock(path).map_err(failed)?;
    let keys = keys::read(path).map_err(failed)?;
    let keys = keys.with_standby(&SystemRandom).map_err(failed)?;
    keys::replace(path, &keys, &lock).map_err(failed)?;
    let id = keys.standby().map(|id| id.0);
    let people = format!(
        "Key {} is on standby in {}. Copy the file to every machine; when it is everywhere, run \
         `countersign keys rotate` on this one, and copy it once more.",
        id.unwrap_or_default(),
        path.display()
    );
    output.result(&json!({ "status": "standby", "key": id }), people)
}

/// A key that signs the log beside the one before it, so that neither servers nor auditors have to
/// know it first.
pub(crate) fn rotate_log(path: Option<&Path>, output: Output) -> Result<(), Failure> {
    let path = path.ok_or_else(|| {
        Failure::Usage(
            "COUNTERSIGN_LOG_KEY_FILE names no file: what signs the log is derived from the master \
             key, and changes with `countersign keys rotate`"
                .to_owned(),
        )
    })?;
    let lock = keys::lock(path).map_err(failed)?;
    let mut keys = keys::read(path).map_err(failed)?;
    if keys.standby().is_none() {
        keys = keys.with_standby(&SystemRandom).map_err(failed)?;
    }
    let keys = keys.promoted();
    keys::replace(path, &keys, &lock).map_err(failed)?;
    let id = keys.current();
    let people = format!(
        "Key {id} of {} signs the next checkpoint, and the key before it too. Keep a new copy of the \
         file, put it on every machine before the next rotation, and hand out what `countersign audit \
         keys` prints.",
        path.display()
    );
    output.result(&json!({ "status": "in use", "key": id.0 }), people)
}

/// The commands that need the database, while servers use it or `alone`.
pub(crate) async fn beside(
    command: &KeysCommand,
    configuration: &Configuration,
    (assembly, alone): (&Assembly, bool),
    output: Output,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    match command {
        KeysCommand::Rotate(rotate) => {
            let path = &configuration.master_key_file;
            let rotation = Rotation {
                path,
                lock: keys::lock(path).map_err(failed)?,
                assembly,
                patience: if alone { Duration::ZERO } else { TAKEN_UP },
                output,
            };
            rotation.run(rotate, now).await
        }
        KeysCommand::Status => {
            let keys = keys::read(&configuration.master_key_file).map_err(failed)?;
            status(&keys, assembly, output, now).await
        }
        KeysCommand::Generate { .. } => Ok(()),
    }
}

struct Rotation<'a> {
    path: &'a Path,
    lock: Lock,
    assembly: &'a Assembly,
    /// How long servers are given to take up a change of the file.
    patience: Duration,
    output: Output,
}

impl Rotation<'_> {
    async fn run(&self, rotate: &Rotate, now: DateTime<Utc>) -> Result<(), Failure> {
        let earlier = self.rekey().await?;
        let unfinished = earlier.data_keys > 0;
        if unfinished && !rotate.resume {
            self.output.note(
                "An earlier rotation had not come to its end. It has now; no further key is made.",
            );
        }
        let mut done = earlier.rows;
        if !unfinished && !rotate.resume {
            self.take_into_use().await?;
            done = self.rekey().await?.rows;
        }
        self.report(done, now).await
    }

    /// First every server can read with the new key, then each writes with it.
    async fn take_into_use(&self) -> Result<(), Failure> {
        let mut keys = keys::read(self.path).map_err(failed)?;
        if keys.standby().is_none() {
            keys = keys.with_standby(&SystemRandom).map_err(failed)?;
            keys::replace(self.path, &keys, &self.lock).map_err(failed)?;
        }
        tokio::time::sleep(self.patience).await;
        let keys = keys.promoted();
        keys::replace(self.path, &keys, &self.lock).map_err(failed)?;
        self.output.note(format_args!(
            "Key {} is in use. Keep a new copy of {} in a safe place.",
            keys.current(),
            self.path.display()
        ));
        let (keyring, pool) = (&self.assembly.keyring, &self.assembly.pool);
        keyring.reload();
        check_keys(pool, keyring).await.map_err(failed)?;
        keyring.write_with_newest();
        tokio::time::sleep(self.patience).await;
        Ok(())
    }

    /// Again and again, until no row is left that a command had in hand.
    async fn rekey(&self) -> Result<Pass, Failure> {
        let mut sum = Pass::default();
        for pass in 0..PASSES {
            if pass > 0 {
                tokio::time::sleep(PAUSE.min(self.patience)).await;
            }
            let mut told = 0;
            let mut progress = |table: &'static str, so_far: Rekeyed| {
                if table == "data_keys" {
                    sum.data_keys = sum.data_keys.max(so_far.renewed);
                }
                if so_far.renewed / STRIDE != told {
                    told = so_far.renewed / STRIDE;
                    self.output
                        .note(format_args!("{table}: {} renewed", so_far.renewed));
                }
            };
            let rows = self.assembly.store.rekey(&SystemRandom, &mut progress);
            let rows = rows.await.map_err(failed)?;
            sum.rows = Rekeyed {
                renewed: sum.rows.renewed + rows.renewed,
                ..rows
            };
            if rows.renewed == 0 && rows.passed_over == 0 {
                break;
            }
        }
        Ok(sum)
    }

    async fn report(&self, done: Rekeyed, now: DateTime<Utc>) -> Result<(), Failure> {
        let current = self.assembly.keyring.current();
        let uses = self.assembly.store.key_usage(now).await.map_err(failed)?;
        let older = uses.iter().filter(|using| using.key < current);
        let older = older.map(use_json).collect::<Vec<_>>();
        let people = format!(
            "Key {current} is in use; {} rows were brought under it. Under older keys:\n{}",
            done.renewed,
            table(&older)
        );
        let value = json!({
            "key": current.0, "renewed": done.renewed, "passed_over": done.passed_over,
            "not_ours": done.not_ours, "under_older_keys": older,
        });
        self.output.result(&value, people)?;
        if done.not_ours > 0 {
            return Err(Failure::Failed(format!(
                "{} rows are not what this service wrote and stay as they are: run `countersign \
                 projections check`",
                done.not_ours
            )));
        }
        if done.passed_over > 0 {
            self.output.note(format_args!(
                "{} rows were in use: run `countersign keys rotate --resume`",
                done.passed_over
            ));
        }
        Ok(())
    }
}

#[derive(Default)]
struct Pass {
    rows: Rekeyed,
    /// Those of a rotation that was interrupted; a running server leaves none.
    data_keys: u64,
}

async fn status(
    keys: &MasterKeys,
    assembly: &Assembly,
    output: Output,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let uses = assembly.store.key_usage(now).await.map_err(failed)?;
    let rows = uses.iter().map(use_json).collect::<Vec<_>>();
    let id = |key: Option<KeyId>| key.map(|key| key.0);
    let standby = keys.standby();
    let waiting = standby.map(|key| format!(", key {key} is on standby"));
    let people = format!(
        "Key {} is in use{}.\n{}",
        keys.current(),
        waiting.unwrap_or_default(),
        table(&rows)
    );
    let value = json!({
        "key": keys.current().0, "standby": id(standby), "uses": rows,
    });
    output.result(&value, people)
}

fn use_json(using: &KeyUse) -> Value {
    let (until, latest) = match using.ends {
        Ends::Renewed => ("renewed by keys rotate", None),
        Ends::At(at) => ("its end", Some(at)),
        Ends::Unused(at) => ("a year after its last use", Some(at)),
        Ends::Done => ("sent", None),
        Ends::Never => ("for ever", None),
    };
    let latest = latest.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
    json!({
        "what": using.what, "key": using.key.0, "rows": using.rows, "until": until, "latest": latest,
    })
}

fn table(rows: &[Value]) -> String {
    let columns = ["what", "key", "rows", "until", "latest"];
    let events = "events: each is under the key of its time, for ever";
    super::table(&columns, rows) + events
}
