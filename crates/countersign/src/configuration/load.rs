//! Reads what the process was given; everything else in this module works on the result.

use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::setting::Earlier;
use super::variables::{CONFIG, concerns_us};
use super::{Configuration, ConfigurationError, Facts, Layer, SourceFile, Sources, resolve};

const FILE: &str = "countersign.toml";

/// The settings of this process; `file` is what `--config` named.
pub fn load(
    flags: Layer,
    file: Option<&Path>,
    environment: Layer,
) -> Result<Configuration, ConfigurationError> {
    let file = read_file(file, &environment).map_err(|problem| ConfigurationError {
        problems: vec![problem],
    })?;
    let sources = Sources {
        flags,
        environment,
        file,
    };
    resolve(&sources, facts())
}

/// The variables of this process that concern the program.
pub fn environment() -> Result<Layer, ConfigurationError> {
    let mut environment = Layer::default();
    let mut problems = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| concerns_us(name)) else {
            continue;
        };
        match value.into_string() {
            Ok(value) => {
                environment.insert(name, value);
            }
            Err(_) => problems.push(format!("{name} is not UTF-8 text: set it anew")),
        }
    }
    if problems.is_empty() {
        Ok(environment)
    } else {
        Err(ConfigurationError { problems })
    }
}

fn facts() -> Facts {
    Facts {
        is_root: rustix::process::geteuid().is_root(),
        cores: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
    }
}

/// Only a file that somebody named must exist.
fn read_file(flag: Option<&Path>, environment: &Layer) -> Result<Option<SourceFile>, String> {
    let variable = environment.get(CONFIG).filter(|path| !path.is_empty());
    let named = flag.map(PathBuf::from).or(variable.map(PathBuf::from));
    let is_named = named.is_some();
    let path = named.unwrap_or_else(|| PathBuf::from(FILE));
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(SourceFile { path, text })),
        Err(error) if error.kind() == ErrorKind::NotFound && !is_named => Ok(None),
        Err(error) => Err(format!(
            "the configuration file {} cannot be read ({error}): correct --config or {CONFIG}, \
             or the file's permissions",
            path.display()
        )),
    }
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("write a path".to_owned());
    }
    Ok(PathBuf::from(text))
}

pub(super) fn optional_path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}

pub(super) fn data_dir(_: &Earlier, facts: Facts) -> String {
    let path = if facts.is_root {
        "/var/lib/countersign"
    } else {
        "./data"
    };
    path.to_owned()
}

pub(super) fn master_key_file(earlier: &Earlier, _: Facts) -> String {
    in_data_dir(earlier, "master.key")
}

pub(super) fn checkpoint_dir(earlier: &Earlier, _: Facts) -> String {
    in_data_dir(earlier, "checkpoints")
}

fn in_data_dir(earlier: &Earlier, name: &str) -> String {
    let data_dir = earlier.get("data_dir").map_or("", String::as_str);
    Path::new(data_dir).join(name).display().to_string()
}

pub(super) fn cores(_: &Earlier, facts: Facts) -> String {
    facts.cores.to_string()
}
