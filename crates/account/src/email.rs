//! E-mail addresses, parsed once. Two spellings of one mailbox are one account; addresses that
//! only look alike are not.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// RFC 5321, section 4.5.3.1.3 (256 octets with the angle brackets).
const MAX_BYTES: usize = 254;
/// RFC 5321, section 4.5.3.1.1.
const MAX_LOCAL_BYTES: usize = 64;

/// An address as its owner wrote it (in NFC), with the canonical form by which accounts are found: the
/// domain as IDNA ASCII, the local part in NFC and lower case, letter by letter. No provider's
/// own rules (dots, plus signs) are applied, and compatibility characters (full-width letters,
/// ligatures, dotless i) stay what they are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    written: String,
    canonical: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidEmailAddress {
    #[error("an address has one @ between a name and a domain")]
    NoSingleAt,
    #[error("an address is at most {MAX_BYTES} bytes long, its name at most {MAX_LOCAL_BYTES}")]
    TooLong,
    #[error("the part before the @ has a character or a dot where none may be")]
    LocalPart,
    #[error("the part after the @ is not a domain name")]
    Domain,
}

impl EmailAddress {
    /// What mail is sent to.
    pub fn as_written(&self) -> &str {
        &self.written
    }

    /// What accounts are found by.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidEmailAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (local, domain) = text
            .rsplit_once('@')
            .ok_or(InvalidEmailAddress::NoSingleAt)?;
        if local.contains('@') {
            return Err(InvalidEmailAddress::NoSingleAt);
        }
        if text.len() > MAX_BYTES || local.len() > MAX_LOCAL_BYTES {
            return Err(InvalidEmailAddress::TooLong);
        }
        let composed = local.nfc().collect::<String>();
        let folded = composed
            .chars()
            .flat_map(char::to_lowercase)
            .nfc()
            .collect::<String>();
        if !is_dot_atom(&composed) || !is_dot_atom(&folded) {
            return Err(InvalidEmailAddress::LocalPart);
        }
        let ascii = canonical_domain(domain).ok_or(InvalidEmailAddress::Domain)?;
        let canonical = format!("{folded}@{ascii}");
        if canonical.len() > MAX_BYTES {
            return Err(InvalidEmailAddress::TooLong);
        }
        Ok(Self {
            written: format!("{composed}@{domain}"),
            canonical,
        })
    }
}

/// RFC 5322, section 3.2.3, with the letters of RFC 6532. Quoted local parts are not taken: no
/// mailbox in use needs them, and they are where header injection hides.
fn is_dot_atom(local: &str) -> bool {
    let is_atom_character = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    local
        .split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(is_atom_character))
}

fn canonical_domain(domain: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii_strict(domain).ok()?;
    let labels_are_names = ascii.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    });
    (labels_are_names && ascii.len() <= 253).then_some(ascii)
}

/// An address is personal: it is not written to logs by accident.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        text.parse::<EmailAddress>().unwrap().canonical().to_owned()
    }

    #[test]
    fn case_variants_same_account() {
        assert_eq!(canonical("John@Example.COM"), canonical("john@example.com"));
        assert_eq!(
            canonical("É@example.com"),
            canonical("e\u{301}@example.com")
        );
    }

    #[test]
    fn an_international_domain_is_found_by_either_spelling() {
        assert_eq!(
            canonical("a@bücher.example"),
            canonical("a@xn--bcher-kva.example")
        );
    }

    #[test]
    fn homoglyphs_differ() {
        for (one, other) in [
            ("mike@example.com", "m\u{131}ke@example.com"),
            ("finn@example.com", "\u{fb01}nn@example.com"),
            ("a@example.com", "\u{ff41}@example.com"),
            ("strasse@example.com", "stra\u{df}e@example.com"),
            ("s@example.com", "\u{17f}@example.com"),
        ] {
            assert_ne!(canonical(one), canonical(other), "{one} and {other}");
        }
    }

    #[test]
    fn email_canonical_idempotent() {
        for text in ["ΟΔΟΣ@example.com", "A.B+c@Example.com", "ẞ@example.com"] {
            let once = canonical(text);
            assert_eq!(canonical(&once), once, "{text}");
        }
    }

    #[test]
    fn the_written_form_is_kept_for_sending() {
        assert_eq!(
            "John@Example.COM"
                .parse::<EmailAddress>()
                .unwrap()
                .as_written(),
            "John@Example.COM"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        use InvalidEmailAddress::{Domain, LocalPart, NoSingleAt, TooLong};
        for (text, reason) in [
            ("", NoSingleAt),
            ("nobody", NoSingleAt),
            ("a@b@example.com", NoSingleAt),
            ("@example.com", LocalPart),
            (".a@example.com", LocalPart),
            ("a..b@example.com", LocalPart),
            ("a b@example.com", LocalPart),
            ("a\r\nBcc:x@example.com", LocalPart),
            ("a\0@example.com", LocalPart),
            // What no letter absorbs is nothing that mail servers take.
            ("mi\u{307}ke@example.com", LocalPart),
            ("\u{130}x@example.com", LocalPart),
            ("\"a\"@example.com", LocalPart),
            ("a@", Domain),
            ("a@-example.com", Domain),
            ("a@exa mple.com", Domain),
            ("a@example..com", Domain),
            ("a@[127.0.0.1]", Domain),
        ] {
            assert_eq!(text.parse::<EmailAddress>(), Err(reason), "{text:?}");
        }
        assert_eq!(
            format!("{}@example.com", "a".repeat(65)).parse::<EmailAddress>(),
            Err(TooLong)
        );
        assert_eq!(
            format!("a@{}.com", "b".repeat(300)).parse::<EmailAddress>(),
            Err(TooLong)
        );
    }
}
