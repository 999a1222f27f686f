//! Passwords that somebody who knows the service and the address would try: its words and the
//! person's own, repeated, joined, decorated with digits and signs, or spelt with look-alikes.
//!
//! As with the list of common passwords, it is the whole password that is judged. A passphrase
//! may contain any of these words, as long as something in it is not one of them.

use account::EmailAddress;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use zeroize::Zeroizing;

/// The words that go with a service like this one, in lower case.
const SERVICE_WORDS: &[&str] = &[
    "2fa",
    "access",
    "account",
    "admin",
    "administrator",
    "auth",
    "authentication",
    "authenticator",
    "challenge",
    "code",
    "counter",
    "countersign",
    "default",
    "email",
    "factor",
    "hello",
    "help",
    "key",
    "letmein",
    "log",
    "login",
    "mail",
    "master",
    "mfa",
    "my",
    "new",
    "otp",
    "pass",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "private",
    "reset",
    "root",
    "secret",
    "secure",
    "security",
    "service",
    "sign",
    "signin",
    "support",
    "temp",
    "temporary",
    "test",
    "the",
    "token",
    "totp",
    "two",
    "twofactor",
    "user",
    "username",
    "verify",
    "welcome",
    "word",
];

/// How many digits and signs that do not follow from the one before (as 3 follows 2, and ! follows
/// !) may stand around such words before they count as a password of their own.
const MAX_DECORATION: usize = 12;

/// What is known about who chooses a password, and where.
#[derive(Clone, Copy, Debug)]
pub struct PasswordContext<'a> {
    address: &'a EmailAddress,
    service_name: &'a str,
}

impl<'a> PasswordContext<'a> {
    /// `service_name` is what the operator calls the service, as an authenticator app shows it.
    pub const fn new(address: &'a EmailAddress, service_name: &'a str) -> Self {
        Self {
            address,
            service_name,
        }
    }

    /// Whether all of `password` is made of words of this context and their decoration.
    pub(crate) fn derives(&self, password: &str) -> bool {
        let text = fold(password);
        let words = self.words();
        least_decoration(&text, &words).is_some_and(|signs| signs <= MAX_DECORATION)
    }

    fn words(&self) -> Vec<Zeroizing<Vec<char>>> {
        let mut words = SERVICE_WORDS
            .iter()
            .map(|word| fold(word))
            .collect::<Vec<_>>();
        for text in [
            self.address.canonical(),
            self.address.as_written(),
            self.service_name,
        ] {
            let whole = fold(text);
            let parts = whole
                .split(|c| !is_letter(*c))
                .chain(whole.split(|c| *c == '@'));
            words.extend(parts.map(|part| Zeroizing::new(part.to_vec())));
            words.push(whole);
        }
        words.retain(|word| word.len() >= 2);
        words
    }
}

fn fold(text: &str) -> Zeroizing<Vec<char>> {
    let mut folded = Zeroizing::new(Vec::with_capacity(text.len() * 3));
    folded.extend(text.chars().flat_map(char::to_lowercase).nfc());
    folded
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() || is_combining_mark(c)
}

/// The least number of unpredictable digits and signs with which `text` can be read as a row of
/// words; none if it cannot be read so, or has no word at all.
fn least_decoration(text: &[char], words: &[Zeroizing<Vec<char>>]) -> Option<usize> {
    let mut before = vec![None; text.len() + 1];
    let mut after = before.clone();
    if let Some(start) = before.first_mut() {
        *start = Some(0);
    }
    for (at, c) in text.iter().enumerate() {
        let rest = text.get(at..).unwrap_or_default();
        let (plain, worded) = (read(&before, at), read(&after, at));
        if !is_letter(*c) {
            let signs = usize::from(!follows(at.checked_sub(1).and_then(|i| text.get(i)), *c));
            lower(&mut before, at + 1, plain.map(|n| n + signs));
            lower(&mut after, at + 1, worded.map(|n| n + signs));
        }
        if let Some(least) = [plain, worded].into_iter().flatten().min() {
            for word in words.iter().filter(|word| spells(rest, word)) {
                lower(&mut after, at + word.len(), Some(least));
            }
        }
    }
    after.last().copied().flatten()
}

