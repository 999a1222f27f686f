//! An erasure against everything that goes on in the account at the same time: whoever loses leaves
//! nothing behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use acceptance::{Caller, Deployment, OTHER_PASSWORD, Options, Person};
use account::AccountId;
use chrono::{DateTime, Utc};
use credentials::{KeyId, TokenHash};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use store::{Beside, NewToken};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::evidence::support::{execute, owner, store};
use crate::races::crowd::somebody_waits;

/// Rows of the account in every table but those of the history and its state.
async fn rows_left(connection: &mut PgConnection, account: &str) -> i64 {
    let query = format!(
        "SELECT (SELECT count(*) FROM data_keys WHERE owner_id = '{account}')
            + (SELECT count(*) FROM secrets WHERE account_id = '{account}')
            + (SELECT count(*) FROM logins WHERE account_id = '{account}')
            + (SELECT count(*) FROM settings WHERE account_id = '{account}')
            + (SELECT count(*) FROM sessions WHERE account_id = '{account}')
            + (SELECT count(*) FROM tokens WHERE account_id = '{account}')
            + (SELECT count(*) FROM devices WHERE account_id = '{account}')
            + (SELECT count(*) FROM idempotent_answers WHERE account_id = '{account}')"
    );
    sqlx::query_scalar(&query)
        .fetch_one(connection)
        .await
        .unwrap()
}

/// What somebody does again and again until they are told to stop; the sessions that it gave.
fn again_and_again<F>(
    crowd: &mut JoinSet<Vec<Caller>>,
    over: &Arc<AtomicBool>,
    act: impl Fn() -> F + Send + 'static,
) where
    F: Future<Output = Option<Caller>> + Send,
{
    let over = Arc::clone(over);
    crowd.spawn(async move {
        let mut sessions = Vec::new();
        while !over.load(Ordering::Relaxed) {
            sessions.extend(act().await);
        }
        sessions
    });
}

/// Signs in, fails to, asks for mail and looks at the session, at both servers.
fn traffic(
    deployment: &Deployment,
    person: &Person,
    session: &Caller,
) -> (JoinSet<Vec<Caller>>, Arc<AtomicBool>) {
    let (mut crowd, over) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
    for server in 0..2 {
        let visitor = deployment.visitor_at(server);
        let (known, at) = (person.login_known(), visitor.clone());
        again_and_again(&mut crowd, &over, move || {
            let (visitor, body) = (at.clone(), known.clone());
            async move {
                let answer = visitor.post("/login", body).await;
                assert!(answer.status.as_u16() < 500 || answer.code() == "overloaded");
                let token = answer.json.pointer("/session/token")?.as_str()?.to_owned();
                Some(visitor.with_bearer(&token))
            }
        });
        let (email, at) = (person.email.clone(), visitor.clone());
        again_and_again(&mut crowd, &over, move || {
            let (visitor, email) = (at.clone(), email.clone());
            async move {
                let wrong = json!({ "email": email, "password": OTHER_PASSWORD });
                visitor.post("/login", wrong).await;
                for path in ["/unblock", "/password-reset"] {
                    visitor.post(path, json!({ "email": email })).await;
                }
                None
            }
        });
        let session = session.at(&deployment.servers[server].url);
        again_and_again(&mut crowd, &over, move || {
            let session = session.clone();
            async move {
                let answer = session.get("/session").await;
                assert!(
                    [200, 401].contains(&answer.status.as_u16()),
                    "{}",
                    answer.text
                );
                None
            }
        });
    }
    (crowd, over)
}

