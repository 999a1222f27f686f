//! The documents tell numbers, names and calls; here they are held against the code that has them.

use std::collections::{BTreeMap, BTreeSet};

use account::Policy;
use account::throttle::{BackoffPolicy, WindowPolicy};
use chrono::Duration;
use countersign::configuration::SETTINGS;
use serde_json::Value;

use crate::evidence::source::{files, read, root};
use crate::surface::contract::{CALLS, Who};

/// The rows of the first table below a heading, as trimmed cells.
fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let text = read(document);
    let (_, section) = text
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("{document} has no section {heading}"));
    let lines = section.lines().skip_while(|line| !line.starts_with('|'));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    })
    .collect()
}

/// A table of two columns or more by its first.
fn by_name(document: &str, heading: &str) -> BTreeMap<String, String> {
    let rows = table(document, heading).into_iter();
    rows.map(|row| (row[0].clone(), row[1..].join(" | ")))
        .collect()
}

/// As the documents write it.
fn written(duration: Duration) -> String {
    match (duration.num_seconds(), duration.num_minutes()) {
        (seconds, _) if seconds < 60 => format!("{seconds} s"),
        (_, minutes) if minutes < 60 => format!("{minutes} min"),
        (_, minutes) if minutes <= 24 * 60 => format!("{} h", minutes / 60),
        (_, minutes) => format!("{} days", minutes / 24 / 60),
    }
}

/// As the documents write a window: 10 an hour.
fn a_while(policy: WindowPolicy) -> String {
    let unit = match policy.window.num_minutes() {
        1 => "a minute",
        60 => "an hour",
        1_440 => "a day",
        other => panic!("a window of {other} minutes has no name"),
    };
    format!("{} {unit}", policy.limit)
}

fn growing(policy: &BackoffPolicy) -> String {
    let (first, longest) = (written(policy.first_wait), written(policy.longest_wait));
    format!("{first}, doubling to {longest}")
}

/// Checks: doc_throttle_matches_config (ASVS-6.1.1).
#[test]
fn the_table_of_throttles_has_the_numbers_of_the_policy_in_force() {
    let policy = Policy::default();
    let source = policy.source.unwrap();
    let [hourly, daily] = policy.mails_per_address;
    let expected = [
        (
            "wrong passwords of strangers, per address",
            format!(
                "{} | {}; at {} closed until a reset or an unlock",
                policy.strangers.free,
                growing(&policy.strangers),
                policy.strangers.closed_at.unwrap()
            ),
        ),
        (
            "wrong passwords of a known device",
            format!(
                "{} | until the hour is over; after {} the device is a stranger",
                a_while(policy.device),
                policy.device_failures
            ),
        ),
        (
            "wrong passwords of strangers, per source (IPv4 address, IPv6 /64)",
            format!(
                "{}, {}, {} addresses an hour | until that is over; an hour for spraying",
                a_while(source.per_minute),
                a_while(source.per_hour),
                source.addresses_per_hour
            ),
        ),
        (
            "wrong codes, per account",
            format!(
                "{}, and {} a challenge | {}; at {} closed until an unlock, or a reset for one try",
                policy.codes.free,
                policy.attempts_per_challenge,
                growing(&policy.codes),
                policy.codes.closed_at.unwrap()
            ),
        ),
        (
            "wrong codes for an enrollment",
            format!(
                "{} | {}; never touches sign-in",
                policy.enrollment_codes.free,
                growing(&policy.enrollment_codes)
            ),
        ),
        (
            "wrong current passwords, per session",
            format!(
                "{} | until the hour is over",
                a_while(policy.current_password)
            ),
        ),
        (
            "mails at a visitor's wish",
            format!(
                "{} and {} per address, {} \
                 per source | none is sent; the answer is the same",
                a_while(hourly),
                a_while(daily),
                a_while(policy.mails_per_source.unwrap())
            ),
        ),
    ];
    assert_eq!(source.spraying_wait, Duration::hours(1));
    assert_eq!(policy.enrollment_codes.closed_at, None);
    let expected = expected.map(|(name, rest)| (name.to_owned(), rest));
    let mut told = by_name("docs/security.md", "Throttles");
    // What is counted apart is no number.
    let mails = told.get_mut("mails at a visitor's wish").unwrap();
    let (before, rest) = mails.split_once(" (").unwrap();
    *mails = format!("{before}{}", rest.split_once(')').unwrap().1);
    assert_eq!(told, BTreeMap::from(expected));
}

