//! The passwords that are tried first. Compiled in, so that the list can be neither missing nor
//! skipped; where it comes from is told in `resources/README.md`.
//!
//! Whole passwords are compared, never parts: a long passphrase may contain a common password.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Sorted by bytes, in lower case, without spaces around the entries.
static ENTRIES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    include_str!("../resources/common-passwords.txt")
        .lines()
        .collect()
});

/// Whether a password, in whatever case and with whatever spaces around it, is on the list.
pub(crate) fn is_common(password: &str) -> bool {
    let mut folded = Zeroizing::new(String::with_capacity(password.len() * 3));
    folded.extend(password.trim().chars().flat_map(char::to_lowercase).nfc());
    ENTRIES.binary_search(&folded.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::{NewPassword, PasswordRejection, PasswordRules};
    use crate::{PasswordContext, PresentedPassword};

    fn choose(text: &str, min_length: usize) -> Result<NewPassword, PasswordRejection> {
        let address = "jane@example.org".parse().unwrap();
        NewPassword::choose(
            text,
            &PasswordRules { min_length },
            &PasswordContext::new(&address, "Countersign"),
        )
    }

    #[test]
    fn pw_common_list() {
        let long = ENTRIES
            .iter()
            .filter(|entry| entry.chars().count() >= 15)
            .collect::<Vec<_>>();
        assert!(long.len() >= 3_000, "{} entries", long.len());
        for entry in long.iter().step_by(long.len() / 200) {
            for variant in [
                (**entry).to_owned(),
                entry.to_uppercase(),
                format!("  {entry}"),
                format!("{entry}\t"),
            ] {
                assert_eq!(
                    choose(&variant, 15).err(),
                    Some(PasswordRejection::Common),
                    "{variant}"
                );
            }
        }
    }

    #[test]
    fn a_lower_minimum_has_a_list_that_meets_it() {
        let short = ENTRIES.iter().filter(|entry| entry.chars().count() < 15);
        assert!(short.count() >= 3_000);
        for common in [
            "password",
            "Password1",
            "sunshine",
            "12345678",
            "qwertyuiop",
        ] {
            assert_eq!(
                choose(common, 8).err(),
                Some(PasswordRejection::Common),
                "{common}"
            );
        }
    }

    #[test]
    fn the_list_is_sorted_and_folded() {
        assert!(ENTRIES.is_sorted_by(|one, next| one < next));
        for entry in ENTRIES.iter() {
            assert_eq!(*entry, entry.trim().to_lowercase());
            assert!(entry.len() >= 8, "{entry}");
        }
    }

    /// NIST SP 800-63B-4, PV-9: the entire password is compared, not what it contains.
    #[test]
    fn a_long_password_that_contains_a_common_one_is_accepted() {
        for text in [
            "123456789987654321 tuba",
            "qwertyuiop velvet tractor",
            "iloveyou, aardvark!",
        ] {
            assert!(choose(text, 15).is_ok(), "{text}");
        }
    }

    #[test]
    fn the_list_says_nothing_about_passwords_that_are_presented() {
        assert_eq!(PresentedPassword::new("password").text(), Some("password"));
    }
}
