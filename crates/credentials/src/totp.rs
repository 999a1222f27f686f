//! One-time codes: RFC 6238 with SHA-1, six digits and steps of 30 seconds, which is what every
//! authenticator app understands.

use std::fmt;

use account::{CodeVerdict, CredentialId};
use data_encoding::BASE32_NOPAD;
use subtle::ConstantTimeEq;
use thiserror::Error;
use totp_rs::{Algorithm, Builder, Secret, Totp};
use zeroize::Zeroizing;

use crate::random::{Random, RandomUnavailable};

const DIGITS: usize = 6;
const STEP_SECONDS: u64 = 30;
/// RFC 4226, section 4, R6: 160 bits.
const SECRET: usize = 20;

/// A code as it was typed: six ASCII digits.
pub struct TotpCode(Zeroizing<[u8; DIGITS]>);

impl TotpCode {
    /// Spaces and dashes are ignored, as apps show them; anything else makes it no code.
    pub fn parse(text: &str) -> Option<Self> {
        let mut digits = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let mut code = Zeroizing::new([0; DIGITS]);
        for place in code.iter_mut() {
            *place = digits
                .next()
                .filter(char::is_ascii_digit)
                .and_then(|c| c.try_into().ok())?;
        }
        digits.next().is_none().then_some(Self(code))
    }
}

/// What the owner's device and we both know.
pub struct TotpSecret(Zeroizing<[u8; SECRET]>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a TOTP secret has {SECRET} bytes")]
pub struct WrongSecretLength;

impl TotpSecret {
    pub fn generate(random: &dyn Random) -> Result<Self, RandomUnavailable> {
        Ok(Self(Zeroizing::new(random.bytes()?)))
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WrongSecretLength> {
        bytes
            .try_into()
            .map(|bytes| Self(Zeroizing::new(bytes)))
            .map_err(|_| WrongSecretLength)
    }

    /// For sealing.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// For typing into an app that cannot scan: 32 characters without padding.
    pub fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(self.as_bytes()))
    }

    /// What the QR code holds. `account` is the owner's address. Some apps split the label at its
    /// first colon, even an encoded one, so the issuer is written without any.
    pub fn otpauth_uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let issuer = percent_encoded(&issuer.replace(':', ""));
        let account = percent_encoded(account);
        let secret = self.base32();
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}\
             &algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
            *secret,
        ))
    }

    /// The time step that an instant is in.
    pub const fn step_at(unix_seconds: u64) -> u64 {
        unix_seconds / STEP_SECONDS
    }

    /// All of the previous, the current and the next time step whose code is the presented one.
    /// Usually none or one; it takes the same time whatever the answer.
    pub fn matching_steps(&self, code: &TotpCode, unix_seconds: u64) -> Vec<u64> {
        let totp = self.generator();
        let now = Self::step_at(unix_seconds);
        let window = [now.checked_sub(1), Some(now), now.checked_add(1)];
        let compared = window.map(|step| (step, step.is_some_and(|step| fits(&totp, step, code))));
        compared
            .into_iter()
            .filter_map(|(step, fits)| step.filter(|_| fits))
            .collect()
    }

    /// The same as a fact for a decision about the authenticator that this is the secret of.
    pub fn judge(
        &self,
        authenticator: CredentialId,
        code: &TotpCode,
        unix_seconds: u64,
    ) -> CodeVerdict {
        CodeVerdict::new(authenticator, self.matching_steps(code, unix_seconds))
    }

    fn generator(&self) -> Totp {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_step_duration(STEP_SECONDS)
            .with_secret(Secret::new_stack(*self.0))
            .build_noncompliant()
    }
}

fn fits(totp: &Totp, step: u64, code: &TotpCode) -> bool {
    step.checked_mul(STEP_SECONDS).is_some_and(|seconds| {
        let right = Zeroizing::new(totp.generate(seconds).to_string());
        right.as_bytes().ct_eq(code.0.as_slice()).into()
    })
}

/// RFC 3986, section 2.3: everything but the unreserved characters, so a space as `%20`.
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut encoded, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                encoded.push(byte.into());
            } else {
                encoded.push('%');
                encoded.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
            }
            encoded
        })
}

impl fmt::Debug for TotpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpCode(…)")
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

#[cfg(test)]
mod tests;
