//! Programs that are not ours. A test that needs one and does not find it fails.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use chrono::{DateTime, Utc};

/// The code of an authenticator at an instant, by `oathtool`.
pub fn oathtool(base32: &str, at: DateTime<Utc>) -> String {
    let now = at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    output(
        "oathtool",
        Command::new("oathtool").args(["--totp", "--base32", "--now", &now, base32]),
    )
    .trim()
    .to_owned()
}

/// What a QR code in a picture file says, by `zbarimg`.
pub fn zbarimg(picture: &Path) -> String {
    output(
        "zbar-tools",
        Command::new("zbarimg")
            .args(["--quiet", "--raw", "--nodbus"])
            .arg(picture),
    )
    .trim()
    .to_owned()
}

/// An SVG drawn as PNG, by `rsvg-convert`.
pub fn rsvg_convert(svg: &str, to: &Path) {
    let mut child = Command::new("rsvg-convert")
        .args(["--width", "400", "--background-color", "white", "--output"])
        .arg(to)
        .stdin(Stdio::piped())
        .spawn()
        .expect("rsvg-convert is missing: apt-get install librsvg2-bin");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(svg.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success(), "rsvg-convert failed");
}

/// What `docs/verify-bundle.py` says of each proof in a file, one JSON object a line.
pub fn verify_proofs(lines: &Path) -> Vec<String> {
    const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/verify-bundle.py");
    // A first `python3` may belong to a version manager and lack what the system's has.
    let has_package = |python: &&str| {
        let mut command = Command::new(python);
        let found = command.args(["-c", "import cryptography"]).output();
        found.is_ok_and(|found| found.status.success())
    };
    let python = ["python3", "/usr/bin/python3"]
        .into_iter()
        .find(has_package)
        .expect("the script needs cryptography: apt-get install python3-cryptography");
    let output = Command::new(python)
        .args([SCRIPT, "--proofs"])
        .stdin(File::open(lines).unwrap())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{stderr}");
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().map(str::to_owned).collect()
}

fn output(package: &str, command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: apt-get install {package}"));
    assert!(
        status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&stderr)
    );
    String::from_utf8(stdout).unwrap()
}
