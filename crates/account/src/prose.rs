//! What staff write down for later readers.

use std::str::FromStr;

use thiserror::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotProse {
    #[error("is longer than {0} characters")]
    TooLong(usize),
    #[error("must not have control characters")]
    ControlCharacters,
}

macro_rules! prose {
    ($(#[$doc:meta])* $name:ident, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// In characters.
            pub const MAX: usize = $max;

            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether nothing of it is to be read: no letter and no digit.
            pub fn is_blank(&self) -> bool {
                !self.0.contains(char::is_alphanumeric)
            }
        }

        /// No control characters but line breaks and tabs.
        impl FromStr for $name {
            type Err = NotProse;

            fn from_str(text: &str) -> Result<Self, NotProse> {
                if text.chars().count() > Self::MAX {
                    return Err(NotProse::TooLong(Self::MAX));
                }
                if text.contains(|c: char| c.is_control() && !"\n\r\t".contains(c)) {
                    return Err(NotProse::ControlCharacters);
                }
                Ok(Self(text.to_owned()))
            }
        }
    };
}

prose!(
    /// Why an account is unlocked.
    UnlockReason,
    1000
);
prose!(
    /// The case in the helpdesk that an unlock belongs to.
    UnlockTicket,
    200
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_can_read_is_blank() {
        for blank in ["", " \n", "\u{200b}", "\u{2060}\u{ad}", "…"] {
            assert!(
                blank.parse::<UnlockReason>().unwrap().is_blank(),
                "{blank:?}"
            );
        }
        assert!(!"失".parse::<UnlockReason>().unwrap().is_blank());
    }

    #[test]
    fn prose_has_a_bound_and_no_control_characters_but_breaks_and_tabs() {
        assert!(
            "phone lost;\r\n\tseen by video"
                .parse::<UnlockReason>()
                .is_ok()
        );
        assert!(
            "é".repeat(UnlockReason::MAX)
                .parse::<UnlockReason>()
                .is_ok()
        );
        assert_eq!(
            "é".repeat(UnlockTicket::MAX + 1).parse::<UnlockTicket>(),
            Err(NotProse::TooLong(200))
        );
        for bad in ["\0", "a\u{7f}", "\u{9b}31m"] {
            assert_eq!(
                bad.parse::<UnlockReason>(),
                Err(NotProse::ControlCharacters)
            );
        }
    }
}
