//! Checkpoints that were kept, as many as there are: verified one by one, and of each is held only what
//! it is compared by.

use std::collections::BTreeMap;
use std::sync::Arc;

use credentials::Keyring;
use proofs::Hash;
use proofs::checkpoint::{Checkpoint, Origin, Verifier, VerifierKeys};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Damage, Damaged, Verdict, part, readable};
use crate::{Error, Store};

/// How many that are none are told one by one.
const TOLD: usize = 100;

/// A checkpoint that somebody kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Such as a folder; many may be kept at one place.
    pub place: String,
    /// There.
    pub name: String,
    pub note: String,
}

/// What a checkpoint that a key of the log has signed is compared by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) size: u64,
    pub(crate) root: Hash,
    pub(crate) epoch: u32,
    place: u32,
    /// Whether the log had this root at this size; known once its tree has grown that far.
    pub(super) agrees: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Source {
    Folder(String),
    File(String),
}

/// Checkpoints by the logs that they are of.
#[derive(Debug)]
pub struct KeptCheckpoints {
    keyring: Arc<Keyring>,
    /// Folders, and files that are named otherwise than they are kept.
    places: Vec<Source>,
    marks: BTreeMap<Uuid, Vec<Mark>>,
    /// What is no checkpoint, and why: the first of them, and how many.
    faults: Vec<(String, String)>,
    faulty: u64,
}

/// Reads under the keys of one log, which most that are read one after the other are of.
struct Reader<'k> {
    keyring: &'k Keyring,
    ready: Option<(Uuid, Verifier)>,
}

impl Reader<'_> {
    fn read(&mut self, note: &str) -> Result<Checkpoint, String> {
        let log = Checkpoint::read(note)
            .map_err(|error| error.to_string())?
            .origin
            .log;
        let ready = self.ready.take().filter(|(of, _)| *of == log);
        let (_, verifier) = match ready {
            Some(ready) => self.ready.insert(ready),
            None => self.ready.insert((log, verifier_of(self.keyring, log)?)),
        };
        verifier.verify(note).map_err(|error| error.to_string())
    }
}

fn verifier_of(keyring: &Keyring, log: Uuid) -> Result<Verifier, String> {
    let keys = keyring
        .log_verifier_keys(&Origin::key_name(log))
        .map_err(|error| error.to_string())?;
    let keys = VerifierKeys::parse(keys.iter().map(String::as_str));
    Ok(keys.map_err(|error| error.to_string())?.verifier())
}

impl Store {
    /// Reads what was kept, one after the other.
    pub fn kept_checkpoints<E>(
        &self,
        kept: impl Iterator<Item = Result<Kept, E>>,
    ) -> Result<KeptCheckpoints, E> {
        let mut checkpoints = KeptCheckpoints::none(Arc::clone(&self.log_keyring));
        checkpoints.add(kept.map(|kept| Ok((kept?, None))))?;
        Ok(checkpoints)
    }

    pub(super) fn no_checkpoints(&self) -> KeptCheckpoints {
        KeptCheckpoints::none(Arc::clone(&self.log_keyring))
    }
}

impl KeptCheckpoints {
    fn none(keyring: Arc<Keyring>) -> Self {
        Self {
            keyring,
            places: Vec::new(),
            marks: BTreeMap::new(),
            faults: Vec::new(),
            faulty: 0,
        }
    }

    /// Each with the epoch and size that it has to be of, if there are such.
    fn add<E>(
        &mut self,
        kept: impl Iterator<Item = Result<(Kept, Option<Place>), E>>,
    ) -> Result<(), E> {
        let keyring = Arc::clone(&self.keyring);
        let mut reader = Reader {
            keyring: &keyring,
            ready: None,
        };
        for kept in kept {
            let (kept, place) = kept?;
            match reader.read(&kept.note) {
                Ok(signed) if place.is_none_or(|place| place == place_of(&signed)) => {
                    self.mark(kept, &signed);
                }
                Ok(signed) => {
                    let (epoch, size) = place_of(&signed);
                    let what = format!("it is that of epoch {epoch}, size {size}");
                    self.fault(&kept, what);
                }
                Err(what) => self.fault(&kept, what),
            }
        }
        Ok(())
    }

