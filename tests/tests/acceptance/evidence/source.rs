//! What can be read off the source: who depends on whom, and what is nowhere written.

mod sql;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which crates of this workspace each may use: only those below it.
pub(crate) const MAY_USE: [(&str, &[&str]); 12] = [
    ("account", &[]),
    ("embedded-postgres", &[]),
    ("mail", &["account"]),
    ("proofs", &[]),
    ("credentials", &["account"]),
    ("store", &["account", "credentials", "proofs"]),
    (
        "service",
        &["account", "credentials", "mail", "proofs", "store"],
    ),
    ("edge", &["account", "service"]),
    ("api", &["account", "edge", "proofs", "service"]),
    ("web", &["account", "edge", "service"]),
    (
        "countersign",
        &[
            "account",
            "api",
            "credentials",
            "edge",
            "embedded-postgres",
            "mail",
            "proofs",
            "service",
            "store",
            "web",
        ],
    ),
    (
        "bench",
        &["account", "countersign", "credentials", "proofs", "store"],
    ),
];

/// Cryptography, and who may use it beside `credentials`. Proofs are made of public data with
/// SHA-256, and no secret goes into them; the benchmark hashes as its floor.
const CRYPTOGRAPHY: [(&str, &[&str]); 22] = [
    ("aes-gcm", &[]),
    ("argon2", &["bench"]),
    ("aws-lc-rs", &[]),
    ("blake2", &[]),
    ("chacha20poly1305", &[]),
    ("ed25519-dalek", &["proofs"]),
    ("fastrand", &[]),
    ("getrandom", &[]),
    ("hkdf", &[]),
    ("hmac", &[]),
    ("md-5", &[]),
    ("openssl", &[]),
    ("orion", &[]),
    ("pbkdf2", &[]),
    ("rand", &[]),
    ("ring", &[]),
    ("scrypt", &[]),
    ("sha1", &[]),
    ("sha2", &["bench", "proofs"]),
    ("sodiumoxide", &[]),
    ("subtle", &[]),
    ("totp-rs", &["bench"]),
];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_str().unwrap().ends_with(ending) {
            found.push(path);
        }
    }
}

/// The product's Rust, without its tests and its benchmark: path and text.
fn sources() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    files(&root().join("crates"), ".rs", &mut paths);
    let product = paths.into_iter().map(|path| {
        let name = path
            .strip_prefix(root())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap()
            .to_owned();
        (name, text)
    });
    product
        .filter(|(name, _)| name.contains("/src/") && !name.contains("/tests"))
        .filter(|(name, _)| !name.starts_with("crates/bench/"))
        .collect()
}

#[track_caller]
pub(crate) fn assert_nowhere(words: &[&str], but_in: &[&str]) {
    for (name, text) in sources() {
        if but_in.iter().any(|allowed| name.starts_with(allowed)) {
            continue;
        }
        for (number, line) in (1..).zip(text.lines()) {
            let code = line.split("//").next().unwrap();
            let found = words.iter().find(|word| code.contains(**word));
            assert!(found.is_none(), "{name}:{number}: {line}");
        }
    }
}

/// Each product crate's direct dependencies, those of its tests apart.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let product = packages
        .iter()
        .filter(|package| package["name"] != "acceptance");
    product
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            let normal = dependencies.iter().filter(|needed| needed["kind"] != "dev");
            let names = normal.map(|needed| needed["name"].as_str().unwrap().to_owned());
            (
                package["name"].as_str().unwrap().to_owned(),
                names.collect(),
            )
        })
        .collect()
}

#[test]
fn crates_depend_only_on_those_below_them() {
    let dependencies = dependencies();
    let known = MAY_USE.map(|(name, _)| name);
    for (name, needed) in &dependencies {
        let (_, may) = MAY_USE
            .iter()
            .find(|(known, _)| known == name)
            .unwrap_or_else(|| panic!("where does the crate {name} stand?"));
        for needed in needed
            .iter()
            .filter(|needed| known.contains(&needed.as_str()))
        {
            assert!(may.contains(&needed.as_str()), "{name} uses {needed}");
        }
        assert!(!needed.contains("acceptance"), "{name} uses the tests");
    }
    assert_eq!(dependencies.len(), known.len());
}

/// Checks: crypto_only_in_crypto_crate, no_weak_rng, no_pbkdf_use, sha1_only_in_totp_and_breach_index
/// (ASVS-11.1.3, ASVS-6.5.3, ASVS-11.4.1, ASVS-11.4.4, NIST-3.2.12-A).
#[test]
fn crypto_only_in_crypto_crate_no_weak_rng_anywhere() {
    for (name, needed) in dependencies() {
        for (library, others) in CRYPTOGRAPHY {
            let weak = ["fastrand", "md-5", "pbkdf2", "rand", "sha1"].contains(&library);
            let may = others.contains(&name.as_str()) || (name == "credentials" && !weak);
            assert!(may || !needed.contains(library), "{name} uses {library}");
        }
    }
    assert_nowhere(
        &[
            "thread_rng",
            "SmallRng",
            "StdRng",
            "fastrand",
            "rand::",
            "RandomState",
            "Uuid::new_v4",
        ],
        &[],
    );
    assert_nowhere(&["getrandom"], &["crates/credentials/src/random.rs"]);
    assert_nowhere(&["danger_accept", "dangerous()"], &[]);
}

