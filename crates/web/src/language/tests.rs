use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use edge::problem::Code;
use fluent_templates::fluent_bundle::FluentResource;
use service::PasswordRejection;

use super::*;
use crate::frame::Notice;
use crate::{errors, wording};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// All files below a folder, as text.
fn files(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

/// Each text of a language with what it names, such as `$number`.
fn texts(language: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = Vec::new();
    files(&folder("texts").join(language), &mut found);
    let mut texts = BTreeMap::new();
    for file in found {
        let resource = FluentResource::try_new(file.clone()).expect("Fluent's syntax");
        assert!(resource.entries().count() > 0);
        let mut name = String::new();
        for line in file.lines().filter(|line| !line.starts_with('#')) {
            let begins = !line.starts_with([' ', '}']) && line.contains(" =");
            if begins {
                line.split(" =").next().unwrap().clone_into(&mut name);
                let before = texts.insert(name.clone(), BTreeSet::new());
                assert!(before.is_none(), "{language}: {name} stands there twice");
            }
            for part in line.split('$').skip(1) {
                let end = part.find(|c: char| !c.is_alphanumeric()).unwrap();
                let named = part[..end].to_owned();
                texts.get_mut(&name).unwrap().insert(named);
            }
        }
    }
    texts
}

fn languages() -> Vec<String> {
    let entries = std::fs::read_dir(folder("texts")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn every_language_says_every_text_and_names_the_same_things_in_it() {
    let english = texts("en");
    assert!(languages().len() > 1);
    for language in languages() {
        let told = texts(&language);
        let names = |texts: &BTreeMap<String, _>| texts.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&told), names(&english), "{language}");
        for (name, arguments) in told {
            assert_eq!(arguments, english[&name], "{language}: {name}");
        }
    }
}

/// The text names that stand in quotes in `source` after one of these words.
fn said(source: &str) -> BTreeSet<String> {
    let calls = [".say(", ".with(", ".count(", ".say_with("];
    let mut found = BTreeSet::new();
    for call in calls {
        for part in source.split(call).skip(1) {
            if let Some(text) = part.trim_start().strip_prefix('"') {
                found.insert(text.split('"').next().unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn every_text_that_a_page_says_exists() {
    let english = texts("en");
    let mut sources = Vec::new();
    files(&folder("templates"), &mut sources);
    files(&folder("src"), &mut sources);
    sources.retain(|source| !source.contains("#[test]"));
    let said: BTreeSet<String> = sources.iter().flat_map(|source| said(source)).collect();
    assert!(said.len() > 100, "{}", said.len());
    for text in said {
        assert!(english.contains_key(&text), "{text}");
    }
}

#[test]
fn every_text_whose_name_is_put_together_exists() {
    let english = texts("en");
    let problems = Code::ALL.iter().flat_map(|code| {
        let kind = errors::kind(*code);
        [
            format!("problem-{kind}-title"),
            format!("problem-{kind}-advice"),
        ]
    });
    let notices = Notice::ALL
        .into_iter()
        .map(|notice| notice.name().to_owned());
    let rejections = [
        PasswordRejection::TooShort { min: 1 },
        PasswordRejection::TooLong,
        PasswordRejection::UnassignedCharacter,
        PasswordRejection::Common,
        PasswordRejection::AboutYouOrThisService,
    ];
    let rejections = rejections.map(wording::rejection);
    for text in problems.chain(notices).chain(rejections) {
        assert!(english.contains_key(&text), "{text}");
    }
}

#[test]
fn every_type_of_event_has_a_sentence() {
    let fixtures = folder("../account/fixtures/events");
    let of_others = [
        "AccountSearched",
        "AccountViewed",
        "CallRefused",
        "CheckpointRead",
        "ConsistencyProved",
        "EpochOpened",
        "FeedRead",
        "HistoryRead",
        "InclusionProved",
        "StaffSignedIn",
        "StaffSignedOut",
        "StaffIssued",
        "StaffRevoked",
        "StateRead",
        "TileRead",
        "UnlockRepeated",
    ];
    let english = texts("en");
    for entry in std::fs::read_dir(fixtures).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let event_type = file.split('-').next().unwrap();
        let is_told = english.contains_key(&format!("event-{event_type}"));
        assert_eq!(is_told, !of_others.contains(&event_type), "{event_type}");
    }
}

fn spoken(accept: &'static str) -> String {
    Language::negotiated(Some(&HeaderValue::from_static(accept))).tag()
}

#[test]
fn a_browser_is_answered_in_the_first_language_it_asks_for_that_we_speak() {
    assert_eq!(Language::negotiated(None).tag(), "en");
    for (accept, tag) in [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr,de;q=0.5,en;q=0.4", "de"),
        ("en;q=0.2, de;q=0.9", "de"),
        ("fr-FR, zh", "en"),
        ("de;q=0, en", "en"),
        ("*", "en"),
        ("de;q=x", "en"),
        ("\u{7f}".trim_matches('\u{7f}'), "en"),
    ] {
        assert_eq!(spoken(accept), tag, "{accept}");
    }
}

#[test]
fn a_number_chooses_its_form() {
    let english = Language::negotiated(None);
    let minutes =
        |number: u64| english.say_with("wait-minutes", &[("number", FluentValue::from(number))]);
    assert_eq!(
        (minutes(1), minutes(2)),
        ("a minute".into(), "2 minutes".into())
    );
}
