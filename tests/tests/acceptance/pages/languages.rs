//! Every page in every language that we speak.

use std::collections::BTreeSet;

use crate::pages::tour::Tour;

/// Checks that no text is missing, and gives the names of all pages that were seen.
async fn read_everything(language: &str, tag: &str) -> BTreeSet<String> {
    let mut tour = Tour::speaking(language).await;
    let mut seen = BTreeSet::new();
    for (what, answer) in tour.everything().await {
        let begin = format!("<!doctype html>\n<html lang=\"{tag}\">");
        assert!(answer.text.starts_with(&begin), "{language}, {what}");
        for missing in ["Unknown localization", "{ $", "{$", "\u{2068}"] {
            assert!(
                !answer.text.contains(missing),
                "{language}, {what}: {missing}"
            );
        }
        seen.insert(what);
    }
    seen
}

#[tokio::test]
async fn a_browser_that_asks_for_german_gets_german_and_no_text_is_missing() {
    let seen = read_everything("de-AT,de;q=0.9,en;q=0.5", "de").await;
    assert!(seen.len() > 35, "{seen:?}");
}

#[tokio::test]
async fn a_browser_that_asks_for_what_we_do_not_speak_gets_english_and_no_text_is_missing() {
    read_everything("tlh,xx;q=0.5", "en").await;
}

#[tokio::test]
async fn the_words_are_german_and_the_language_is_chosen_by_quality() {
    let mut tour = Tour::start().await;
    for (asked, tag, words) in [
        ("de", "de", "Anmelden"),
        ("en;q=0.1, de;q=0.8", "de", "Anmelden"),
        ("fr, de;q=0.2", "de", "Anmelden"),
        ("de;q=0, en", "en", "Sign in"),
        ("*", "en", "Sign in"),
        ("de-;q=x", "en", "Sign in"),
    ] {
        let visitor = tour.visitor.clone().with_header("accept-language", asked);
        let page = visitor.clone().get("/login").await.expect(200).text;
        assert!(page.contains(&format!("<html lang=\"{tag}\">")), "{asked}");
        assert!(page.contains(words), "{asked}");
    }
    let page = tour.visitor.get("/login").await.expect(200);
    assert_eq!(
        page.headers["vary"],
        "Cookie, Authorization, Accept-Language"
    );
}