/// Scenario:
/// 1. An owner signs in again and again at two servers, somebody else guesses and asks for links,
///    and sessions are checked.
/// 2. In the middle, the account is erased.
/// 3. No row of it is left or comes back, its last event is the erasure, and every session that was
///    given is nobody's. 12 rounds.
#[tokio::test]
async fn an_account_that_is_erased_in_the_middle_of_everything_leaves_no_row_and_no_session() {
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let deployment = Deployment::with(options).await;
    let auditor = deployment.auditor().await;
    let mut connection = owner(&deployment).await;
    for round in 0..12 {
        let person = deployment
            .register(&format!("ada{round}@example.com"))
            .await;
        let session = person.sign_in(&deployment.visitor()).await;
        let account = session.get("/session").await.text_at("/account/id");
        let (crowd, over) = traffic(&deployment, &person, &session);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let output = deployment.run(&["account", "erase", &account], "").await;
        assert!(output.status.success(), "{output:?}");
        assert_eq!(rows_left(&mut connection, &account).await, 0);
        tokio::time::sleep(Duration::from_millis(300)).await;
        over.store(true, Ordering::Relaxed);
        let sessions = crowd.join_all().await.into_iter().flatten();
        for session in sessions.chain([session]) {
            let answer = session.get("/session").await;
            answer.expect_problem(401, "unauthenticated");
        }
        assert_eq!(rows_left(&mut connection, &account).await, 0);
        let events = deployment.events(&auditor, &account).await;
        let erased = |event: &serde_json::Value| event["type"] == "AccountErased";
        assert_eq!(events.iter().position(erased), Some(events.len() - 1));
    }
    deployment.verify().await;
}

/// An unblock link, which is added to an account without an event.
fn unblock_link(id: u128, now: DateTime<Utc>) -> Beside {
    let hash = TokenHash {
        key_id: KeyId(1),
        hash: [7; 32],
    };
    let expires_at = now + chrono::Duration::days(1);
    Beside {
        unblock: Some(NewToken::unblock_link(
            Uuid::from_u128(id),
            hash,
            expires_at,
        )),
        ..Beside::default()
    }
}

async fn one_account(deployment: &Deployment) -> String {
    let ada = deployment.create_account("ada@example.com").await;
    let session = ada.sign_in(&deployment.visitor()).await;
    session.get("/session").await.text_at("/account/id")
}

/// Scenario:
/// 1. Somebody holds on to the account as a commit without an event does, and has not yet added
///    its link.
/// 2. The erasure begins, and waits.
/// 3. The link is added and committed: the erasure removes it as well.
#[tokio::test]
async fn a_link_that_was_added_while_the_erasure_waited_is_removed_with_the_rest() {
    let deployment = Deployment::start().await;
    let account = one_account(&deployment).await;
    let (mut connection, mut watch) = (owner(&deployment).await, owner(&deployment).await);
    let mut adding = connection.begin().await.unwrap();
    let hold = format!("SELECT FROM logins WHERE account_id = '{account}' FOR KEY SHARE");
    execute(&mut adding, &hold).await;
    let words = ["account", "erase", account.as_str()];
    let erasing = deployment.run(&words, "");
    let added = async {
        somebody_waits(&mut watch).await;
        let add = format!(
            "INSERT INTO tokens VALUES
                ('{account}', gen_random_uuid(), 'unblock', '', 1, now() + interval '1 day')"
        );
        execute(&mut adding, &add).await;
        adding.commit().await.unwrap();
    };
    let (output, ()) = tokio::join!(erasing, added);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(rows_left(&mut watch, &account).await, 0);
    deployment.verify().await;
}

/// Scenario:
/// 1. An erasure has removed the rows and not yet committed.
/// 2. A commit adds a link without an event, and waits.
/// 3. The erasure commits: nothing is added.
#[tokio::test]
async fn nothing_is_added_to_an_account_whose_erasure_was_faster() {
    let deployment = Deployment::start().await;
    let account = one_account(&deployment).await;
    let store = store(&deployment).await;
    let id = Some(AccountId::from_uuid(account.parse().unwrap()));
    let now = deployment.clock.now();
    store
        .commit_beside(id, unblock_link(1, now), now)
        .await
        .unwrap();
    let (mut connection, mut watch) = (owner(&deployment).await, owner(&deployment).await);
    let mut erasing = connection.begin().await.unwrap();
    execute(&mut erasing, &format!("SELECT erase_account('{account}')")).await;
    let added = store.commit_beside(id, unblock_link(2, now), now);
    let erased = async {
        somebody_waits(&mut watch).await;
        erasing.commit().await.unwrap();
    };
    let (added, ()) = tokio::join!(added, erased);
    assert!(matches!(added, Err(store::Error::Conflict)), "{added:?}");
    assert_eq!(rows_left(&mut watch, &account).await, 0);
}