fn read(costs: &[Option<usize>], at: usize) -> Option<usize> {
    costs.get(at).copied().flatten()
}

fn lower(costs: &mut [Option<usize>], at: usize, cost: Option<usize>) {
    if let (Some(known), Some(cost)) = (costs.get_mut(at), cost) {
        *known = Some(known.map_or(cost, |known| known.min(cost)));
    }
}

/// Whether a sign is what people type after the one before it: the same again, or the next digit
/// up or down.
fn follows(previous: Option<&char>, c: char) -> bool {
    previous.is_some_and(|p| {
        *p == c
            || p.to_digit(10)
                .zip(c.to_digit(10))
                .is_some_and(|(p, c)| (p + 1) % 10 == c || (c + 1) % 10 == p)
    })
}

fn spells(text: &[char], word: &[char]) -> bool {
    text.len() >= word.len()
        && text
            .iter()
            .zip(word)
            .all(|(c, letter)| looks_like(*c, *letter))
}

fn looks_like(c: char, letter: char) -> bool {
    c == letter
        || match letter {
            'a' => "4@".contains(c),
            'b' => c == '8',
            'e' => "3€".contains(c),
            'g' => "69".contains(c),
            'i' | 'l' => "1!|".contains(c),
            'o' => c == '0',
            's' => "5$".contains(c),
            't' => "7+".contains(c),
            'z' => c == '2',
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NewPassword, PasswordRejection, PasswordRules};

    fn rejection(address: &str, password: &str) -> Option<PasswordRejection> {
        let address = address.parse().unwrap();
        let context = PasswordContext::new(&address, "Acme Portal");
        NewPassword::choose(password, &PasswordRules::default(), &context).err()
    }

    const ABOUT: Option<PasswordRejection> = Some(PasswordRejection::AboutYouOrThisService);

    #[test]
    fn pw_context_words() {
        for password in [
            "countersign2026!",
            "Countersigncountersign",
            "COUNTERSIGN-2026-11",
            "c0unt3r5ign_2026",
            "2026 Countersign!!!!",
            "countersign12345678901234567890",
            "two factor password",
            "Two-Factor-Support-1",
            "totptotptotptotp",
            "MyCountersignPassword",
            "p@$$w0rd_for".replace("_for", "_secret!").as_str(),
            "acmeportal.acmeportal",
            "Acme Portal 24.11.2026",
            "AcmeP0rtal!!!!!!!!!!!!!!",
        ] {
            assert_eq!(rejection("jane@example.org", password), ABOUT, "{password}");
        }
    }

    #[test]
    fn what_is_made_of_the_address_is_refused() {
        let address = "Jané.Doe+x7@mail.Bücher.example";
        for password in [
            "Jané.Doe+x7@mail.Bücher.example",
            "jané.doe+x7@mail.xn--bcher-kva.example",
            "janédoejanédoe1999",
            "DoeJané DoeJané",
            "jané.bücher.2026",
            "bücherbücherbücher",
            "doe@mail.example!",
        ] {
            assert_eq!(rejection(address, password), ABOUT, "{password}");
        }
        assert_eq!(
            rejection("someone@else.example", "janédoejanédoe1999"),
            None
        );
    }

    #[test]
    fn a_word_of_the_context_inside_a_passphrase_is_accepted() {
        for password in [
            "countersign velvet tractor",
            "velvetcountersigntractor",
            "jane likes 12 green tubas",
            "my password is a tuba",
            "countersign 8305 1947 2860 5836",
            "Xcountersign2026!!",
        ] {
            assert_eq!(rejection("jane@example.org", password), None, "{password}");
        }
    }

    #[test]
    fn digits_and_signs_alone_are_no_word_of_the_context() {
        assert_eq!(rejection("jane@example.org", "83051947286058362"), None);
    }

    #[test]
    fn the_longest_password_is_judged_quickly() {
        let started = std::time::Instant::now();
        assert_eq!(rejection("jane@example.org", &"s5$i1!o0".repeat(32)), None);
        assert_eq!(rejection("jane@example.org", &"totp7o7p".repeat(32)), ABOUT);
        assert!(
            started.elapsed().as_millis() < 500,
            "{:?}",
            started.elapsed()
        );
    }
}
