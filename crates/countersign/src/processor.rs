//! A build of this program for newer processors. Most of the work is hashing, and with AVX-512 the
//! same crate computes more hashes; a program built for it dies of its first instruction elsewhere.
//! So it lies beside the one that runs everywhere, which looks at the processor and hands over.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::output::Output;

/// After this program's own name: the level of the x86-64 psABI that has AVX-512.
const LEVEL: &str = "-x86-64-v4";

/// Goes on as the build for this processor. Returns where there is none beside this program, or
/// where it cannot be started.
pub fn hand_over() {
    let Some(build) = std::env::current_exe()
        .ok()
        .and_then(|here| better_build(&here, is_of_level()))
    else {
        return;
    };
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let failed = Command::new(&build).arg0(name).args(arguments).exec();
    let told = format_args!(
        "countersign: warning: {} cannot be started: {failed}",
        build.display()
    );
    Output { json: false }.note(told);
}

fn better_build(here: &Path, is_of_level: bool) -> Option<PathBuf> {
    let name = here.file_name()?.to_str()?;
    if !is_of_level || name.ends_with(LEVEL) {
        return None;
    }
    let build = here.with_file_name(OsString::from(format!("{name}{LEVEL}")));
    build.is_file().then_some(build)
}

#[cfg(target_arch = "x86_64")]
fn is_of_level() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
}

#[cfg(not(target_arch = "x86_64"))]
const fn is_of_level() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_handed_over_to_where_it_lies_beside_and_the_processor_can_run_it() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().join("countersign");
        let build = folder.path().join("countersign-x86-64-v4");
        assert_eq!(better_build(&here, true), None, "there is none");
        std::fs::write(&build, "").unwrap();
        assert_eq!(better_build(&here, true).as_ref(), Some(&build));
        assert_eq!(better_build(&here, false), None, "it could not run");
        assert_eq!(better_build(&build, true), None, "it is the one");
    }
}
