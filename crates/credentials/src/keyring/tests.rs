use std::collections::HashSet;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

use super::*;
use crate::SystemRandom;

pub(crate) fn keyring(keys: &[(u32, u8)]) -> Keyring {
    let line = |(id, byte): &(u32, u8)| format!("{id} {}", BASE64URL_NOPAD.encode(&[*byte; 32]));
    let lines = keys.iter().map(line).collect::<Vec<_>>();
    Keyring::derive(&MasterKeys::parse(&lines.join("\n")).unwrap())
}

/// The keys that are kept stand in this order.
#[test]
fn purposes_are_listed_in_the_order_of_their_declaration() {
    for (place, purpose) in Purpose::ALL.into_iter().enumerate() {
        assert_eq!(purpose as usize, place, "{purpose:?}");
    }
}

#[test]
fn mac_tamper() {
    let ring = keyring(&[(1, 1)]);
    let key = ring.current();
    let parts: [&[u8]; 2] = [b"account", b"content"];
    let tag = ring.mac(Purpose::StateMac, key, &parts).unwrap();
    assert!(ring.verify_mac(Purpose::StateMac, key, &parts, &tag));
    for bit in 0..256 {
        let mut changed = tag;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(
            !ring.verify_mac(Purpose::StateMac, key, &parts, &changed),
            "bit {bit}"
        );
    }
    assert!(!ring.verify_mac(Purpose::StateMac, key, &parts, &tag[..31]));
    assert!(!ring.verify_mac(Purpose::StateMac, key, &parts, b""));
    assert!(!ring.verify_mac(Purpose::StateMac, key, &[b"accountc", b"ontent"], &tag));
    assert!(!ring.verify_mac(Purpose::EventMac, key, &parts, &tag));
    assert!(!ring.verify_mac(Purpose::StateMac, KeyId(2), &parts, &tag));
}

/// Checks: ASVS-11.1.1, "each key has one purpose (HKDF label)".
#[test]
fn every_purpose_has_a_label_of_its_own() {
    let labels = Purpose::ALL.map(Purpose::label);
    assert_eq!(labels.into_iter().collect::<HashSet<_>>().len(), 14);
    for label in labels {
        assert!(label.chars().all(|c| c == '-' || c.is_ascii_lowercase()));
    }
}

#[test]
fn every_purpose_and_use_has_a_key_of_its_own() {
    let ring = keyring(&[(1, 1), (2, 2)]);
    let mut keys = HashSet::new();
    for id in ring.key_ids() {
        for purpose in Purpose::ALL {
            for action in ["mac", "seal"] {
                let key = ring.with_root(id, |root| root.subkey(purpose, action));
                assert!(keys.insert(*key.unwrap()));
            }
        }
    }
    assert_eq!(keys.len(), 56);
}

/// Values that are stored, computed by another implementation: if this fails, every existing database has become unreadable.
#[test]
fn the_derivation_never_changes() {
    let ring = keyring(&[(1, 1)]);
    let hex = |bytes: [u8; 32]| HEXLOWER.encode(&bytes);
    assert_eq!(hex(ring.check_value(KeyId(1)).unwrap()), CHECK);
    assert_eq!(
        hex(ring.address_hash(&"Jane@Example.org".parse().unwrap())),
        ADDRESS
    );
    let sealed = Sealed {
        key_id: KeyId(1),
        bytes: HEXLOWER.decode(SEALED.as_bytes()).unwrap(),
    };
    assert_eq!(
        &**ring.open(Purpose::Outbox, &[b"row"], &sealed).unwrap(),
        b"a mail"
    );
}

const CHECK: &str = "c1f3ee8b805cb808ba7be6d791e4640c8bcc00c6ebc3dbee63563fa6418d401f";
const ADDRESS: &str = "2fef7203bad483f92662615ae36ec2fafb0563152df7ecd886eff0f83c364e20";
const SEALED: &str = "01000102030405060708090a0b4b946a741d98f8ebd365ed9eca510b75d59ef76c3e09";

