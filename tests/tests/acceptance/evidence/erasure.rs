//! What is left of an erased account: a history that verifies, in which nobody can read who it was.

use acceptance::{Caller, Deployment, OTHER_PASSWORD, Options};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::evidence::canary::{Needle, assert_absent};
use crate::evidence::command_line::said_json;
use crate::evidence::story::{ADDRESS, REASON, Story, TICKET, USER_AGENT};
use crate::evidence::support::{execute, owner, owners_store, pg_dump, store, tables_found_by};
use crate::races::crowd::empty_mailbox;
use crate::surface::world::all_settled;

/// Where an open account has rows, the history and the state of its stream apart.
const TABLES: [(&str, &str); 8] = [
    ("data_keys", "owner_id"),
    ("secrets", "account_id"),
    ("logins", "account_id"),
    ("settings", "account_id"),
    ("sessions", "account_id"),
    ("tokens", "account_id"),
    ("devices", "account_id"),
    ("idempotent_answers", "account_id"),
];

async fn erase(deployment: &Deployment, account: &str) {
    let told = said_json(deployment, &format!("account erase {account}")).await;
    let erased = json!({ "id": account, "status": "erased", "mailed": true });
    assert_eq!(told, erased);
}

/// An account that has a row in every table, and a mailed link of each kind.
async fn lived_in(deployment: &Deployment) -> Story {
    let story = Story::lived_in(deployment).await;
    deployment.clock.turn(chrono::Duration::hours(2));
    let before = deployment.mails().len();
    let body = json!({ "email": ADDRESS });
    let answer = deployment.visitor().post("/password-reset", body).await;
    answer.expect(202);
    while deployment.mails().len() == before {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    story
}

/// Keys, secrets and hashes of the account as they stand in the database.
async fn kept_secrets(connection: &mut PgConnection, account: &str) -> Vec<Needle> {
    let columns = [
        ("data_keys", "owner_id", "wrapped"),
        ("secrets", "account_id", "wrapped_key"),
        ("secrets", "account_id", "sealed"),
        ("logins", "account_id", "address_hash"),
        ("sessions", "account_id", "token_hash"),
        ("tokens", "account_id", "token_hash"),
        ("devices", "account_id", "nonce"),
        ("idempotent_answers", "account_id", "answer"),
    ];
    let mut needles = Vec::new();
    for (table, id, column) in columns {
        let query = format!("SELECT {column} FROM {table} WHERE {id} = '{account}'");
        let values = sqlx::query_scalar::<_, Vec<u8>>(&query)
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        assert!(!values.is_empty(), "{table}");
        let named = values
            .iter()
            .map(|bytes| Needle::new(format!("{table}.{column}"), bytes));
        needles.extend(named);
    }
    needles
}

fn personal() -> Vec<Needle> {
    [ADDRESS, USER_AGENT, REASON, TICKET, "canary-request-1"]
        .map(|text| Needle::new(text, text.as_bytes()))
        .into_iter()
        .collect()
}

/// The tables of a dump that mention an account.
fn tables_naming(account: &str, dump: &str) -> Vec<String> {
    let mut table = "";
    let mut found = Vec::new();
    for line in dump.lines() {
        if let Some(rest) = line.strip_prefix("COPY public.") {
            table = rest.split(' ').next().unwrap();
        }
        if line.contains(account) {
            found.push(table.to_owned());
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Checks: erase_account (ASVS-14.2.7, OWASP-ES-2).
#[tokio::test]
async fn erase_account_leaves_no_row_no_key_and_no_address_in_the_database() {
    let deployment = Deployment::start().await;
    let story = lived_in(&deployment).await;
    let mut connection = owner(&deployment).await;
    let secrets = kept_secrets(&mut connection, &story.account).await;
    let dump = pg_dump(&deployment.owner_url());
    for needle in &secrets {
        assert!(needle.is_in(&dump), "the dump cannot show {needle:?}");
    }
    erase(&deployment, &story.account).await;
    deployment.mail(ADDRESS, "Your account was erased").await;
    let waiting = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM unsequenced)";
    while sqlx::query_scalar::<_, i64>(waiting)
        .fetch_one(&mut connection)
        .await
        .unwrap()
        > 0
    {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let dump = pg_dump(&deployment.owner_url());
    assert_absent("the dump", &dump, &secrets);
    assert_absent("the dump", &dump, &personal());
    assert_eq!(
        tables_naming(&story.account, &dump),
        ["events", "log", "states"]
    );
    let query = format!(
        "SELECT state FROM states WHERE aggregate_id = '{}'",
        story.account
    );
    let state = sqlx::query_scalar::<_, String>(&query)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    assert_eq!(state["opened"], Value::Null);
    deployment.verify().await;
}

#[tokio::test]
async fn the_history_of_an_erased_account_is_whole_and_tells_nobody_who_it_was() {
    let deployment = Deployment::start().await;
    let story = lived_in(&deployment).await;
    let auditor = deployment.auditor().await;
    all_settled(&deployment).await;
    let before = deployment.events(&auditor, &story.account).await;
    erase(&deployment, &story.account).await;
    all_settled(&deployment).await;

    let events = deployment.events(&auditor, &story.account).await;
    let (last, rest) = events.split_last().unwrap();
    assert_eq!(rest.len(), before.len());
    for (now, then) in rest.iter().zip(&before) {
        for field in [
            "sequence",
            "position",
            "type",
            "recorded_at",
            "actor",
            "hash",
        ] {
            assert_eq!(now[field], then[field]);
        }
        for field in ["id", "ip", "user_agent"] {
            assert_eq!(now["request"][field], Value::Null, "{now}");
        }
    }
    assert_eq!(rest[0]["data"]["email"], Value::Null);
    assert_eq!(before[0]["data"]["email"], ADDRESS);
    assert_eq!(last["type"], "AccountErased");
    assert_eq!(last["actor"], json!({ "kind": "system" }));

    let path = format!("/audit/accounts/{}", story.account);
    let now = auditor.get(&format!("{path}/state")).await.expect(200);
    assert_eq!(
        now.json["state"],
        json!({ "erased_at": last["data"]["at"] })
    );
    let then = auditor.get(&format!("{path}/state?at=1")).await.expect(200);
    assert_eq!(then.json["state"]["email"], Value::Null);
    assert_eq!(then.json["state"]["two_factor"]["status"], "disabled");
    let feed = auditor.get("/audit/events?limit=500").await.expect(200);
    assert!(feed.text.contains("AccountErased"));
    for (place, text) in [
        ("the history", json!(events).to_string()),
        ("the state", [now.text, then.text].concat()),
        ("the feed", feed.text),
    ] {
        assert_absent(place, &text, &personal());
    }
    deployment.verify().await;
}

/// Nothing that was ever issued for the account opens anything, and support finds nobody.
async fn assert_is_nobody_s(deployment: &Deployment, story: &Story) {
    let of = |kind: &str| {
        let tokens = story.tokens.iter().filter(move |(name, _)| *name == kind);
        tokens.map(|(_, token)| token.clone()).collect::<Vec<_>>()
    };
    for server in 0..deployment.servers.len() {
        let visitor = deployment.visitor_at(server);
        for token in of("session") {
            let owner = visitor.clone().with_bearer(&token);
            for path in ["/session", "/sessions", "/settings"] {
                owner.get(path).await.expect_problem(401, "unauthenticated");
            }
        }
        for token in of("challenge") {
            let code = json!({ "challenge": token, "code": "123456" });
            let answer = visitor.post("/login/second-factor", code).await;
            answer.expect_problem(401, "challenge_expired");
        }
        for token in of("reset") {
            let body = json!({ "token": token, "new_password": OTHER_PASSWORD });
            let answer = visitor.post("/password-reset/confirm", body).await;
            answer.expect_problem(410, "token_expired");
        }
        for token in of("unblock") {
            let answer = visitor
                .post("/unblock/confirm", json!({ "token": token }))
                .await;
            answer.expect_problem(410, "token_expired");
        }
        let body = json!({ "email": ADDRESS, "password": OTHER_PASSWORD, "transport": "bearer" });
        let answer = visitor.post("/login", body).await;
        answer.expect_problem(401, "invalid_credentials");
    }
    let support = deployment.support().await;
    let path = format!("/support/accounts/{}", story.account);
    support.get(&path).await.expect_problem(404, "not_found");
    let reason = json!({ "reason": REASON, "ticket": TICKET });
    let keyed = support
        .clone()
        .with_header("idempotency-key", "canary-key-1");
    for caller in [&support, &keyed] {
        let answer = caller.post(&format!("{path}/unlock"), reason.clone()).await;
        answer.expect_problem(404, "not_found");
    }
}

async fn found_by_support(deployment: &Deployment) -> Value {
    let support = deployment.support().await;
    let body = json!({ "email": ADDRESS });
    let answer = support.post("/support/accounts/search", body).await;
    answer.expect(200).json["accounts"].clone()
}

#[tokio::test]
async fn an_erased_account_is_nobody_s_on_any_server_and_its_address_can_be_registered_anew() {
    let deployment = Deployment::with(Options::default().servers(2)).await;
    let story = lived_in(&deployment).await;
    erase(&deployment, &story.account).await;
    assert_is_nobody_s(&deployment, &story).await;
    assert_eq!(found_by_support(&deployment).await, json!([]));

    empty_mailbox(&deployment);
    let anew = deployment.register(ADDRESS).await;
    let session = anew.sign_in(&deployment.visitor_at(1)).await;
    let answer = session.get("/session").await.expect(200);
    let id = answer.text_at("/account/id");
    assert_ne!(id, story.account);
    assert_eq!(found_by_support(&deployment).await[0]["id"], id);
    let activity = deployment.events(&deployment.auditor().await, &id).await;
    assert_eq!(activity[0]["data"]["email"], ADDRESS);
    deployment.verify().await;
}

async fn keep(connection: &mut PgConnection, account: &str) {
    for (table, id) in TABLES {
        let statement = format!(
            "CREATE TEMP TABLE kept_{table} AS SELECT * FROM {table} WHERE {id} = '{account}'"
        );
        assert!(execute(connection, &statement).await > 0, "{table}");
    }
    let states = format!(
        "CREATE TEMP TABLE kept_states AS SELECT * FROM states WHERE aggregate_id = '{account}'"
    );
    execute(connection, &states).await;
}

async fn put_back(connection: &mut PgConnection, table: &str) {
    execute(
        connection,
        &format!("INSERT INTO {table} TABLE kept_{table}"),
    )
    .await;
}

/// Somebody who writes to the database kept the rows of an account and puts them back.
#[tokio::test]
async fn each_row_of_an_erased_account_that_comes_back_is_reported_and_a_rebuild_removes_it() {
    let deployment = Deployment::start().await;
    let story = lived_in(&deployment).await;
    let mut connection = owner(&deployment).await;
    keep(&mut connection, &story.account).await;
    erase(&deployment, &story.account).await;
    let (checking, owners) = (store(&deployment).await, owners_store(&deployment).await);
    for (table, _) in TABLES {
        put_back(&mut connection, table).await;
        assert_eq!(tables_found_by(&checking, &deployment).await, [table]);
        owners.rebuild_projections(&mut |_| ()).await.unwrap();
        let found = tables_found_by(&checking, &deployment).await;
        assert!(found.is_empty(), "{table}: {found:?}");
    }
    let report = deployment.projections().await;
    assert_eq!(report["accounts"], 1, "{report}");
}

#[tokio::test]
async fn all_rows_of_an_erased_account_put_back_at_once_revive_nothing() {
    let deployment = Deployment::start().await;
    let story = lived_in(&deployment).await;
    let mut connection = owner(&deployment).await;
    keep(&mut connection, &story.account).await;
    erase(&deployment, &story.account).await;
    execute(
        &mut connection,
        "DELETE FROM states WHERE aggregate_type = 'account'",
    )
    .await;
    put_back(&mut connection, "states").await;
    for (table, _) in TABLES {
        put_back(&mut connection, table).await;
    }
    assert_is_nobody_without_links(&deployment, &story).await;
    let report = deployment.projections().await;
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.len() >= TABLES.len(), "{report}");
    let rebuilt = deployment.run(&["projections", "rebuild"], "").await;
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    assert_is_nobody_s(&deployment, &story).await;
    deployment.verify().await;
}

/// Neither a session nor the password opens the account, and support can do nothing with it.
async fn assert_is_nobody_without_links(deployment: &Deployment, story: &Story) {
    let visitor: Caller = deployment.visitor();
    for (_, token) in story.tokens.iter().filter(|(name, _)| *name == "session") {
        let owner = visitor.clone().with_bearer(token);
        let answer = owner.get("/session").await;
        answer.expect_problem(401, "unauthenticated");
    }
    let body = json!({ "email": ADDRESS, "password": OTHER_PASSWORD, "transport": "bearer" });
    let answer = visitor.post("/login", body).await;
    answer.expect_problem(401, "invalid_credentials");
    let support = deployment.support().await;
    let path = format!("/support/accounts/{}", story.account);
    support.get(&path).await.expect_problem(404, "not_found");
    let unlock = json!({ "reason": REASON });
    let answer = support.post(&format!("{path}/unlock"), unlock).await;
    answer.expect_problem(404, "not_found");
}
