//! The build for AVX-512 beside the program.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use acceptance::program;

/// What Linux says of this machine's processor.
fn has_avx512() -> bool {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    let flags = told.lines().find(|line| line.starts_with("flags"));
    ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]
        .iter()
        .all(|flag| flags.is_some_and(|flags| flags.split_whitespace().any(|had| had == *flag)))
}

fn write_program(at: &Path, text: &str) {
    std::fs::write(at, text).unwrap();
    std::fs::set_permissions(at, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// `countersign --version` in a folder with `beside` as the other build.
fn version_with(beside: &str) -> Output {
    let installed = program("countersign");
    let folder = tempfile::tempdir_in(installed.parent().unwrap()).unwrap();
    let here = folder.path().join("countersign");
    std::fs::hard_link(&installed, &here).unwrap();
    write_program(&folder.path().join("countersign-x86-64-v4"), beside);
    Command::new(&here).arg("--version").output().unwrap()
}

#[test]
fn the_build_for_avx_512_takes_over_with_the_same_arguments_where_the_processor_has_it() {
    let output = version_with("#!/bin/sh\necho taken over: \"$@\"\n");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    if has_avx512() {
        assert_eq!(said, "taken over: --version\n");
    } else {
        assert!(said.starts_with("countersign "), "{said}");
    }
    assert!(output.stderr.is_empty());
}

#[test]
fn a_build_that_cannot_be_started_is_told_and_does_without() {
    let output = version_with("#!/nowhere/to/be/found\n");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("countersign "), "{said}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told.contains("cannot be started"), has_avx512(), "{told}");
}