#[test]
fn an_address_is_found_by_either_spelling_also_after_a_key_was_added() {
    let (old, new) = (keyring(&[(1, 1)]), keyring(&[(1, 1), (2, 2)]));
    let address = "Jane@Example.org".parse().unwrap();
    assert_eq!(
        old.address_hash(&address),
        old.address_hash(&"jane@example.ORG".parse().unwrap())
    );
    let other = keyring(&[(1, 2)]);
    assert_ne!(old.address_hash(&address), other.address_hash(&address));
    // Or nobody would be found any more once there is a second key.
    assert_eq!(old.address_hash(&address), new.address_hash(&address));
    assert_eq!(new.lookup_key(), KeyId(1));
    assert_ne!(old.source_hash("192.0.2.1"), old.source_hash("192.0.2.2"));
}

#[test]
fn aad_swap_fails() {
    let ring = keyring(&[(1, 1)]);
    let sealed = ring
        .seal(Purpose::Outbox, &[b"row 1"], b"a mail", &SystemRandom)
        .unwrap();
    assert_eq!(
        &**ring.open(Purpose::Outbox, &[b"row 1"], &sealed).unwrap(),
        b"a mail"
    );
    let damaged = Some(Unsealable::Damaged);
    assert_eq!(
        ring.open(Purpose::Outbox, &[b"row 2"], &sealed).err(),
        damaged
    );
    assert_eq!(
        ring.open(Purpose::Outbox, &[b"row", b" 1"], &sealed).err(),
        damaged
    );
    assert_eq!(
        ring.open(Purpose::Wrapping, &[b"row 1"], &sealed).err(),
        damaged
    );
    assert_eq!(
        keyring(&[(1, 2)])
            .open(Purpose::Outbox, &[b"row 1"], &sealed)
            .err(),
        damaged
    );
}

#[test]
fn what_an_older_key_sealed_opens_until_that_key_is_gone() {
    let sealed = keyring(&[(1, 1)])
        .seal(Purpose::Outbox, &[], b"old", &SystemRandom)
        .unwrap();
    let both = keyring(&[(1, 1), (2, 2)]);
    assert_eq!(&**both.open(Purpose::Outbox, &[], &sealed).unwrap(), b"old");
    assert_eq!(
        both.seal(Purpose::Outbox, &[], b"new", &SystemRandom)
            .unwrap()
            .key_id,
        KeyId(2)
    );
    assert_eq!(
        keyring(&[(2, 2)]).open(Purpose::Outbox, &[], &sealed).err(),
        Some(Unsealable::UnknownKey(KeyId(1))),
    );
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(
        format!("{:?}", keyring(&[(1, 65)])),
        "Keyring { keys: [KeyId(1)], .. }"
    );
}

/// A source that gives what it was told to, once.
#[derive(Clone, Default)]
struct Told(Arc<std::sync::Mutex<(Option<MasterKeys>, Vec<KeysLost>)>>);

impl Told {
    fn tell(&self, keys: &[(&str, u8)]) {
        self.0.lock().unwrap().0 = Some(master_keys(keys));
    }
}

impl KeySource for Told {
    fn changed(&self) -> Option<MasterKeys> {
        self.0.lock().unwrap().0.take()
    }

    fn refused(&self, why: KeysLost) {
        self.0.lock().unwrap().1.push(why);
    }
}

fn master_keys(keys: &[(&str, u8)]) -> MasterKeys {
    let line = |(id, byte): &(&str, u8)| format!("{id} {}", BASE64URL_NOPAD.encode(&[*byte; 32]));
    let lines = keys.iter().map(line).collect::<Vec<_>>();
    MasterKeys::parse(&lines.join("\n")).unwrap()
}

