use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::SystemRandom;
use crate::keyring::tests::keyring;

const OWNER: Uuid = Uuid::from_u128(1);
const ID: Uuid = Uuid::from_u128(2);

fn token(kind: TokenKind) -> Token {
    Token::generate(kind, OWNER, ID, &SystemRandom).unwrap()
}

/// The same owner, row and secret under the name of another kind.
fn disguised(token: &Token, kind: TokenKind) -> Token {
    Token {
        kind,
        owner: token.owner,
        id: token.id,
        secret: token.secret.clone(),
    }
}

#[test]
fn token_purpose_matrix() {
    let ring = keyring(&[(1, 1)]);
    for issued in TokenKind::ALL {
        let token = token(issued);
        let hash = ring.token_hash(&token);
        for asked in TokenKind::ALL {
            let same = issued == asked;
            assert_eq!(Token::parse(asked, &token.reveal()).is_some(), same);
            assert_eq!(ring.token_matches(&disguised(&token, asked), &hash), same);
        }
    }
}

#[test]
fn session_token_entropy_and_token_entropy() {
    for kind in TokenKind::ALL {
        let tokens = (0..2_000).map(|_| token(kind)).collect::<Vec<_>>();
        let distinct = tokens
            .iter()
            .map(|t| t.secret.to_vec())
            .collect::<HashSet<_>>();
        assert_eq!(distinct.len(), 2_000);
        assert!(distinct.iter().all(|secret| secret.len() * 8 == 256));
        let ones = distinct
            .iter()
            .flatten()
            .map(|byte| u64::from(byte.count_ones()))
            .sum::<u64>();
        let fair = 2_000 * 256 / 2;
        assert!(
            ones.abs_diff(fair) < fair / 50,
            "{ones} of {} bits are set",
            2 * fair
        );
    }
}

/// Checks: chk_asvs_9_1_2 (ASVS-9.1.2): a token names neither an algorithm nor a key; its kind alone
/// says how it is checked. Checks: chk_asvs_9_1_3 (ASVS-9.1.3): keys are those of our ring.
#[test]
fn a_token_cannot_choose_how_or_under_which_key_it_is_checked() {
    let (ours, theirs) = (keyring(&[(1, 1)]), keyring(&[(1, 9)]));
    for kind in TokenKind::ALL {
        let token = token(kind);
        let text = token.reveal();
        let bytes = BASE64URL_NOPAD
            .decode(text.strip_prefix(kind.prefix()).unwrap().as_bytes())
            .unwrap();
        let parts = [OWNER.as_bytes().as_slice(), ID.as_bytes(), &*token.secret];
        assert_eq!(bytes, parts.concat(), "nothing else is in it");
        let made_elsewhere = theirs.token_hash(&token);
        assert!(!ours.token_matches(&token, &made_elsewhere));
        let unknown = TokenHash {
            key_id: KeyId(7),
            ..ours.token_hash(&token)
        };
        assert!(!ours.token_matches(&token, &unknown));
    }
    // The forms in which other services' tokens name their algorithm are no tokens.
    for foreign in [
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
        "v2.local.AAAA",
        "v4.public.AAAA",
    ] {
        for kind in TokenKind::ALL {
            assert!(Token::parse(kind, foreign).is_none());
        }
    }
}

/// Checks: chk_nist_5_1_a_c (NIST-5.1-A..C), code_entropy_floor (ASVS-6.5.4).
#[test]
fn a_session_is_a_secret_of_the_service_that_the_owner_s_client_presents_in_whole() {
    let ring = keyring(&[(1, 1)]);
    for kind in [TokenKind::Session, TokenKind::BrowserSession] {
        let issued = token(kind);
        assert_eq!(issued.secret.len() * 8, 256);
        let hash = ring.token_hash(&issued);
        assert!(ring.token_matches(&issued, &hash));
        // Who knows whose session it is, and which, knows nothing that opens it.
        let guessed = Token::generate(kind, OWNER, ID, &SystemRandom).unwrap();
        assert!(!ring.token_matches(&guessed, &hash));
        assert_ne!(hash.hash, *issued.secret);
    }
}

#[test]
fn a_token_is_read_as_it_was_written() {
    let ring = keyring(&[(1, 1)]);
    for kind in TokenKind::ALL {
        let issued = token(kind);
        let text = issued.reveal();
        assert!(text.starts_with(kind.prefix()));
        assert_eq!(text.len(), kind.prefix().len() + 86);
        let read = Token::parse(kind, &text).unwrap();
        assert_eq!((read.kind(), read.owner(), read.id()), (kind, OWNER, ID));
        assert!(ring.token_matches(&read, &ring.token_hash(&issued)));
    }
}

