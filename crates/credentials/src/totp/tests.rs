use proptest::prelude::*;

use super::*;
use crate::SystemRandom;

/// The secret of RFC 6238, appendix B.
fn rfc_secret() -> TotpSecret {
    TotpSecret::from_bytes(b"12345678901234567890").unwrap()
}

fn code(text: &str) -> TotpCode {
    TotpCode::parse(text).unwrap()
}

fn code_of(secret: &TotpSecret, step: u64) -> TotpCode {
    code(&secret.generator().generate(step * STEP_SECONDS).to_string())
}

/// RFC 6238, appendix B, the SHA-1 rows; the last six of their eight digits.
#[test]
fn rfc6238_vectors() {
    for (seconds, digits) in [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ] {
        let steps = rfc_secret().matching_steps(&code(&digits[2..]), seconds);
        assert_eq!(steps, [seconds / 30], "{seconds}");
    }
}

#[test]
fn leading_zero_code() {
    let seconds = 1_111_111_109;
    assert_eq!(
        rfc_secret().matching_steps(&code("081804"), seconds).len(),
        1
    );
    assert!(TotpCode::parse("81804").is_none());
    assert!(
        rfc_secret()
            .matching_steps(&code("818040"), seconds)
            .is_empty()
    );
}

#[test]
fn totp_after_2038() {
    for seconds in [
        i32::MAX as u64 + 1,
        u64::from(u32::MAX) + 1,
        253_402_300_799,
    ] {
        let step = seconds / 30;
        let found = rfc_secret().matching_steps(&code_of(&rfc_secret(), step), seconds);
        assert_eq!(found, [step], "{seconds}");
    }
}

#[test]
fn totp_window_exact() {
    let secret = TotpSecret::from_bytes(&[5; 20]).unwrap();
    let step = 59_850_000;
    let code = code_of(&secret, step);
    let opens = (step - 1) * 30;
    let closes = (step + 2) * 30;
    for seconds in opens - 90..closes + 90 {
        let accepted = secret.matching_steps(&code, seconds).contains(&step);
        assert_eq!(accepted, (opens..closes).contains(&seconds), "{seconds}");
    }
}

/// Checks: no_wide_resync (RFC6238-6): a clock that is wrong is not learnt, however often it shows.
#[test]
fn no_wide_resync_a_device_that_is_always_two_steps_off_never_gets_in() {
    let secret = TotpSecret::from_bytes(&[5; 20]).unwrap();
    for step in 59_850_000..59_850_200 {
        for off in [step - 2, step + 2] {
            let steps = secret.matching_steps(&code_of(&secret, off), step * 30);
            assert!(!steps.contains(&off), "{off} at {step}");
        }
    }
}

#[test]
fn at_the_ends_of_time_there_are_fewer_steps_and_no_failure() {
    let secret = rfc_secret();
    assert_eq!(secret.matching_steps(&code_of(&secret, 0), 0), [0]);
    assert_eq!(secret.matching_steps(&code_of(&secret, 1), 0), [1]);
    let last = u64::MAX / STEP_SECONDS;
    assert_eq!(
        secret.matching_steps(&code_of(&secret, last), u64::MAX),
        [last]
    );
}

/// Steps that share their code are rare; these two were searched for.
#[test]
fn a_code_that_fits_two_steps_is_reported_for_both() {
    let steps = rfc_secret().matching_steps(&code("911617"), 910_738 * 30);
    assert_eq!(steps, [910_737, 910_738]);
    let steps = rfc_secret().matching_steps(&code("468457"), 153_568 * 30);
    assert_eq!(steps, [153_567, 153_569]);
}

#[test]
fn seed_len() {
    let secret = TotpSecret::generate(&SystemRandom).unwrap();
    assert_eq!(secret.as_bytes().len() * 8, 160);
    assert_eq!(secret.base32().len(), 32);
    assert!(!secret.base32().contains('='));
    assert_eq!(
        BASE32_NOPAD.decode(secret.base32().as_bytes()).unwrap(),
        secret.as_bytes()
    );
    assert!(TotpSecret::from_bytes(&[0; 19]).is_err());
    assert_ne!(
        TotpSecret::generate(&SystemRandom).unwrap().as_bytes(),
        secret.as_bytes()
    );
}

#[test]
fn a_code_is_six_ascii_digits_with_spaces_and_dashes_ignored() {
    for text in ["123456", "123 456", " 12-34-56 ", "1\u{a0}2\t3456"] {
        assert_eq!(&*code(text).0, b"123456", "{text}");
    }
    for text in [
        "",
        "12345",
        "1234567",
        "12345a",
        "+123456",
        "123.456",
        "１２３４５６",
        "٣٣٣٣٣٣",
    ] {
        assert!(TotpCode::parse(text).is_none(), "{text}");
    }
}

#[test]
fn a_verdict_names_the_authenticator() {
    let authenticator = CredentialId::from_uuid(uuid::Uuid::from_u128(7));
    let verdict = rfc_secret().judge(authenticator, &code("287082"), 59);
    assert_eq!(verdict, CodeVerdict::new(authenticator, vec![1]));
}

#[test]
fn an_uri_has_the_form_that_apps_read() {
    assert_eq!(
        *rfc_secret().otpauth_uri("Acme: Portal & Co", "o'jane+x y@exämple.org"),
        "otpauth://totp/Acme%20Portal%20%26%20Co:o%27jane%2Bx%20y%40ex%C3%A4mple.org\
         ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20Portal%20%26%20Co\
         &algorithm=SHA1&digits=6&period=30",
    );
}

proptest! {
    #[test]
    fn otpauth_roundtrip(issuer in "[^:]{1,40}", account in "\\PC{1,60}") {
        let secret = TotpSecret::generate(&SystemRandom).unwrap();
        let uri = secret.otpauth_uri(&issuer, &account);
        prop_assert!(uri.is_ascii());
        let read = Totp::from_url_unchecked(&*uri).unwrap();
        prop_assert_eq!(read.issuer(), Some(issuer.as_str()));
        prop_assert_eq!(read.account_name(), account.as_str());
        prop_assert_eq!(read.secret().as_bytes(), secret.as_bytes());
        prop_assert_eq!((read.digits(), read.step()), (6, 30));
    }
}

#[test]
fn debug_shows_neither_secret_nor_code() {
    assert_eq!(format!("{:?}", rfc_secret()), "TotpSecret(…)");
    assert_eq!(format!("{:?}", code("123456")), "TotpCode(…)");
}
