use proptest::prelude::*;
use unicode_normalization::{is_nfc, is_nfkc};

use super::*;

fn choose(text: &str) -> Result<NewPassword, PasswordRejection> {
    let address = "jane@example.org".parse().unwrap();
    NewPassword::choose(
        text,
        &PasswordRules::default(),
        &PasswordContext::new(&address, "Countersign"),
    )
}

/// Whether the second text signs in where the first was chosen, as far as text decides.
fn same(chosen: &str, presented: &str) -> bool {
    PresentedPassword::new(presented).text() == Some(choose(chosen).unwrap().text())
}

fn character() -> impl Strategy<Value = char> {
    prop_oneof![
        prop::char::range(' ', '~'),
        Just(' '),
        prop::char::range('\u{c0}', '\u{17f}'),
        prop::char::range('\u{300}', '\u{36f}'),
        prop::char::range('\u{4e00}', '\u{9fff}'),
        prop::char::range('\u{ac00}', '\u{d7a3}'),
        prop::char::range('\u{1f600}', '\u{1f64f}'),
        prop::char::range('\0', '\u{1f}'),
    ]
}

fn password() -> impl Strategy<Value = String> {
    prop::collection::vec(character(), 15..=256)
        .prop_map(|characters| characters.into_iter().nfc().collect::<String>())
        .prop_filter("long enough and no longer in NFC", |text| {
            (15..=256).contains(&text.chars().count()) && text.len() <= MAX_BYTES
        })
}

fn swap_case(text: &str) -> String {
    let swapped = |c: char| match c {
        'a'..='z' => c.to_ascii_uppercase(),
        'A'..='Z' => c.to_ascii_lowercase(),
        _ => c,
    };
    text.chars().map(swapped).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    #[test]
    fn pw_any_composition(text in password()) {
        prop_assert!(choose(&text).is_ok());
        prop_assert!(same(&text, &text));
    }

    #[test]
    fn pw_exact(text in password(), extra in prop::char::range('!', '~')) {
        let shorter = text.chars().take(text.chars().count() - 1).collect::<String>();
        let (longer, before, after) =
            (format!("{text}{extra}"), format!(" {text}"), format!("{text} "));
        for other in [longer, shorter, before, after] {
            prop_assert!(!same(&text, &other));
        }
        let swapped = swap_case(&text);
        prop_assert_eq!(same(&text, &swapped), text == swapped);
        prop_assert!(same(&text, &text.nfd().collect::<String>()));
        let compatible = text.nfkc().collect::<String>();
        prop_assert_eq!(same(&text, &compatible), is_nfkc(&text));
    }

    #[test]
    fn nfc_stable(text in any::<String>()) {
        if let Ok(normal) = normalise(&text) {
            prop_assert!(is_nfc(&normal));
            let again = normalise(&normal).unwrap();
            prop_assert_eq!(again.as_str(), normal.as_str());
            let decomposed = text.nfd().collect::<String>();
            if decomposed.len() <= MAX_RAW_BYTES {
                let composed = normalise(&decomposed).unwrap();
                prop_assert_eq!(composed.as_str(), normal.as_str());
            }
        }
    }
}

#[test]
fn compatibility_characters_are_other_characters() {
    for (chosen, presented) in [
        ("a ligature in ﬁnal place", "a ligature in final place"),
        ("ｆｕｌｌｗｉｄｔｈ ｗｏｒｄｓ", "fullwidth words"),
        ("the number ⅷ of many", "the number viii of many"),
    ] {
        assert!(!same(chosen, presented), "{chosen}");
    }
}

#[test]
fn pw_min_length() {
    let min = PasswordRejection::TooShort { min: 15 };
    assert_eq!(choose("fourteen chars").err(), Some(min));
    assert!(choose("fifteen chars !").is_ok());
    assert_eq!(choose(&"🦀".repeat(14)).err(), Some(min));
    assert!(choose(&"🦀".repeat(15)).is_ok());
    assert_eq!(
        choose(&"e\u{301}".repeat(14)).err(),
        Some(min),
        "14 letters in NFC"
    );
    assert!(choose(&"e\u{301}".repeat(15)).is_ok());
}