/// Scenario:
/// 1. A read model has lost its row; a rebuild writes it anew, and has not yet committed.
/// 2. The erasure begins, and waits.
/// 3. The rebuild commits: the erasure removes that row as well.
#[tokio::test]
async fn a_row_that_a_rebuild_brought_back_while_the_erasure_waited_is_removed_with_the_rest() {
    let deployment = Deployment::start().await;
    let account = one_account(&deployment).await;
    let (mut connection, mut watch) = (owner(&deployment).await, owner(&deployment).await);
    execute(
        &mut watch,
        "CREATE TEMP TABLE kept AS TABLE settings; DELETE FROM settings",
    )
    .await;
    let kept = "SELECT email, created_at, password_changed_at FROM kept";
    let (email, created_at, changed_at) =
        sqlx::query_as::<_, (String, DateTime<Utc>, DateTime<Utc>)>(kept)
            .fetch_one(&mut watch)
            .await
            .unwrap();
    // In the order of a rebuild: the state row last.
    let mut rebuilding = connection.begin().await.unwrap();
    let settings = format!(
        "INSERT INTO settings VALUES
            ('{account}', '{email}', '{created_at}', '{changed_at}', 'disabled', NULL, NULL);
        UPDATE states SET shape = shape WHERE aggregate_id = '{account}'"
    );
    execute(&mut rebuilding, &settings).await;
    let words = ["account", "erase", account.as_str()];
    let erasing = deployment.run(&words, "");
    let rebuilt = async {
        somebody_waits(&mut watch).await;
        rebuilding.commit().await.unwrap();
    };
    let (output, ()) = tokio::join!(erasing, rebuilt);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(rows_left(&mut watch, &account).await, 0);
    deployment.verify().await;
}

/// Scenario:
/// 1. Strangers have guessed at a password, which is counted. Somebody has the row of the account's
///    state.
/// 2. A sign-in in the known browser, or in another one, is committed, and waits.
/// 3. It has no other row: whoever wants one has it at once, so that a commit and an erasure, which
///    begins with the state as well, never wait for each other.
#[tokio::test]
async fn a_commit_waits_for_the_state_before_it_takes_any_other_row() {
    let deployment = Deployment::start().await;
    let ada = deployment.register("ada@example.com").await;
    let account = deployment.account_id(&ada.email).await;
    let visitor = deployment.visitor();
    let (mut connection, mut watch) = (owner(&deployment).await, owner(&deployment).await);
    for login in [ada.login_known(), ada.login()] {
        let guess = json!({ "email": ada.email, "password": OTHER_PASSWORD });
        visitor.post("/login", guess).await.expect(401);
        let before = versions(&mut watch).await;
        let mut holding = connection.begin().await.unwrap();
        let state = format!("SELECT FROM states WHERE aggregate_id = '{account}' FOR UPDATE");
        execute(&mut holding, &state).await;
        let others = async {
            somebody_waits(&mut watch).await;
            for table in ["logins", "devices", "throttles"] {
                let rows = format!("SELECT FROM {table} FOR UPDATE NOWAIT");
                assert!(execute(&mut watch, &rows).await > 0, "{table} has no row");
            }
            holding.rollback().await.unwrap();
        };
        let (answer, ()) = tokio::join!(visitor.post("/login", login), others);
        answer.expect(200);
        assert_ne!(versions(&mut watch).await, before, "it changed neither");
    }
    deployment.verify().await;
}

/// Of what a sign-in may change only as long as nobody else has: known browsers and throttles.
async fn versions(connection: &mut PgConnection) -> i64 {
    let all = "SELECT ((SELECT sum(version) FROM devices) + (SELECT sum(version) FROM throttles))::bigint";
    sqlx::query_scalar(all).fetch_one(connection).await.unwrap()
}