/// Checks: limits_doc_matches_config (ASVS-2.1.3), doc_session_limits_match_config (ASVS-7.1.1,
/// NIST-5.2-D).
#[test]
fn the_table_of_limits_has_the_numbers_of_the_policy_in_force() {
    let policy = Policy::default();
    let by_variable = |duration, variable: &str| format!("{} (`{variable}`)", written(duration));
    let expected = [
        (
            "a session without a request",
            by_variable(policy.session_idle, "COUNTERSIGN_SESSION_IDLE"),
        ),
        (
            "a session in all",
            by_variable(policy.session_lifetime, "COUNTERSIGN_SESSION_LIFETIME"),
        ),
        (
            "sessions of an account",
            format!("{}; the oldest ends", policy.sessions_per_account),
        ),
        (
            "a challenge",
            format!(
                "{}, {} codes",
                by_variable(policy.challenge_lifetime, "COUNTERSIGN_CHALLENGE_LIFETIME"),
                policy.attempts_per_challenge
            ),
        ),
        (
            "challenges of an account",
            format!("{}; the oldest makes room", policy.challenges_per_account),
        ),
        (
            "an enrollment",
            by_variable(
                policy.enrollment_lifetime,
                "COUNTERSIGN_ENROLLMENT_LIFETIME",
            ),
        ),
        (
            "a reset link",
            by_variable(policy.reset_lifetime, "COUNTERSIGN_RESET_LIFETIME"),
        ),
        (
            "reset links of an account",
            format!("{}; the oldest makes room", policy.resets_per_account),
        ),
        (
            "a verification link",
            by_variable(
                policy.verification_lifetime,
                "COUNTERSIGN_VERIFICATION_LIFETIME",
            ),
        ),
        ("an unblock link", written(policy.unblock_lifetime)),
    ];
    let expected = expected.map(|(name, rest)| (name.to_owned(), rest));
    assert_eq!(
        by_name("docs/security.md", "Limits"),
        BTreeMap::from(expected)
    );
}

/// Checks: doc_session_limits_match_config (ASVS-7.1.1, NIST-5.2-D): the configuration's own
/// defaults are the policy's.
#[test]
fn a_limit_that_can_be_set_has_by_default_the_value_of_the_table() {
    let policy = Policy::default();
    for (variable, limit) in [
        ("COUNTERSIGN_SESSION_IDLE", policy.session_idle),
        ("COUNTERSIGN_SESSION_LIFETIME", policy.session_lifetime),
        ("COUNTERSIGN_CHALLENGE_LIFETIME", policy.challenge_lifetime),
        (
            "COUNTERSIGN_ENROLLMENT_LIFETIME",
            policy.enrollment_lifetime,
        ),
        ("COUNTERSIGN_RESET_LIFETIME", policy.reset_lifetime),
        (
            "COUNTERSIGN_VERIFICATION_LIFETIME",
            policy.verification_lifetime,
        ),
    ] {
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.variable == variable)
            .unwrap();
        let told = written(limit).replace(" days", "d").replace(" min", "m");
        assert_eq!(
            setting.default_text(),
            told.replace(" h", "h"),
            "{variable}"
        );
    }
}

/// Checks: timeouts_doc_matches_config (ASVS-13.1.3).
#[test]
fn the_table_of_time_limits_has_the_numbers_of_the_code() {
    let seconds_after = |path: &str, before: &str| {
        let text = read(path);
        let (_, rest) = text
            .split_once(before)
            .unwrap_or_else(|| panic!("{path} has no {before}"));
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
        format!("{} s", &rest[..digits])
    };
    let told = table("docs/operations.md", "Time limits");
    let told = told.into_iter().map(|row| row[1].clone());
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            seconds_after(
                "crates/api/src/middleware/guards.rs",
                "TIME_LIMIT: Duration = Duration::from_secs("
            ),
            seconds_after(
                "crates/store/src/connect.rs",
                "acquire_timeout(Duration::from_secs("
            ),
            seconds_after("crates/store/src/connect.rs", "(\"statement_timeout\", \""),
            seconds_after(
                "crates/credentials/src/hashing.rs",
                "wait: Duration::from_secs("
            ),
        ]
    );
}

