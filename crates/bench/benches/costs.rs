//! What single steps of a request compute, without HTTP, database or other cores:
//! `cargo bench --package bench`.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has nothing to tell"
)]

use account::state::Account;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use credentials::{
    DataKey, Field, HashingSettings, Keyring, LogSigner, MasterKeys, Purpose, SystemRandom, Token,
    TokenKind,
};
use divan::{Bencher, black_box};
use proofs::event::{GENESIS, Preimage};
use uuid::Uuid;

const OWNER: Uuid = Uuid::from_u128(0x019f_0000_0000_7000_8000_0000_0000_0001);
const EMAIL: &str = "019f0000-0000-7000-8000-000000000001@example.com";
/// Bytes of an event's payload, and of its metadata.
const TEXT: usize = 500;
/// Sessions that an account has: one, and as many as there may be.
const SESSIONS: [usize; 2] = [1, 10];

fn main() {
    divan::main();
}

fn keyring() -> Keyring {
    Keyring::derive(&MasterKeys::generate(&SystemRandom).unwrap())
}

/// The state row of an account, as text.
fn state(sessions: usize) -> String {
    let session = serde_json::json!({
        "id": OWNER, "expires_at": "2026-12-14T23:14:48.178515Z", "factors": ["password"],
        "rejected": { "count": 0, "opened_at": null },
    });
    let personal = data_key().conceal(OWNER, Field::Email, EMAIL, &SystemRandom);
    let state = serde_json::json!({
        "opened": {
            "at": "2026-11-30T23:14:26.612981Z",
            "email": personal.unwrap(),
            "password": { "credential": OWNER, "changed_at": "2026-11-30T23:14:26.612981Z" },
            "two_factor": { "status": "disabled" },
            "last_step": null,
            "codes": { "failures": 0, "wait": null },
            "sessions": vec![session; sessions],
            "challenges": [],
            "resets": [],
            "last_signed_in_at": "2026-11-30T23:14:48.482335Z",
        },
        "erased_at": null,
    });
    state.to_string()
}

fn data_key() -> DataKey {
    DataKey::generate(&SystemRandom).unwrap()
}

#[divan::bench(sample_count = 20)]
fn a_password_is_hashed(bencher: Bencher<'_, '_>) {
    let HashingSettings {
        memory_kib,
        iterations,
        ..
    } = HashingSettings::default();
    let params = Params::new(memory_kib, iterations, 1, Some(32)).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut memory = vec![Block::new(); argon2.params().block_count()];
    let mut tag = [0; 32];
    bencher.bench_local(|| {
        let (password, salt) = (black_box(b"a password"), [7; 16]);
        argon2
            .hash_password_into_with_memory(password, &salt, &mut tag, &mut memory)
            .unwrap();
    });
}

#[divan::bench]
fn a_token_is_read_and_matched(bencher: Bencher<'_, '_>) {
    let keyring = keyring();
    let token = Token::generate(TokenKind::Session, OWNER, OWNER, &SystemRandom).unwrap();
    let (text, hash) = (token.reveal(), keyring.token_hash(&token));
    bencher.bench(|| {
        let token = Token::parse(TokenKind::Session, black_box(&text)).unwrap();
        keyring.token_matches(&token, &hash)
    });
}

#[divan::bench(args = SESSIONS)]
fn a_state_is_authenticated(bencher: Bencher<'_, '_>, sessions: usize) {
    let (keyring, state) = (keyring(), state(sessions));
    let parts = [OWNER.as_bytes().as_slice(), state.as_bytes()];
    let key = keyring.current();
    let mac = keyring.mac(Purpose::StateMac, key, &parts).unwrap();
    bencher.bench(|| keyring.verify_mac(Purpose::StateMac, key, black_box(&parts), &mac));
}

#[divan::bench(args = SESSIONS)]
fn a_whole_state_is_read(bencher: Bencher<'_, '_>, sessions: usize) {
    let state = state(sessions);
    bencher.bench(|| serde_json::from_str::<Account>(black_box(&state)).unwrap());
}

#[divan::bench]
fn an_address_is_opened(bencher: Bencher<'_, '_>) {
    let (keyring, key) = (keyring(), data_key());
    let wrapped = key.wrap(&keyring, OWNER, &SystemRandom).unwrap();
    let personal = key
        .conceal(OWNER, Field::Email, EMAIL, &SystemRandom)
        .unwrap();
    bencher.bench(|| {
        let key = DataKey::unwrap(&keyring, OWNER, black_box(&wrapped)).unwrap();
        key.reveal(OWNER, Field::Email, &personal).unwrap()
    });
}

#[divan::bench]
fn an_event_is_hashed_and_authenticated(bencher: Bencher<'_, '_>) {
    let (keyring, id, text) = (keyring(), OWNER.to_string(), "x".repeat(TEXT));
    let key = keyring.current();
    let event = Preimage {
        aggregate_type: "account",
        aggregate_id: &id,
        sequence: 7,
        event_type: "SignedIn",
        event_version: "1.0",
        recorded_at: "2026-11-30T23:14:48.482335Z",
        payload: &text,
        metadata: &text,
    };
    bencher.bench(|| {
        let hash = black_box(&event).hash(&GENESIS);
        keyring.mac(Purpose::EventMac, key, &[&hash]).unwrap()
    });
}

#[divan::bench]
fn a_checkpoint_is_signed(bencher: Bencher<'_, '_>) {
    let signer = LogSigner::of(&keyring(), "countersign.example").unwrap();
    let text =
        "countersign/019f00000000/1\n1000000\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    bencher.bench(|| signer.sign(black_box(text)).unwrap());
}
