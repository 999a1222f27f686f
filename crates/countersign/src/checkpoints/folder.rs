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

/// Every checkpoint in a folder and all below it, or in one file. A folder that does not exist has
/// none.
pub(crate) fn read_all(path: &Path) -> Result<Vec<Kept>, Failure> {
    let files = files(path).map_err(|error| unreadable(path, &error))?;
    files.iter().map(|file| read(file)).collect()
}

/// The newest of a log, of those that are named as they are kept.
pub(super) fn read_last(folder: &Path) -> Result<Option<Kept>, Failure> {
    let files = files(folder).map_err(|error| unreadable(folder, &error))?;
    let named = files.iter().filter_map(|file| Some((order(file)?, file)));
    let last = named.max_by_key(|(order, _)| *order);
    last.map(|(_, file)| read(file)).transpose()
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

fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(metadata) if metadata.is_dir() => {
            for entry in fs::read_dir(path)? {
                found.extend(files(&entry?.path())?);
            }
        }
        Ok(_) if path.extension().is_some_and(|ending| ending == "new") => {}
        Ok(_) => found.push(path.to_owned()),
    }
    found.sort();
    Ok(found)
}

fn read(file: &Path) -> Result<Kept, Failure> {
    let text = || {
        let mut bytes = Vec::new();
        File::open(file)?.take(SIZE_MAX).read_to_end(&mut bytes)?;
        // What is no text is no checkpoint either, and whoever verifies it tells.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    Ok(Kept {
        source: file.display().to_string(),
        note: text().map_err(|error| unreadable(file, &error))?,
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!(
        "checkpoints cannot be read from {}: {error}",
        path.display()
    ))
}
