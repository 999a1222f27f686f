//! The documents tell numbers and names; here they are held against the code that has them.

use std::collections::{BTreeMap, BTreeSet};

use account::Policy;
use account::throttle::{BackoffPolicy, WindowPolicy};
use chrono::Duration;
use countersign::configuration::SETTINGS;

use crate::evidence::source::{files, read, root};

/// The rows of the first table below a heading, as trimmed cells.
pub(crate) fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
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
                "crates/edge/src/layers/guards.rs",
                "TIME_LIMIT: Duration = Duration::from_secs("
            ),
            seconds_after(
                "crates/store/src/connect.rs",
                "acquire_timeout(Duration::from_secs("
            ),
            seconds_after("crates/store/src/connect.rs", "Self::Reader => \""),
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

#[test]
fn every_picture_that_a_document_shows_is_there_and_is_made_by_the_script() {
    let script = read("scripts/screenshots");
    let shown = ["README.md", "docs/pages.md"].map(read).join("");
    let shown = shown.split("screenshots/").skip(1);
    let shown = shown.filter_map(|rest| Some(rest.split_once(".png)")?.0.to_owned()));
    let shown = shown.filter(|name| !name.contains('\n'));
    let shown = shown.collect::<BTreeSet<_>>();
    assert!(shown.len() > 5, "{shown:?}");
    for name in &shown {
        assert!(script.contains(name.as_str()), "{name}");
    }
    let mut pictures = Vec::new();
    files(&root().join("docs/screenshots"), ".png", &mut pictures);
    let pictures = pictures.iter();
    let pictures = pictures.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    assert_eq!(pictures.collect::<BTreeSet<_>>(), shown);
}
