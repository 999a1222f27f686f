//! What proves that a form was written by us, for this browser and this caller, and when.

use crate::keyring::{Keyring, Purpose};

impl Keyring {
    /// Bound to every part of `binding`; `at` is in milliseconds.
    pub fn form_token(&self, binding: &[&[u8]], at: u64) -> String {
        let (_, mac) =
            self.current_mac(Purpose::Form, &parts(binding, at.to_be_bytes().as_slice()));
        format!("{at}.{}", data_encoding::BASE64URL_NOPAD.encode(&mac))
    }

    /// When the form was written; nothing for a token that was not made for this binding.
    pub fn form_written_at(&self, binding: &[&[u8]], token: &str) -> Option<u64> {
        let (at, mac) = token.split_once('.')?;
        let at = at.parse::<u64>().ok()?;
        let mac = data_encoding::BASE64URL_NOPAD.decode(mac.as_bytes()).ok()?;
        let bytes = at.to_be_bytes();
        let parts = parts(binding, &bytes);
        self.any_mac_fits(Purpose::Form, &parts, &mac).then_some(at)
    }
}

fn parts<'p>(binding: &[&'p [u8]], at: &'p [u8]) -> Vec<&'p [u8]> {
    binding.iter().copied().chain([at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::MasterKeys;
    use crate::random::SystemRandom;

    fn ring() -> Keyring {
        Keyring::derive(&MasterKeys::generate(&SystemRandom).unwrap())
    }

    #[test]
    fn a_form_token_is_bound_to_browser_and_caller_and_tells_its_time() {
        let ring = ring();
        let token = ring.form_token(&[b"browser", b"owner"], 1_700_000_000);
        let at = |binding: &[&[u8]], token: &str| ring.form_written_at(binding, token);
        assert_eq!(at(&[b"browser", b"owner"], &token), Some(1_700_000_000));
        for other in [&[b"browser".as_slice(), b"other"][..], &[b"browser"], &[]] {
            assert_eq!(at(other, &token), None);
        }
        let later = token.replace("1700000000", "1700000001");
        for bad in [later.as_str(), "", ".", "1", "1.", "1700000000."] {
            assert_eq!(at(&[b"browser", b"owner"], bad), None, "{bad}");
        }
    }

    #[test]
    fn a_form_token_of_other_keys_is_nothing() {
        let token = ring().form_token(&[b"browser"], 1);
        assert_eq!(ring().form_written_at(&[b"browser"], &token), None);
    }
}
