//! The MAC of a row that holds a token's hash: of sessions, and of staff.
//!
//! The hash stays under the key that the token was issued under, which `key_id` names; the MAC is
//! made anew whenever the row is written. Permanent:
//!
//! ```text
//! under the token's key:  HMAC( parts )
//! under another:          key id (u32 BE) ‖ HMAC( parts, the token's key id (u32 BE) )
//! ```

use credentials::{KeyId, Keyring, Purpose, UnknownKey};

const MAC: usize = 32;

/// Under the current key.
pub(crate) fn row_mac(
    keyring: &Keyring,
    purpose: Purpose,
    token_key: KeyId,
    parts: &[&[u8]],
) -> Result<Vec<u8>, UnknownKey> {
    let key = keyring.current();
    if key == token_key {
        return Ok(keyring.mac(purpose, key, parts)?.to_vec());
    }
    let id = token_key.0.to_be_bytes();
    let mac = keyring.mac(purpose, key, &[parts, &[&id]].concat())?;
    Ok([key.0.to_be_bytes().as_slice(), &mac].concat())
}

pub(crate) fn row_mac_fits(
    keyring: &Keyring,
    purpose: Purpose,
    token_key: KeyId,
    parts: &[&[u8]],
    stored: &[u8],
) -> bool {
    let id = token_key.0.to_be_bytes();
    match split(stored) {
        Some((key, mac)) => keyring.verify_mac(purpose, key, &[parts, &[&id]].concat(), mac),
        None => keyring.verify_mac(purpose, token_key, parts, stored),
    }
}

/// The key that a stored MAC is under.
pub(crate) fn row_mac_key(token_key: KeyId, stored: &[u8]) -> KeyId {
    split(stored).map_or(token_key, |(key, _)| key)
}

fn split(stored: &[u8]) -> Option<(KeyId, &[u8])> {
    let (key, mac) = stored.split_first_chunk()?;
    (mac.len() == MAC).then_some((KeyId(u32::from_be_bytes(*key)), mac))
}

/// The same in SQL.
macro_rules! row_mac_key_sql {
    () => {
        "CASE WHEN octet_length(mac) = 36
            THEN ('x' || encode(substr(mac, 1, 4), 'hex'))::bit(32)::integer ELSE key_id END"
    };
}
pub(crate) use row_mac_key_sql;

#[cfg(test)]
mod tests {
    use credentials::MasterKeys;

    use super::*;

    fn keyring(lines: &[&str]) -> Keyring {
        let line = |line: &&str| format!("{line}{}\n", "A".repeat(42));
        let text = lines.iter().map(line).collect::<String>();
        Keyring::derive(&MasterKeys::parse(&text).unwrap())
    }

    const PARTS: [&[u8]; 2] = [b"row", b"content"];
    const PURPOSE: Purpose = Purpose::SessionMac;

    #[test]
    fn a_row_is_authenticated_under_the_current_key_whatever_key_its_token_is_under() {
        let (one, two) = (keyring(&["1 A"]), keyring(&["1 A", "2 I"]));
        for (ring, token_key, length) in [(&one, 1, 32), (&two, 1, 36), (&two, 2, 32)] {
            let mac = row_mac(ring, PURPOSE, KeyId(token_key), &PARTS).unwrap();
            assert_eq!(mac.len(), length);
            let fits = |key, parts: &[&[u8]], mac: &[u8]| {
                row_mac_fits(&two, PURPOSE, KeyId(key), parts, mac)
            };
            assert!(fits(token_key, &PARTS, &mac));
            assert!(!fits(3 - token_key, &PARTS, &mac));
            assert!(!fits(token_key, &PARTS[..1], &mac));
            for byte in 0..length {
                let mut changed = mac.clone();
                changed[byte] ^= 1;
                assert!(!fits(token_key, &PARTS, &changed), "byte {byte}");
            }
            for length in [0, 3, 4, 31, 33, 35] {
                assert!(!fits(
                    token_key,
                    &PARTS,
                    mac.get(..length).unwrap_or_default()
                ));
            }
        }
        let before = row_mac(&one, PURPOSE, KeyId(1), &PARTS).unwrap();
        assert!(row_mac_fits(&two, PURPOSE, KeyId(1), &PARTS, &before));
    }
}
