//! What the source and its libraries may hold: algorithms, files, expressions.

use std::collections::BTreeSet;

use crate::evidence::source::{assert_nowhere, read};

fn libraries() -> BTreeSet<String> {
    let lock = read("Cargo.lock");
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = "));
    names
        .map(|name| name.trim_matches('"').to_owned())
        .collect()
}

/// Checks: algorithm_allow_list (ASVS-11.2.3, NIST-2.2.2-A), mode_allow_list (ASVS-11.3.1,
/// ASVS-11.3.2).
#[test]
fn secrets_are_sealed_with_aes_256_gcm_alone_and_no_other_cipher_or_mode_is_named() {
    let manifest = read("crates/credentials/Cargo.toml");
    let (_, needed) = manifest.split_once("\n[dependencies]\n").unwrap();
    let needed = needed.split("\n[").next().unwrap();
    let used = needed
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next());
    let used = used.collect::<BTreeSet<_>>();
    let known = [
        "aes-gcm",
        "argon2",
        "getrandom",
        "hkdf",
        "hmac",
        "sha2",
        "subtle",
        "totp-rs",
    ];
    for name in known {
        assert!(used.contains(name), "{name} is used no longer");
    }
    // Ciphers, modes and hashes that are weak, or that nobody asked for.
    let refused = [
        "aes-gcm-siv",
        "aes-siv",
        "blowfish",
        "cast5",
        "cbc",
        "cfb-mode",
        "cfb8",
        "des",
        "ecb",
        "ofb",
        "rc2",
        "rc4",
        "rc5",
        "salsa20",
        "md4",
        "ripemd",
        "crypto-hash",
        "bcrypt",
        "openssl",
        "openssl-sys",
        "native-tls",
    ];
    let libraries = libraries();
    for name in refused {
        assert!(!libraries.contains(name), "{name} is linked");
    }
    assert_nowhere(
        &[
            "Aes128",
            "Aes192",
            "Aes256Gcm12",
            "Cbc",
            "Ecb",
            "ChaCha",
            "Md5",
            "md5(",
            "Sha1",
            "Sha224",
            "Argon2i,",
            "Argon2d",
            "Algorithm::SHA256",
            "rand::",
        ],
        &[],
    );
    let aead = read("crates/credentials/src/aead.rs");
    assert!(aead.contains("Aes256Gcm"));
    assert_nowhere(
        &["Aes256Gcm", "aes_gcm"],
        &["crates/credentials/src/aead.rs"],
    );
    assert_nowhere(&["Algorithm::SHA1"], &["crates/credentials/src/totp.rs"]);
    assert_nowhere(
        &["Algorithm::Argon2id"],
        &[
            "crates/credentials/src/pool.rs",
            "crates/credentials/src/hashing.rs",
            "crates/credentials/src/phc.rs",
        ],
    );
}

/// Checks: no_arbitrary_file_open (ASVS-13.2.5).
#[test]
fn nothing_that_a_request_reaches_opens_a_file() {
    assert_nowhere(
        &[
            "std::fs",
            "tokio::fs",
            "File::",
            "OpenOptions",
            "ServeDir",
            "ServeFile",
        ],
        &[
            // Settings, the master key, the embedded database, and mail without a mail server:
            // each at a path of the operator's.
            "crates/countersign/",
            "crates/embedded-postgres/",
            "crates/mail/src/directory.rs",
            "crates/mail/src/smtp.rs",
        ],
    );
}

/// Checks: chk_asvs_1_2_9, chk_asvs_1_3_12, chk_asvs_1_3_7, chk_asvs_1_3_2: expressions and
/// templates that input could become part of.
#[test]
fn nothing_is_made_an_expression_template_or_program_at_run_time() {
    assert_nowhere(
        &[
            "Regex::",
            "regex::",
            "tera::",
            "handlebars",
            "minijinja",
            "rhai::",
            "mlua::",
            "eval(",
        ],
        &[],
    );
}
