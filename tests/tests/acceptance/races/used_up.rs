//! What one commit uses up, no other one has: whoever is second commits nothing at all.

use acceptance::{Deployment, PASSWORD};
use account::command::OpenAccount;
use account::event::Opening;
use account::throttle::Backoff;
use account::{
    Account, AccountId, Actor, Command, CredentialId, DeviceId, Metadata, Policy, StaffId,
};
use chrono::{DateTime, Duration, Utc};
use credentials::{DataKey, Field, Purpose, SystemRandom, Token, TokenHash, TokenKind};
use sqlx::{Connection, PgConnection};
use store::{
    Beside, DeviceChange, Entry, Error, Issued, Loaded, NewRegistration, NewToken, SealedMail,
    Spent, Store, Versioned,
};
use uuid::Uuid;

use crate::evidence::support::{count, execute, owner, store};
use crate::races::crowd::so_many_wait;

struct Ground {
    deployment: Deployment,
    store: Store,
    connection: PgConnection,
    account: AccountId,
    now: DateTime<Utc>,
}

impl Ground {
    /// One account, whose owner's browser is known.
    async fn new() -> Self {
        let deployment = Deployment::start().await;
        let ada = deployment.register("ada@example.com").await;
        let account = deployment.account_id(&ada.email).await.parse().unwrap();
        Self {
            store: store(&deployment).await,
            connection: owner(&deployment).await,
            account: AccountId::from_uuid(account),
            now: deployment.clock.now(),
            deployment,
        }
    }

    /// With a mail, which shows whether anything was committed.
    async fn commit(&self, mail: u128, beside: Beside) -> Result<(), Error> {
        let keyring = self.store.keyring();
        let sealed = keyring.seal(Purpose::Outbox, &[], b"", &SystemRandom);
        let mails = vec![SealedMail {
            id: Uuid::from_u128(mail),
            sealed: sealed.unwrap(),
        }];
        let beside = Beside { mails, ..beside };
        let account = Some(self.account);
        self.store.commit_beside(account, beside, self.now).await
    }

    /// Of two at once that both wait for `row`, which somebody else has until then, one is committed,
    /// and the other one leaves no trace. Nor does one that comes after them.
    async fn one_of_two(&mut self, row: &str, beside: impl Fn() -> Beside) {
        let (mut connection, mut watch) =
            (owner(&self.deployment).await, owner(&self.deployment).await);
        let mut holding = connection.begin().await.unwrap();
        execute(&mut holding, &format!("SELECT FROM {row} FOR UPDATE")).await;
        let let_go = async {
            so_many_wait(&mut watch, 2).await;
            holding.rollback().await.unwrap();
        };
        let (one, two, ()) =
            tokio::join!(self.commit(1, beside()), self.commit(2, beside()), let_go);
        assert!(
            matches!(
                (&one, &two),
                (Ok(()), Err(Error::Conflict)) | (Err(Error::Conflict), Ok(()))
            ),
            "{one:?} {two:?}"
        );
        assert_eq!(count(&mut watch, "outbox").await, 1);
        self.is_refused(3, beside()).await;
    }

    async fn is_refused(&mut self, mail: u128, beside: Beside) {
        let refused = self.commit(mail, beside).await;
        assert!(matches!(refused, Err(Error::Conflict)), "{refused:?}");
        let trace = format!("outbox WHERE mail_id = '{}'", Uuid::from_u128(mail));
        assert_eq!(count(&mut self.connection, &trace).await, 0);
    }

    /// An address that no account has.
    async fn register(&self, id: u128) {
        let registration = NewRegistration {
            id: Uuid::from_u128(id),
            address_hash: [7; 32],
            token: self.token(),
            address: Vec::new(),
            expires_at: self.now + Duration::days(1),
        };
        let waits = Beside {
            registration: Some(registration),
            ..Beside::default()
        };
        self.commit(id, waits).await.unwrap();
    }

    fn token(&self) -> TokenHash {
        let id = Uuid::from_u128(7);
        let token = Token::generate(TokenKind::Unblock, id, id, &SystemRandom).unwrap();
        self.store.keyring().token_hash(&token)
    }
}

#[tokio::test]
async fn a_job_is_done_once() {
    let mut ground = Ground::new().await;
    let id = Uuid::from_u128(3);
    let job = format!("INSERT INTO jobs VALUES ('{id}', 1, '', now() + interval '1 day')");
    execute(&mut ground.connection, &job).await;
    let spent = Spent {
        job: Some(id),
        ..Spent::default()
    };
    ground
        .one_of_two("jobs", || Beside {
            spent,
            ..Beside::default()
        })
        .await;
}

#[tokio::test]
async fn an_unblock_link_is_spent_once() {
    let mut ground = Ground::new().await;
    let (id, at) = (Uuid::from_u128(3), ground.now + Duration::days(1));
    let link = Beside {
        unblock: Some(NewToken::unblock_link(id, ground.token(), at)),
        ..Beside::default()
    };
    ground.commit(9, link).await.unwrap();
    execute(&mut ground.connection, "DELETE FROM outbox").await;
    let spent = Spent {
        unblock: Some(id),
        ..Spent::default()
    };
    ground
        .one_of_two("tokens", || Beside {
            spent,
            ..Beside::default()
        })
        .await;
}

