//! SQL is text that stands in the sources, and no value is ever written into it.

use super::{assert_nowhere, sources};

/// Checks: no_raw_sql (ASVS-1.2.4, ASVS-1.1.2).
#[test]
fn no_raw_sql_every_statement_is_text_of_the_store() {
    assert_nowhere(&["sqlx::query", "AssertSqlSafe"], &["crates/store/"]);
    assert_nowhere(&["raw_sql", "AssertSqlSafe"], &[]);
    // Whose text is `&'static str`, by its type.
    assert_nowhere(&["QueryBuilder"], &["crates/store/src/statement/sql.rs"]);
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
