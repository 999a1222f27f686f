use super::*;
use crate::SystemRandom;
use crate::keyring::tests::keyring;

const OWNER: Uuid = Uuid::from_u128(1);
const STRANGER: Uuid = Uuid::from_u128(2);
const CREDENTIAL: CredentialId = CredentialId::from_uuid(Uuid::from_u128(3));
const LATER: CredentialId = CredentialId::from_uuid(Uuid::from_u128(4));
const DAMAGED: Option<Unsealable> = Some(Unsealable::Damaged);

fn data_key() -> DataKey {
    DataKey::generate(&SystemRandom).unwrap()
}

#[test]
fn a_concealed_value_is_revealed_with_the_salt_that_proves_it() {
    let key = data_key();
    let personal = key
        .conceal(OWNER, Field::Email, "jane@example.org", &SystemRandom)
        .unwrap();
    assert_eq!(
        key.reveal(OWNER, Field::Email, &personal).unwrap(),
        "jane@example.org"
    );
    let (salt, value) = key
        .reveal_with_salt(OWNER, Field::Email, &personal)
        .unwrap();
    let proof: [u8; 32] = Sha256::digest([&salt, value.as_bytes()].concat()).into();
    assert_eq!(&proof, personal.commitment());
}

#[test]
fn the_same_value_twice_cannot_be_recognised() {
    let key = data_key();
    let conceal = || {
        key.conceal(OWNER, Field::Ip, "192.0.2.1", &SystemRandom)
            .unwrap()
    };
    let (one, other) = (conceal(), conceal());
    assert_ne!(one.commitment(), other.commitment());
    assert_ne!(one.sealed(), other.sealed());
}

#[test]
fn a_value_that_is_not_the_one_committed_to_is_refused() {
    let key = data_key();
    let one = key
        .conceal(OWNER, Field::Ip, "192.0.2.1", &SystemRandom)
        .unwrap();
    let other = key
        .conceal(OWNER, Field::Ip, "192.0.2.2", &SystemRandom)
        .unwrap();
    let mixed = Personal::new(*one.commitment(), other.sealed().to_vec());
    assert_eq!(key.reveal(OWNER, Field::Ip, &mixed).err(), DAMAGED);
}

#[test]
fn aad_swap_fails_for_fields_and_texts() {
    let key = data_key();
    let personal = key
        .conceal(OWNER, Field::Ip, "192.0.2.1", &SystemRandom)
        .unwrap();
    assert_eq!(key.reveal(STRANGER, Field::Ip, &personal).err(), DAMAGED);
    assert_eq!(
        key.reveal(OWNER, Field::UserAgent, &personal).err(),
        DAMAGED
    );
    assert_eq!(
        data_key().reveal(OWNER, Field::Ip, &personal).err(),
        DAMAGED
    );
    let text = key
        .seal_text(OWNER, "session-ip", "192.0.2.1", &SystemRandom)
        .unwrap();
    assert_eq!(
        key.open_text(OWNER, "session-ip", &text).unwrap(),
        "192.0.2.1"
    );
    assert_eq!(key.open_text(STRANGER, "session-ip", &text).err(), DAMAGED);
    assert_eq!(key.open_text(OWNER, "ip", &text).err(), DAMAGED);
    assert_eq!(
        key.open_text(OWNER, "session-ip", personal.sealed()).err(),
        DAMAGED
    );
}

#[test]
fn aad_swap_fails_for_secrets() {
    let key = data_key();
    let kind = SecretKind::TotpSecret;
    let seal = |credential| {
        key.seal_secret(OWNER, credential, kind, b"a seed", &SystemRandom)
            .unwrap()
    };
    let (secret, later) = (seal(CREDENTIAL), seal(LATER));
    assert_eq!(
        &**key.open_secret(OWNER, CREDENTIAL, kind, &secret).unwrap(),
        b"a seed"
    );
    assert_eq!(
        key.open_secret(STRANGER, CREDENTIAL, kind, &secret).err(),
        DAMAGED
    );
    assert_eq!(key.open_secret(OWNER, LATER, kind, &secret).err(), DAMAGED);
    let hash = SecretKind::PasswordHash;
    assert_eq!(
        key.open_secret(OWNER, CREDENTIAL, hash, &secret).err(),
        DAMAGED
    );
    assert_eq!(
        data_key()
            .open_secret(OWNER, CREDENTIAL, kind, &secret)
            .err(),
        DAMAGED
    );
    let mixed = SealedSecret {
        wrapped_key: later.wrapped_key,
        sealed: secret.sealed,
    };
    assert_eq!(
        key.open_secret(OWNER, CREDENTIAL, kind, &mixed).err(),
        DAMAGED
    );
}

#[test]
fn a_secret_is_gone_with_its_key() {
    let key = data_key();
    let kind = SecretKind::PasswordHash;
    let secret = key
        .seal_secret(OWNER, CREDENTIAL, kind, b"a hash", &SystemRandom)
        .unwrap();
    let erased = SealedSecret {
        wrapped_key: Vec::new(),
        sealed: secret.sealed,
    };
    assert_eq!(
        key.open_secret(OWNER, CREDENTIAL, kind, &erased).err(),
        DAMAGED
    );
}

#[test]
fn a_data_key_opens_for_its_owner_under_its_master_key() {
    let ring = keyring(&[(1, 1)]);
    let key = data_key();
    let wrapped = key.wrap(&ring, OWNER, &SystemRandom).unwrap();
    assert_eq!(*DataKey::unwrap(&ring, OWNER, &wrapped).unwrap().0, *key.0);
    assert_eq!(DataKey::unwrap(&ring, STRANGER, &wrapped).err(), DAMAGED);
    assert_eq!(
        DataKey::unwrap(&keyring(&[(1, 2)]), OWNER, &wrapped).err(),
        DAMAGED
    );
    assert_eq!(
        DataKey::unwrap(&keyring(&[(2, 1)]), OWNER, &wrapped).err(),
        Some(Unsealable::UnknownKey(KeyId(1))),
    );
}

#[test]
fn every_label_is_used_once() {
    let fields = [
        Field::Email,
        Field::Ip,
        Field::UserAgent,
        Field::RequestId,
        Field::UnlockReason,
        Field::UnlockTicket,
        Field::SearchedAddress,
    ];
    let labels = fields
        .map(Field::label)
        .into_iter()
        .collect::<std::collections::HashSet<_>>();
    assert_eq!(labels.len(), fields.len());
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(format!("{:?}", data_key()), "DataKey(…)");
}