/// Checks: ctxwords_file_present_and_documented (ASVS-6.1.2).
#[test]
fn the_words_that_no_password_may_be_made_of_are_listed_where_the_document_says() {
    let text = read("crates/credentials/src/context.rs");
    let (_, list) = text
        .split_once("const SERVICE_WORDS: &[&str] = &[")
        .unwrap();
    let list = list.split("];").next().unwrap();
    let words = list
        .split(',')
        .map(|word| word.trim().trim_matches('"'))
        .collect::<BTreeSet<_>>();
    for word in ["countersign", "support", "admin", "totp", "two", "factor"] {
        assert!(words.contains(word), "{word}");
    }
    let told = read("docs/security.md");
    assert!(told.contains("`SERVICE_WORDS` in `crates/credentials/src/context.rs`"));
}

/// Checks: vocabulary_codes (OWASP-LOG-1), ASVS-16.1.1.
#[test]
fn the_catalogue_of_events_names_those_that_are_ever_written_and_nothing_else() {
    let mut paths = Vec::new();
    files(
        &root().join("crates/account/fixtures/events"),
        ".json",
        &mut paths,
    );
    let written = paths.iter().map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap();
        name.split_once("-v").unwrap().0.to_owned()
    });
    let text = read("docs/events.md");
    let quoted = text.split('`').skip(1).step_by(2);
    let named = quoted.filter(|name| {
        name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.chars().all(|c| c.is_ascii_alphabetic())
    });
    let named = named.map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(named, written.collect());
}

fn openapi() -> Value {
    serde_json::from_str(&read("tests/openapi.json")).unwrap()
}

/// Checks: authz_table_matches_router (ASVS-8.1.1).
#[test]
fn the_table_of_callers_names_every_call_once_with_whoever_the_router_lets_in() {
    let mut told = BTreeMap::new();
    for row in table("docs/security.md", "Who may call what") {
        for path in row[2].split(", ") {
            let path = path.trim_matches('`').to_owned();
            let before = told.insert(path.clone(), (row[0].clone(), row[1].clone()));
            assert!(before.is_none(), "{path} stands there twice");
        }
    }
    let document = openapi();
    let published = document["paths"].as_object().unwrap();
    let paths = published
        .keys()
        .map(|path| path.strip_prefix("/api/v1").unwrap().to_owned());
    assert_eq!(
        told.keys().cloned().collect::<BTreeSet<_>>(),
        paths.collect()
    );
    for call in &CALLS {
        let (caller, proof) = &told[call.path];
        let who = match call.who {
            Who::Visitor => "visitor",
            Who::Owner => "owner",
            Who::Support => "support",
            Who::Auditor => "auditor",
        };
        assert_eq!(caller, who, "{}", call.name());
        let method = call.method.to_lowercase();
        let security = &published[&format!("/api/v1{}", call.path)][&method]["security"];
        let schemes = security.as_array().into_iter().flatten();
        let schemes = schemes
            .flat_map(|scheme| scheme.as_object().unwrap().keys().cloned())
            .collect::<Vec<_>>();
        let expected: &[&str] = match proof.as_str() {
            "nothing" => &[],
            "session cookie or bearer session token" => &["session_cookie", "session_token"],
            "staff token" => &["staff_token"],
            other => panic!("{other}"),
        };
        assert_eq!(schemes, expected, "{}", call.name());
    }
}

/// Names of the fields that an answer can hold at any depth.
fn fields(document: &Value, schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(parts) => {
            if let Some(reference) = parts.get("$ref").and_then(Value::as_str) {
                let pointer = reference.trim_start_matches('#');
                fields(document, document.pointer(pointer).unwrap(), found);
            }
            if let Some(properties) = parts.get("properties").and_then(Value::as_object) {
                found.extend(properties.keys().cloned());
            }
            for part in parts.values() {
                fields(document, part, found);
            }
        }
        Value::Array(parts) => {
            for part in parts {
                fields(document, part, found);
            }
        }
        _ => {}
    }
}

