//! SQL is text that stands in the sources, and no value is ever written into it.

use super::{assert_nowhere, sources};

/// Checks: no_raw_sql (ASVS-1.2.4, ASVS-1.1.2).
#[test]
fn no_raw_sql_every_statement_is_a_constant_of_the_store() {
    assert_nowhere(
        &["sqlx::query", "QueryBuilder", "AssertSqlSafe"],
        &["crates/store/"],
    );
    assert_nowhere(&["raw_sql", "AssertSqlSafe"], &[]);
    assert_nowhere(&["QueryBuilder"], &["crates/store/src/statement"]);
    the_statement_of_a_commit_is_made_of_constants();
    let mut statements = 0;
    for (name, text) in sources() {
        for (at, _) in text.match_indices("sqlx::query") {
            let call = &text[at..];
            let argument = call[call.find('(').unwrap() + 1..].trim_start();
            let constant = argument.starts_with('"')
                || argument.starts_with("concat!(")
                || argument.starts_with(|c: char| c.is_ascii_uppercase())
                // Out of an array of constants.
                || ["statement)", "find)", "remove)"].iter().any(|v| argument.starts_with(v));
            let import = ["sqlx::query::", "sqlx::query;", "sqlx::query_builder::"]
                .iter()
                .any(|v| call.starts_with(v));
            let line = call.lines().next().unwrap();
            assert!(
                constant || import,
                "{name}: {line} {}",
                argument.lines().next().unwrap()
            );
            statements += u32::from(!import);
        }
        for (at, _) in text.match_indices("format!(") {
            let made = text[at..].split(';').next().unwrap();
            for word in [
                "SELECT ", "INSERT ", "UPDATE ", "DELETE ", " WHERE ", " FROM ",
            ] {
                assert!(!made.contains(word), "{name}: {made}");
            }
        }
    }
    assert!(statements > 50, "only {statements} statements were found");
}

/// What is written into it, value by value, is a literal, or text that was made of literals.
fn the_statement_of_a_commit_is_made_of_constants() {
    let made = ["begin)", "id)", "condition)", "done)", "if first {"];
    let mut written = 0;
    for (name, text) in sources() {
        if !name.starts_with("crates/store/src/statement") {
            continue;
        }
        for call in [
            ".push(",
            ".push_unseparated(",
            ".part(",
            ".require(",
            ".separated(",
        ] {
            for (at, _) in text.match_indices(call) {
                let argument = text[at + call.len()..].trim_start();
                let constant =
                    argument.starts_with('"') || made.iter().any(|made| argument.starts_with(made));
                assert!(
                    constant,
                    "{name}: {call}{}",
                    argument.lines().next().unwrap()
                );
                written += 1;
            }
        }
    }
    assert!(written > 80, "only {written} pieces were found");
}