#[test]
fn a_key_that_is_met_and_not_known_is_looked_for_at_the_source() {
    let source = Told::default();
    let ring = Keyring::following(&master_keys(&[("1", 1)]), Box::new(source.clone()));
    let sealed = keyring(&[(1, 1), (2, 2)]).seal(Purpose::Outbox, &[], b"new", &SystemRandom);
    let sealed = sealed.unwrap();
    let unknown = Some(Unsealable::UnknownKey(KeyId(2)));
    assert_eq!(ring.open(Purpose::Outbox, &[], &sealed).err(), unknown);
    source.tell(&[("1", 1), ("2", 2)]);
    assert_eq!(&**ring.open(Purpose::Outbox, &[], &sealed).unwrap(), b"new");
    // Read with, and not written with before somebody has made sure of it.
    assert_eq!((ring.current(), ring.newest()), (KeyId(1), KeyId(2)));
    ring.write_with_newest();
    assert_eq!(ring.current(), KeyId(2));
}

#[test]
fn a_key_on_standby_opens_and_seals_nothing_until_it_is_promoted() {
    let source = Told::default();
    let ring = Keyring::following(
        &master_keys(&[("1", 1), ("2 standby", 2)]),
        Box::new(source.clone()),
    );
    let elsewhere = keyring(&[(1, 1), (2, 2)]);
    let sealed = elsewhere.seal(Purpose::Outbox, &[], b"new", &SystemRandom);
    assert!(ring.open(Purpose::Outbox, &[], &sealed.unwrap()).is_ok());
    assert_eq!((ring.newest(), ring.key_ids()), (KeyId(1), vec![KeyId(1)]));
    ring.write_with_newest();
    assert_eq!(ring.current(), KeyId(1));
    source.tell(&[("1", 1), ("2", 2)]);
    ring.reload();
    ring.write_with_newest();
    assert_eq!(ring.current(), KeyId(2));
    assert_eq!(ring.lookup_key(), KeyId(1));
}

#[test]
fn what_has_no_key_id_of_its_own_fits_under_every_key() {
    let (old, standby) = (
        keyring(&[(1, 1)]),
        master_keys(&[("1", 1), ("2 standby", 2)]),
    );
    let (waiting, new) = (Keyring::derive(&standby), keyring(&[(1, 1), (2, 2)]));
    for made in [&old, &new] {
        for read in [&waiting, &new] {
            let form = made.form_token(&[b"browser"], 7);
            assert_eq!(read.form_written_at(&[b"browser"], &form), Some(7));
            let session = made.staff_session_token(uuid::Uuid::nil(), uuid::Uuid::max());
            assert!(read.staff_session_token_matches(&session));
        }
    }
    let form = new.form_token(&[b"browser"], 7);
    assert_eq!(old.form_written_at(&[b"browser"], &form), None);
}

#[test]
fn a_reload_takes_no_key_away_that_may_have_been_written_with() {
    let source = Told::default();
    let keys = master_keys(&[("2", 2), ("3", 3), ("4 standby", 4)]);
    let ring = Keyring::following(&keys, Box::new(source.clone()));
    for (keys, lost) in [
        (&[("3", 3)][..], KeysLost::Key(KeyId(2))),
        (&[("2", 2)], KeysLost::Key(KeyId(3))),
        (&[("2", 2), ("3", 9)], KeysLost::Key(KeyId(3))),
        (&[("1", 1), ("2", 2), ("3", 3)], KeysLost::Oldest(KeyId(2))),
    ] {
        source.tell(keys);
        ring.reload();
        assert_eq!(source.0.lock().unwrap().1.pop(), Some(lost), "{keys:?}");
        assert_eq!(ring.key_ids(), [KeyId(2), KeyId(3)]);
    }
    // One that was never written with may be another, or gone.
    source.tell(&[("2", 2), ("3", 3), ("4", 5)]);
    ring.reload();
    assert_eq!(ring.newest(), KeyId(4));
    source.tell(&[("2", 2), ("3", 3)]);
    ring.reload();
    assert_eq!(ring.newest(), KeyId(3));
    assert_eq!(source.0.lock().unwrap().1, []);
}
