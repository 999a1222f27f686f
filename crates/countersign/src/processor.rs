//! A build of this program for newer processors. Most of the work is hashing, and with AVX-512 the
//! same crate computes more hashes; a program built for it dies of its first instruction elsewhere.
//! So it lies beside the one that runs everywhere, which looks at the processor and hands over.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;

/// What `scripts/build` names both programs of one build by. A program of another build that was
/// left there is not gone on with, and one that was built by hand hands nothing over.
const BUILD: Option<&str> = option_env!("COUNTERSIGN_BUILD");

/// Goes on as the build for this processor, if there is one beside this program. An error if it
/// cannot be started: what std leaves of the process after that is not fit to serve.
pub(crate) fn hand_over() -> Result<(), Failure> {
    let build = BUILD.filter(|_| !cfg!(target_feature = "avx512f") && has_avx512());
    let here = std::env::current_exe().ok();
    let better = here
        .zip(build)
        .and_then(|(here, build)| better_program(&here, build));
    let Some(program) = better else {
        return Ok(());
    };
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let error = Command::new(&program).arg0(name).args(arguments).exec();
    let text = format!("{} cannot be started: {error}", program.display());
    Err(Failure::Failed(text))
}

fn better_program(here: &Path, build: &str) -> Option<PathBuf> {
    let name = here.file_name()?.to_str()?;
    let program = here.with_file_name(format!("{name}-x86-64-v4-{build}"));
    let is_another = program.canonicalize().ok()? != here.canonicalize().ok()?;
    is_another.then_some(program)
}

/// What programs for the level x86-64-v4 of the psABI are made of.
#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("f16c")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("movbe")
        && is_x86_feature_detected!("popcnt")
}

#[cfg(not(target_arch = "x86_64"))]
const fn has_avx512() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_the_same_build_is_gone_on_with_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().join("countersign");
        std::fs::write(&here, "").unwrap();
        assert_eq!(better_program(&here, "7"), None, "there is none");
        let program = folder.path().join("countersign-x86-64-v4-7");
        std::fs::write(&program, "").unwrap();
        assert_eq!(better_program(&here, "7"), Some(program));
        assert_eq!(better_program(&here, "8"), None, "an old one");
        let itself = folder.path().join("countersign-x86-64-v4-9");
        std::os::unix::fs::symlink(&here, itself).unwrap();
        assert_eq!(better_program(&here, "9"), None, "it is the same");
    }

    #[test]
    fn what_was_built_by_hand_hands_nothing_over() {
        assert!(BUILD.is_none());
        hand_over().unwrap();
    }
}
