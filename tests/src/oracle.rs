//! Programs that are not ours. A test that needs one and does not find it fails.

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
