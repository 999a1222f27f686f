//! Checkpoints in a folder, each a file that is never changed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use store::Kept;

use crate::failure::Failure;

/// No checkpoint is larger.
const SIZE_MAX: u64 = 64 * 1024;

/// Writes a file that is whole once it has its name. One that is there already is left as it is.
pub(super) fn keep(folder: &Path, path: &Path, note: &str) -> io::Result<()> {
    let target = folder.join(path);
    let parent = target.parent().unwrap_or(folder);
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(parent)?;
    if target.exists() {
        return Ok(());
    }
    let unfinished = target.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(&unfinished)?;
    file.write_all(note.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, &target)?;
    File::open(parent)?.sync_all()
}

/// Every checkpoint in a folder and all below it, or in one file, one after the other. A folder that
/// does not exist has none.
pub(crate) fn read_all(path: &Path) -> impl Iterator<Item = Result<Kept, Failure>> {
    Files::below(path).map(|file| read(&file?))
}

/// The newest of a log, of those that are named as they are kept.
pub(super) fn read_last(folder: &Path) -> Result<Option<Kept>, Failure> {
    let mut last = None;
    for file in Files::below(folder) {
        let file = file?;
        last = last.max(order(&file).map(|order| (order, file)));
    }
    last.map(|(_, file)| read(&file)).transpose()
}

/// The newest of each log of which there are any.
pub(super) fn read_last_of_each(folder: &Path) -> Result<Vec<Kept>, Failure> {
    let logs = || match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
    };
    let logs = logs().map_err(|error| unreadable(folder, &error))?;
    let last = logs.iter().map(|log| read_last(log));
    last.filter_map(Result::transpose).collect()
}

/// Epoch and size, as the name of the file tells.
fn order(file: &Path) -> Option<(u32, u64)> {
    let (epoch, size) = file.file_name()?.to_str()?.split_once('-')?;
    Some((epoch.parse().ok()?, size.parse().ok()?))
}

/// Files in the order of their names, of which one folder's are held at a time.
struct Files {
    /// The next comes last.
    waiting: Vec<PathBuf>,
}

impl Files {
    fn below(path: &Path) -> Self {
        let waiting = vec![path.to_owned()];
        Self { waiting }
    }

    /// None: it is gone, or it is a folder, whose entries are the next.
    fn file(&mut self, path: PathBuf) -> io::Result<Option<PathBuf>> {
        match fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(metadata) if metadata.is_dir() => {
                let entries = fs::read_dir(&path)?.map(|entry| Ok(entry?.path()));
                let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
                entries.sort_unstable_by(|one, other| other.cmp(one));
                self.waiting.extend(entries);
                Ok(None)
            }
            Ok(_) if path.extension().is_some_and(|ending| ending == "new") => Ok(None),
            Ok(_) => Ok(Some(path)),
        }
    }
}

impl Iterator for Files {
    type Item = Result<PathBuf, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(path) = self.waiting.pop() {
            let file = self.file(path.clone());
            if let Some(file) = file.transpose() {
                return Some(file.map_err(|error| unreadable(&path, &error)));
            }
        }
        None
    }
}

fn read(file: &Path) -> Result<Kept, Failure> {
    let text = || {
        let mut bytes = Vec::new();
        File::open(file)?.take(SIZE_MAX).read_to_end(&mut bytes)?;
        // What is no text is no checkpoint either, and whoever verifies it tells.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let name = file.file_name().map(|name| name.to_string_lossy());
    let place = file.parent().map(|place| place.display().to_string());
    Ok(Kept {
        place: place.unwrap_or_default(),
        name: name.unwrap_or_default().into_owned(),
        note: text().map_err(|error| unreadable(file, &error))?,
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!(
        "checkpoints cannot be read from {}: {error}",
        path.display()
    ))
}