    fn mark(&mut self, kept: Kept, signed: &Checkpoint) {
        let (epoch, size) = (signed.origin.epoch, signed.size);
        let source = if kept.name == Kept::name_of(epoch, size) {
            Source::Folder(kept.place)
        } else {
            Source::File(kept.source())
        };
        if self.places.last() != Some(&source) {
            self.places.push(source);
        }
        let mark = Mark {
            size,
            root: signed.root,
            epoch,
            place: u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX),
            agrees: false,
        };
        self.marks.entry(signed.origin.log).or_default().push(mark);
    }

    fn fault(&mut self, kept: &Kept, what: String) {
        self.faulty += 1;
        if self.faults.len() < TOLD {
            self.faults.push((kept.source(), what));
        }
    }

    /// Those of a log, by their sizes.
    pub(crate) fn take(&mut self, log: Uuid) -> Vec<Mark> {
        let mut marks = self.marks.remove(&log).unwrap_or_default();
        marks.sort_unstable_by_key(|mark| (mark.size, mark.epoch, mark.place));
        marks
    }

    /// Where those are that no key of the log has signed that was taken; of another log, the first.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = String> {
        let others = self.marks.values().filter_map(|marks| marks.first());
        let others = others.map(|first| self.source(first));
        let told = self.faults.iter().map(|(source, _)| source.clone());
        let rest = self.faulty.saturating_sub(self.faults.len() as u64);
        let rest = (rest > 0).then(|| format!("one of {rest} more"));
        told.chain(others).chain(rest)
    }

    pub(super) fn source(&self, mark: &Mark) -> String {
        let place = usize::try_from(mark.place).ok();
        match place.and_then(|place| self.places.get(place)) {
            Some(Source::Folder(folder)) => {
                format!("{folder}/{}", Kept::name_of(mark.epoch, mark.size))
            }
            Some(Source::File(file)) => file.clone(),
            None => Kept::name_of(mark.epoch, mark.size),
        }
    }

    /// Tells of those that are none, and of those that are of another log.
    pub(super) fn tell(&self, verdict: &mut Verdict) {
        let mut add = |what| verdict.add(Damaged::of_log(Damage::Checkpoint, None, what));
        for (source, what) in &self.faults {
            add(format!("{source}: {what}"));
        }
        for (log, marks) in &self.marks {
            let first = marks.first().map(|first| self.source(first));
            let (first, count) = (first.unwrap_or_default(), marks.len());
            add(format!(
                "{first}: it is of the log {log}, as are {count} in all"
            ));
        }
        let told = self.faults.len() as u64;
        verdict.damages += self.faulty.saturating_sub(told);
    }

    /// Adds those that the database itself remembers, a page at a time.
    pub(super) async fn add_stored(
        &mut self,
        snapshot: &mut PgConnection,
        verdict: &mut Verdict,
    ) -> Result<(), Error> {
        part(snapshot).await?;
        let read = self.read_stored(snapshot).await;
        let place = Damaged::of_log(Damage::Unreadable, None, "the table of checkpoints");
        readable(read, place, snapshot, verdict).await?;
        Ok(())
    }

    async fn read_stored(&mut self, snapshot: &mut PgConnection) -> Result<(), Error> {
        let mut after: Option<Place> = None;
        loop {
            let (epoch, size) = after.unzip();
            let rows = sqlx::query_as::<_, Row>(STORED)
                .bind(epoch)
                .bind(size)
                .fetch_all(&mut *snapshot)
                .await?;
            let Some((epoch, size, _)) = rows.last() else {
                return Ok(());
            };
            after = Some((*epoch, *size));
            self.add(rows.into_iter().map(|row| Ok::<_, Error>(stored(row))))?;
        }
    }
}

impl Kept {
    /// As it is named where it is kept.
    pub fn name_of(epoch: u32, size: u64) -> String {
        format!("{epoch}-{size:012}")
    }

    pub fn source(&self) -> String {
        format!("{}/{}", self.place, self.name)
    }
}

/// Epoch and size, as the database's own row has them.
type Place = (i32, i64);

type Row = (i32, i64, Option<String>);

const STORED: &str = "
    SELECT epoch, size, note FROM checkpoints
    WHERE $1::integer IS NULL OR (epoch, size) > ($1, $2)
    ORDER BY epoch, size LIMIT 1000";

fn place_of(checkpoint: &Checkpoint) -> Place {
    (
        checkpoint.origin.epoch.cast_signed(),
        checkpoint.size.cast_signed(),
    )
}

fn stored((epoch, size, note): Row) -> (Kept, Option<Place>) {
    let kept = Kept {
        place: "the database's own checkpoints".to_owned(),
        name: Kept::name_of(epoch.cast_unsigned(), size.cast_unsigned()),
        note: note.unwrap_or_default(),
    };
    (kept, Some((epoch, size)))
}
