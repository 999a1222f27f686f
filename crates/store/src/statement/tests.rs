use account::event::Factor;
use account::{AccountId, DeviceId, SessionId};
use chrono::{DateTime, Utc};
use credentials::{KeyId, Keyring, MasterKeys, TokenHash};
use uuid::Uuid;

use super::Statement;
use crate::commit::{Beside, Commit, DeviceChange, Spent, StreamPart, ThrottleChange};
use crate::event_row::NewEvent;
use crate::projection::AccountRows;
use crate::sessions::{SessionOrigin, SessionRecord};
use crate::stream::StateImage;

const KEY: KeyId = KeyId(1);
const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn text_of(commit: &Commit) -> String {
    let keys = MasterKeys::parse(&format!("1 {}\n", "A".repeat(43))).unwrap();
    let statement = Statement::of(commit, &Keyring::derive(&keys)).unwrap();
    statement.sql.text().to_owned()
}

fn one_event(owner: Uuid) -> StreamPart {
    StreamPart {
        owner,
        id: owner.to_string(),
        aggregate_type: "account",
        base: 7,
        events: vec![NewEvent {
            event_type: "SignedIn".to_owned(),
            event_version: "1".to_owned(),
            payload: "{}".to_owned(),
            hash: [0; 32],
            mac: [0; 32],
        }],
        metadata: "{}".to_owned(),
        recorded_at: String::new(),
        key: KEY,
        state: StateImage {
            version: 8,
            tip: Vec::new(),
            recorded_at: String::new(),
            state: "{}".to_owned(),
            mac: Vec::new(),
            key: KEY,
        },
    }
}

/// In a browser that is known, by somebody whose password a stranger has guessed at.
fn sign_in() -> Commit {
    let owner = Uuid::from_u128(1);
    let session = SessionRecord {
        account: AccountId::from_uuid(owner),
        id: SessionId::from_uuid(owner),
        created_at: AT,
        last_seen_at: AT,
        expires_at: AT,
        factors: vec![Factor::Password],
        token: TokenHash {
            key_id: KEY,
            hash: [0; 32],
        },
    };
    let beside = Beside {
        device: Some(DeviceChange {
            id: DeviceId::from_uuid(owner),
            failures: Some("{}".to_owned()),
            expires_at: AT,
            expected_version: 3,
        }),
        throttles: vec![ThrottleChange {
            kind: "strangers",
            key: [0; 32],
            state: "{}".to_owned(),
            expected_version: 2,
        }],
        ..Beside::default()
    };
    Commit {
        account: Some(owner),
        rows: AccountRows {
            last_signed_in_at: Some(AT),
            new_session: Some((session, SessionOrigin::default())),
            ..AccountRows::default()
        },
        ..Commit::of(Some(one_event(owner)), beside, AT)
    }
}

/// To be read, and to show what a change of any part makes of the whole.
#[test]
fn the_statement_of_a_sign_in_is_this_one() {
    assert_eq!(text_of(&sign_in()), include_str!("sign_in.sql").trim_end());
}

#[test]
fn what_is_added_without_an_event_is_kept_from_an_erasure_before_it_takes_anything() {
    let beside = Beside {
        spent: Spent {
            job: Some(Uuid::nil()),
            ..Spent::default()
        },
        ..Beside::default()
    };
    let commit = Commit {
        account: Some(Uuid::nil()),
        ..Commit::of(None, beside, AT)
    };
    let text = text_of(&commit);
    assert!(text.starts_with("WITH held AS ("), "{text}");
    assert!(
        text.contains("require_fresh(EXISTS (SELECT FROM held)\n"),
        "{text}"
    );
}

#[test]
fn nothing_to_commit_is_a_statement_that_does_nothing() {
    let nothing = Commit::of(None, Beside::default(), AT);
    assert_eq!(text_of(&nothing), "\nSELECT");
}