#[test]
fn only_the_one_spelling_is_a_token() {
    let text = token(TokenKind::Session).reveal();
    let last = text.chars().last().unwrap();
    let sibling = char::from_u32(u32::from(last) + 1).unwrap();
    for changed in [
        String::new(),
        format!(" {}", *text),
        format!("{}\n", *text),
        format!("{}=", *text),
        format!("{}A", *text),
        text[..text.len() - 1].to_owned(),
        format!("{}{sibling}", &text[..text.len() - 1]),
        text.to_uppercase(),
        text.replace("cs_session_", ""),
        "cs_session_".to_owned() + &"é".repeat(43),
    ] {
        assert!(
            Token::parse(TokenKind::Session, &changed).is_none(),
            "{changed:?}"
        );
    }
}

proptest! {
    #[test]
    fn whatever_parses_is_the_canonical_text(text in "cs_reset_[A-Za-z0-9_-]{86}") {
        if let Some(token) = Token::parse(TokenKind::Reset, &text) {
            prop_assert_eq!(&*token.reveal(), &text);
        }
    }

    #[test]
    fn no_text_makes_the_parser_fail(text in any::<String>()) {
        prop_assert!(Token::parse(TokenKind::Session, &text).is_none());
    }
}

#[test]
fn a_token_that_differs_anywhere_does_not_match() {
    let ring = keyring(&[(1, 1)]);
    let right = token(TokenKind::Session);
    let hash = ring.token_hash(&right);
    let text = right.reveal();
    for index in "cs_session_".len()..text.len() {
        let mut changed = text.as_bytes().to_vec();
        changed[index] = if changed[index] == b'A' { b'Q' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        if let Some(wrong) = Token::parse(TokenKind::Session, &changed) {
            assert!(!ring.token_matches(&wrong, &hash), "character {index}");
        }
    }
}

#[test]
fn a_hash_survives_a_newer_key_and_dies_with_its_own() {
    let token = token(TokenKind::Session);
    let hash = keyring(&[(1, 1)]).token_hash(&token);
    assert!(keyring(&[(1, 1), (2, 2)]).token_matches(&token, &hash));
    assert!(!keyring(&[(2, 2)]).token_matches(&token, &hash));
    assert!(!keyring(&[(1, 2)]).token_matches(&token, &hash));
}

#[test]
fn a_staff_session_token_is_bound_to_the_member_of_staff_and_the_sign_in() {
    let ring = keyring(&[(1, 1)]);
    let issued = ring.staff_session_token(OWNER, ID);
    let read = Token::parse(TokenKind::StaffSession, &issued.reveal()).unwrap();
    assert!(ring.staff_session_token_matches(&read));
    for (owner, id) in [(ID, ID), (OWNER, OWNER), (ID, OWNER)] {
        let moved = Token {
            kind: TokenKind::StaffSession,
            owner,
            id,
            secret: read.secret.clone(),
        };
        assert!(!ring.staff_session_token_matches(&moved));
    }
    assert!(!ring.staff_session_token_matches(&disguised(&read, TokenKind::Staff)));
    assert!(!keyring(&[(1, 2)]).staff_session_token_matches(&read));
}

#[test]
fn a_device_token_is_bound_to_account_device_and_nonce() {
    let ring = keyring(&[(1, 1), (2, 2)]);
    let nonce = |key, byte| DeviceNonce {
        key_id: KeyId(key),
        bytes: [byte; 16],
    };
    let issued = ring.device_token(OWNER, ID, &nonce(1, 7)).unwrap();
    let read = Token::parse(TokenKind::Device, &issued.reveal()).unwrap();
    assert!(ring.device_token_matches(&read, &nonce(1, 7)));
    for other in [nonce(1, 8), nonce(2, 7), nonce(3, 7)] {
        assert!(!ring.device_token_matches(&read, &other));
    }
    for (owner, id) in [(ID, ID), (OWNER, OWNER), (ID, OWNER)] {
        let moved = Token {
            kind: TokenKind::Device,
            owner,
            id,
            secret: read.secret.clone(),
        };
        assert!(!ring.device_token_matches(&moved, &nonce(1, 7)));
    }
    let session = disguised(&read, TokenKind::Session);
    assert!(!ring.device_token_matches(&session, &nonce(1, 7)));
    assert!(ring.device_token(OWNER, ID, &nonce(3, 7)).is_err());
}

#[test]
fn debug_shows_neither_token_nor_hash() {
    let token = token(TokenKind::Reset);
    assert_eq!(format!("{token:?}"), "Token { kind: Reset, .. }");
    let hash = keyring(&[(1, 1)]).token_hash(&token);
    assert_eq!(format!("{hash:?}"), "TokenHash { key_id: KeyId(1), .. }");
}
