//! Both verifiers on one bundle.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use proofs::bundle::{BundleReport, verify};
use proofs::checkpoint::VerifierKeys;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/verify-bundle.py");

/// A Python that has the package that the script needs.
static PYTHON: LazyLock<&str> = LazyLock::new(|| {
    let has_package = |python: &&str| {
        let mut command = Command::new(python);
        let found = command.args(["-c", "import cryptography"]).output();
        found.is_ok_and(|found| found.status.success())
    };
    ["/usr/bin/python3", "python3"]
        .into_iter()
        .find(has_package)
        .expect("the script needs cryptography: apt-get install python3-cryptography")
});

pub(crate) fn script() -> Command {
    let mut command = Command::new(*PYTHON);
    command.arg(SCRIPT);
    command
}

/// What it says when `input` is given to it.
pub(crate) fn fed(command: &mut Command, input: &[u8]) -> Output {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// Which of these bundles the script takes for proved.
pub(crate) fn verdicts(bundles: &[Vec<u8>], own: &[String]) -> Vec<bool> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = script();
    for key in own {
        command.args(["--key", key]);
    }
    for (n, bundle) in bundles.iter().enumerate() {
        let path = folder.path().join(n.to_string());
        std::fs::write(&path, bundle).unwrap();
        command.arg(path);
    }
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let (said, complaint) = (
        String::from_utf8(stdout).unwrap(),
        String::from_utf8_lossy(&stderr).into_owned(),
    );
    let proved: Vec<_> = said
        .lines()
        .map(|line| !line.contains("NOT PROVED"))
        .collect();
    assert_eq!(proved.len(), bundles.len(), "{said}{complaint}");
    let all = proved.iter().all(|proved| *proved);
    assert_eq!(status.code(), Some(i32::from(!all)), "{said}{complaint}");
    proved
}

fn ours(bundle: &[u8], own: &[String]) -> Result<BundleReport, String> {
    let keys = VerifierKeys::parse(own.iter().map(String::as_str)).unwrap();
    let own = (!own.is_empty()).then_some(&keys);
    verify(bundle, own, |_| {}).map_err(|error| error.to_string())
}

/// By both verifiers.
#[track_caller]
pub(crate) fn proved(bundle: &[u8], own: &[String]) -> BundleReport {
    let report = ours(bundle, own).unwrap();
    assert_eq!(verdicts(&[bundle.to_vec()], own), [true], "the script");
    report
}

/// By both verifiers; ours in words that begin so.
#[track_caller]
pub(crate) fn refused(bundle: &[u8], own: &[String], words: &str) {
    all_refused(&[(bundle.to_vec(), words.to_owned())], own);
}

/// As [`refused`], many at once.
#[track_caller]
pub(crate) fn all_refused(cases: &[(Vec<u8>, String)], own: &[String]) {
    for (n, (bundle, words)) in cases.iter().enumerate() {
        let Err(why) = ours(bundle, own) else {
            panic!("case {n} was taken for proved, not refused with {words:?}");
        };
        assert!(why.starts_with(words), "case {n}: {why:?}, not {words:?}");
    }
    let bundles: Vec<_> = cases.iter().map(|(bundle, _)| bundle.clone()).collect();
    assert_eq!(
        verdicts(&bundles, own),
        vec![false; cases.len()],
        "the script"
    );
}

/// Of the script.
pub(crate) fn exit_code(arguments: &[&str], input: &[u8]) -> Option<i32> {
    fed(script().args(arguments), input).status.code()
}