/// Checks: secrets_not_serializable (OWASP-ES-1, ASVS-11.2.4, ASVS-11.7.2).
#[test]
fn secrets_not_serializable_nor_printable_nor_comparable() {
    // Nobody else can implement serde's traits for these types.
    let needed = &dependencies()["credentials"];
    assert!(
        !needed.iter().any(|name| name.starts_with("serde")),
        "{needed:?}"
    );
    let secrets = [
        "DataKey",
        "Keyring",
        "MasterKeys",
        "NewPassword",
        "PasswordHash",
        "PresentedPassword",
        "SecretText",
        "Token",
        "TokenHash",
        "TotpCode",
        "TotpSecret",
    ];
    let sources = sources();
    for secret in secrets {
        let declaration = format!("pub struct {secret}");
        let declares = |text: &str| {
            text.lines().any(|line| {
                line.strip_prefix(&declaration)
                    .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
            })
        };
        let (name, text) = sources
            .iter()
            .find(|(_, text)| declares(text))
            .unwrap_or_else(|| panic!("there is no {secret}"));
        let above = text.split(declaration.as_str()).next().unwrap();
        let derives = above.rsplit("\n\n").next().unwrap();
        let derives = derives.lines().filter(|line| line.starts_with("#[derive("));
        for derived in derives {
            for banned in [
                "Serialize",
                "Debug",
                "PartialEq",
                "Hash",
                "Display",
                "PartialOrd",
            ] {
                assert!(
                    !derived.contains(banned),
                    "{name}: {secret} derives {banned}"
                );
            }
        }
        for banned in ["Serialize", "Display", "PartialEq", "Hash", "ToString"] {
            let implemented = [
                format!("{banned} for {secret} "),
                format!("{banned} for {secret}<"),
            ];
            for (name, text) in &sources {
                let found = implemented
                    .iter()
                    .any(|words| text.contains(words.as_str()));
                assert!(!found, "{name}: {banned} for {secret}");
            }
        }
    }
}

/// Checks: ASVS-1.4.1..3 (memory safety), ASVS-16.5.3 (clippy unwrap_used).
#[test]
fn unsafe_code_panics_and_silenced_lints_are_forbidden_everywhere() {
    let workspace = read("Cargo.toml");
    for lint in [
        "unsafe_code = \"forbid\"",
        "unwrap_used = \"deny\"",
        "expect_used = \"deny\"",
        "panic = \"deny\"",
        "indexing_slicing = \"deny\"",
        "allow_attributes = \"deny\"",
    ] {
        assert!(workspace.contains(lint), "{lint}");
    }
    assert!(workspace.contains("overflow-checks = true"));
    for name in dependencies().keys() {
        let manifest = read(format!("crates/{name}/Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name}");
    }
    assert_nowhere(
        &[
            "unsafe ",
            "#[allow(",
            "#![allow(",
            "todo!(",
            "unimplemented!(",
        ],
        &[],
    );
}

/// Checks: ASVS-1.2.5.
#[test]
fn programs_are_started_by_the_embedded_database_and_for_newer_processors_alone_and_by_no_shell() {
    assert_nowhere(
        &["Command::new(", "std::process::Command"],
        &[
            "crates/embedded-postgres/",
            "crates/countersign/src/processor.rs",
        ],
    );
    assert_nowhere(&["\"sh\"", "\"bash\"", "\"-c\", \"", "/bin/sh"], &[]);
}

#[test]
fn every_error_is_given_its_problem_by_name() {
    for (file, head) in [
        (
            "crates/edge/src/problem.rs",
            "impl From<service::Error> for Problem",
        ),
        ("crates/service/src/error.rs", "fn from_refusal("),
    ] {
        let text = read(file);
        let block = text
            .split(head)
            .nth(1)
            .unwrap_or_else(|| panic!("{file}: no {head}"));
        let block = &block[..block.find("\n}\n").unwrap()];
        assert!(block.contains("match "), "{file}");
        for wildcard in ["_ =>", "other =>", "error =>"] {
            assert!(!block.contains(wildcard), "{file}: {wildcard}");
        }
        assert!(!text.contains("non_exhaustive"), "{file}");
    }
}

/// Checks: feature_absent_in_release (ASVS-15.2.3, ASVS-13.4.2).
#[test]
fn feature_absent_in_release_nothing_of_the_tests_is_in_the_product() {
    assert_nowhere(
        &["COUNTERSIGN_TEST", "cfg(feature", "failpoint", "cfg!(test"],
        &[],
    );
    for name in dependencies().keys() {
        let manifest = read(format!("crates/{name}/Cargo.toml"));
        assert!(!manifest.contains("[features]"), "{name} has features");
    }
}