/// Checks: field_policy_snapshot (ASVS-8.1.2).
#[test]
fn each_role_is_shown_the_fields_that_are_its_own_and_no_other() {
    let document = openapi();
    let shown = |who: Who| {
        let mut found = BTreeSet::new();
        for call in CALLS.iter().filter(|call| call.who == who) {
            let path = format!("/api/v1{}", call.path);
            let responses = &document["paths"][&path][call.method.to_lowercase()]["responses"];
            for (status, response) in responses.as_object().unwrap() {
                if status.starts_with('2') {
                    fields(&document, response, &mut found);
                }
            }
        }
        found
    };
    let has = |who, field: &str| shown(who).contains(field);
    // What opens something is shown once, to whom it is issued.
    for (field, whom) in [
        ("token", vec![Who::Visitor]),
        ("device_token", vec![Who::Visitor]),
        ("secret", vec![Who::Owner]),
        ("otpauth_uri", vec![Who::Owner]),
        ("qr_svg", vec![Who::Owner]),
        ("qr_png", vec![Who::Owner]),
        ("email", vec![Who::Owner, Who::Support]),
        ("ip", vec![Who::Owner, Who::Auditor]),
        ("user_agent", vec![Who::Owner, Who::Auditor]),
        ("network", vec![Who::Support]),
        ("hash", vec![Who::Auditor]),
        ("actor", vec![Who::Auditor]),
    ] {
        for who in [Who::Visitor, Who::Owner, Who::Support, Who::Auditor] {
            assert_eq!(has(who, field), whom.contains(&who), "{field}: {who:?}");
        }
    }
    for field in [
        "current_password",
        "new_password",
        "code",
        "phc",
        "password_hash",
    ] {
        for who in [Who::Visitor, Who::Owner, Who::Support, Who::Auditor] {
            assert!(!has(who, field), "{field}: {who:?}");
        }
    }
}

/// Checks: no_kba_no_hint (ASVS-6.4.2, NIST-3.1.1.2-7, NIST-3.1.1.2-8), no_assigned_password
/// (NIST-3.1.1.1-A), ASVS-6.4.6: no call of staff takes or shows a password, token or link.
#[test]
fn neither_hint_nor_question_exists_and_no_call_of_staff_knows_a_password() {
    let document = openapi();
    let mut names = BTreeSet::new();
    fields(&document, &document["components"]["schemas"], &mut names);
    let mut paths = Vec::new();
    files(&root().join("migrations"), ".sql", &mut paths);
    let schema = paths
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap().to_lowercase());
    let schema = schema.collect::<String>();
    for word in ["hint", "question", "answer_to", "maiden", "birth"] {
        assert!(names.iter().all(|name| !name.contains(word)), "{word}");
        assert!(!schema.contains(&format!("{word} text")), "{word}");
        assert!(!schema.contains(&format!("_{word}")), "{word}");
    }
    for call in CALLS {
        if matches!(call.who, Who::Support | Who::Auditor) {
            let path = format!("/api/v1{}", call.path);
            let operation = &document["paths"][&path][call.method.to_lowercase()];
            let mut found = BTreeSet::new();
            fields(&document, operation, &mut found);
            for word in ["password", "token", "link", "secret", "code"] {
                // A problem has a code of its own.
                let told = found.iter().find(|name| {
                    name.contains(word) && !(word == "code" && name.as_str() == "code")
                });
                assert_eq!(told, None, "{}", call.name());
            }
        }
    }
    for folder in ["support", "audit"] {
        let mut paths = Vec::new();
        files(
            &root().join("crates/api/src").join(folder),
            ".rs",
            &mut paths,
        );
        for path in paths {
            let text = std::fs::read_to_string(&path).unwrap();
            for word in [
                "NewPassword",
                "PresentedPassword",
                "fields::Password",
                "IssuedSession",
            ] {
                assert!(!text.contains(word), "{}: {word}", path.display());
            }
        }
    }
}