#[tokio::test]
async fn a_throttle_is_changed_by_whoever_saw_it_last() {
    let mut ground = Ground::new().await;
    let (seen, next) = (Versioned::<Backoff>::default(), Backoff::default());
    let change = |seen: &Versioned<Backoff>| Beside {
        throttles: vec![seen.strangers_change([7; 32], &next).unwrap()],
        ..Beside::default()
    };
    ground.commit(9, change(&seen)).await.unwrap();
    execute(&mut ground.connection, "DELETE FROM outbox").await;
    ground.is_refused(8, change(&seen)).await;
    let once = Versioned { version: 1, ..seen };
    ground.one_of_two("throttles", || change(&once)).await;
    // Neither of two is changed where one is not as it was seen.
    let two = [[8; 32], [7; 32]].map(|address| seen.strangers_change(address, &next).unwrap());
    let two = Beside {
        throttles: two.into(),
        ..Beside::default()
    };
    ground.is_refused(4, two).await;
    let changed = "throttles WHERE kind = 'strangers'";
    assert_eq!(count(&mut ground.connection, changed).await, 1);
}

#[tokio::test]
async fn a_known_device_is_used_by_whoever_saw_it_last() {
    let mut ground = Ground::new().await;
    let device = sqlx::query_as::<_, (Uuid, i64)>("SELECT device_id, version FROM devices");
    let (id, version) = device.fetch_one(&mut ground.connection).await.unwrap();
    let expires_at = ground.now + Duration::days(1);
    let change = |failures: Option<&str>, expected_version| Beside {
        device: Some(DeviceChange {
            id: DeviceId::from_uuid(id),
            failures: failures.map(str::to_owned),
            expires_at,
            expected_version,
        }),
        ..Beside::default()
    };
    ground
        .one_of_two("devices", || change(Some("{}"), version))
        .await;
    ground.is_refused(4, change(None, version)).await;
    assert_eq!(count(&mut ground.connection, "devices").await, 1);
    ground.commit(5, change(None, version + 1)).await.unwrap();
    assert_eq!(count(&mut ground.connection, "devices").await, 0);
}

/// Checks that who acts is one of the staff at the instant of the commit.
#[tokio::test]
async fn whoever_was_revoked_meanwhile_commits_nothing() {
    let mut ground = Ground::new().await;
    ground.deployment.auditor().await;
    let member = "SELECT staff_id FROM staff WHERE role = 'auditor'";
    let member = sqlx::query_scalar::<_, Uuid>(member);
    let member = member.fetch_one(&mut ground.connection).await.unwrap();
    let acting = || Beside {
        acting_staff: Some(StaffId::from_uuid(member)),
        ..Beside::default()
    };
    ground.commit(1, acting()).await.unwrap();
    execute(
        &mut ground.connection,
        "UPDATE staff SET revoked_at = now()",
    )
    .await;
    ground.is_refused(2, acting()).await;
}

/// Scenario:
/// 1. Two registrations of an address wait.
/// 2. One that was used meanwhile opens no account; one of the two does, and both are gone.
#[tokio::test]
async fn an_account_is_opened_by_a_registration_that_still_waits() {
    let mut ground = Ground::new().await;
    ground.register(1).await;
    ground.register(2).await;
    let refused = open(&ground, 3).await;
    assert!(matches!(refused, Err(Error::Conflict)), "{refused:?}");
    assert_eq!(count(&mut ground.connection, "registrations").await, 2);
    assert_eq!(count(&mut ground.connection, "logins").await, 1);
    open(&ground, 2).await.unwrap();
    assert_eq!(count(&mut ground.connection, "registrations").await, 0);
    assert_eq!(count(&mut ground.connection, "logins").await, 2);
}

/// Scenario:
/// 1. A registration waits. Somebody is about to erase the account that has its address.
/// 2. The account of the registration is being opened, and waits for the address.
/// 3. It has no registration yet, which an erasure removes after the address: they never wait for
///    each other.
#[tokio::test]
async fn an_opening_waits_for_the_address_before_it_takes_its_registrations() {
    let mut ground = Ground::new().await;
    ground.register(2).await;
    let mut connection = owner(&ground.deployment).await;
    let mut erasing = connection.begin().await.unwrap();
    let has_it =
        "INSERT INTO logins VALUES (gen_random_uuid(), decode(repeat('07', 32), 'hex'), 1)";
    execute(&mut erasing, has_it).await;
    let mut watch = owner(&ground.deployment).await;
    let others = async {
        so_many_wait(&mut watch, 1).await;
        let registrations = "SELECT FROM registrations FOR UPDATE NOWAIT";
        assert_eq!(execute(&mut watch, registrations).await, 1);
        erasing.rollback().await.unwrap();
    };
    let (opened, ()) = tokio::join!(open(&ground, 2), others);
    opened.unwrap();
    assert_eq!(count(&mut ground.connection, "registrations").await, 0);
}

async fn open(ground: &Ground, registration: u128) -> Result<(), Error> {
    let (id, at) = (Uuid::from_u128(11), ground.now);
    let (keyring, key) = (
        ground.store.keyring(),
        DataKey::generate(&SystemRandom).unwrap(),
    );
    let command = Command::OpenAccount(OpenAccount {
        at,
        email: key
            .conceal(id, Field::Email, PASSWORD, &SystemRandom)
            .unwrap(),
        password: CredentialId::from_uuid(id),
        by: Opening::Operator,
        device: None,
    });
    let unborn = Loaded::<Account>::unborn(id);
    let decided = unborn
        .decide(command, &Policy::default(), at)
        .await
        .unwrap();
    let metadata = Metadata {
        command: id,
        actor: Actor::System,
        request: None,
    };
    let beside = Beside {
        data_key: Some(key.wrap(keyring, id, &SystemRandom).unwrap()),
        address_hash: Some([7; 32]),
        spent: Spent {
            registration: Some(Uuid::from_u128(registration)),
            ..Spent::default()
        },
        ..Beside::default()
    };
    let entry = Entry::new(decided, Issued::default(), metadata);
    ground.store.commit(entry, beside).await
}