#[test]
fn no_setting_goes_below_eight() {
    let address = "jane@example.org".parse().unwrap();
    let context = PasswordContext::new(&address, "Countersign");
    let rules = PasswordRules { min_length: 1 };
    assert_eq!(
        NewPassword::choose("xq7vtma", &rules, &context).err(),
        Some(PasswordRejection::TooShort { min: 8 }),
    );
    assert!(NewPassword::choose("xq7vtmaz", &rules, &context).is_ok());
}

#[test]
fn pw_64_and_256() {
    for length in [64, 256] {
        let one = format!("{}🦀", "🦞".repeat(length - 1));
        let other = format!("{}🐙", "🦞".repeat(length - 1));
        assert!(same(&one, &one), "{length}");
        assert!(!same(&one, &other), "{length}: the last character counts");
    }
    assert_eq!(
        choose(&"🦞".repeat(257)).err(),
        Some(PasswordRejection::TooLong)
    );
    assert_eq!(
        choose(&"x".repeat(257)).err(),
        Some(PasswordRejection::TooLong)
    );
    assert_eq!(
        choose(&"x".repeat(1 << 20)).err(),
        Some(PasswordRejection::TooLong)
    );
}

/// U+1D160 is six code points of four bytes in NFC.
#[test]
fn what_grows_too_long_in_nfc_is_too_long() {
    assert_eq!(
        choose(&"\u{1d160}".repeat(200)).err(),
        Some(PasswordRejection::TooLong)
    );
}

/// Three decomposed Hangul letters make one syllable, four Greek code points one letter: the
/// texts that shrink the most.
#[test]
fn the_longest_password_may_be_typed_decomposed() {
    for character in ["\u{ac01}", "\u{1f82}", "\u{390}"] {
        let text = character.repeat(256);
        assert!(same(&text, &text.nfd().collect::<String>()), "{character}");
    }
}

#[test]
fn an_unassigned_character_is_refused_and_never_matches() {
    for unassigned in ['\u{378}', '\u{10ffff}', '\u{ffff}', '\u{e0000}'] {
        let text = format!("an unassigned {unassigned} code point");
        assert_eq!(
            choose(&text).err(),
            Some(PasswordRejection::UnassignedCharacter)
        );
        assert!(PresentedPassword::new(&text).text().is_none());
    }
}

#[test]
fn private_and_control_characters_may_be_used() {
    for character in [
        '\0', '\u{7f}', '\u{e000}', '\u{200b}', '\u{feff}', '\u{fffd}',
    ] {
        let text = format!("a rare {character} character");
        assert!(same(&text, &text), "{character:?}");
        assert!(!same(&text, "a rare  character"), "{character:?}");
    }
}

#[test]
fn both_unicode_tables_are_of_one_version() {
    let (major, minor, patch) = UNICODE_VERSION;
    assert_eq!(
        unicode_properties::UNICODE_VERSION,
        (major.into(), minor.into(), patch.into()),
        "what one table assigns, the other must normalise",
    );
    assert_eq!(
        UNICODE_VERSION,
        (18, 0, 0),
        "note a change of version in the change log"
    );
}

#[test]
fn a_rejection_says_why_in_plain_words_and_repeats_nothing() {
    let rejection = choose("tiny secret").err().unwrap();
    assert_eq!(rejection.reason(), "too_short");
    assert!(rejection.to_string().contains("at least 15 characters"));
    assert!(!rejection.to_string().contains("tiny"));
}

#[test]
fn debug_shows_no_password() {
    let text = "correct horse battery tuba";
    assert_eq!(
        format!("{:?}", PresentedPassword::new(text)),
        "PresentedPassword(…)"
    );
    assert_eq!(format!("{:?}", choose(text).unwrap()), "NewPassword(…)");
}
