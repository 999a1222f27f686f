//! How the database came to be: people who live in it for some days, and a server that dies twice.

use std::time::{Duration, Instant};

use acceptance::{Caller, Deployment, Person};
use serde_json::json;
use sqlx::Connection;

use crate::races::crash::wait_for_positions;
use crate::tampering::world::{BACKUP, TEMPLATE, copy, database, kept_files, options};

/// The database at the end of its life keeps what is beside it: facts, key and checkpoints.
pub(crate) async fn make() {
    let mut deployment = Deployment::with(options()).await;
    let mut people = Vec::new();
    for name in ["ada", "ben", "cleo"] {
        let email = format!("{name}@example.com");
        people.push(deployment.create_account(&email).await);
    }
    let token = deployment.staff_token("support", "Sam Support").await;
    let accounts = days(&deployment, &people, &token).await;
    let middle = kept(&deployment).await;
    deployment.servers[0].kill().await;
    copy(&database(&deployment), BACKUP).await;
    deployment.restart(0).await;
    days(&deployment, &people, &token).await;
    let end = kept(&deployment).await;
    deployment.servers[0].kill().await;
    let ahead = deployment.clock.now() - service::Clock::now(&service::SystemClock);
    let facts = json!({
        "accounts": accounts, "middle": middle, "end": end, "ahead": ahead.num_milliseconds(),
    });
    let mut connection = deployment.connection("countersign_owner").await;
    let tables =
        "CREATE TABLE world (facts text); CREATE TABLE world_files (path text, content text)";
    sqlx::raw_sql(tables)
        .execute(&mut connection)
        .await
        .unwrap();
    let statement = sqlx::query("INSERT INTO world VALUES ($1)").bind(facts.to_string());
    statement.execute(&mut connection).await.unwrap();
    let mut files = kept_files(&deployment);
    let folder = deployment.data_dir();
    files.push(folder.with_file_name("master.key"));
    for file in files {
        let below = file
            .strip_prefix(&folder)
            .ok()
            .and_then(|path| path.to_str());
        sqlx::query("INSERT INTO world_files VALUES ($1, $2)")
            .bind(below.unwrap_or("../master.key"))
            .bind(std::fs::read_to_string(&file).unwrap())
            .execute(&mut connection)
            .await
            .unwrap();
    }
    connection.close().await.unwrap();
    copy(&database(&deployment), TEMPLATE).await;
}

/// Everybody does what people do, and support looks on; the accounts' ids.
async fn days(deployment: &Deployment, people: &[Person], token: &str) -> Vec<String> {
    let visitor = deployment.visitor();
    let support = visitor.clone().with_bearer(token);
    let mut accounts = Vec::new();
    for (person, days) in people.iter().zip([4, 1, 1]) {
        let search = json!({ "email": person.email });
        let found = support.post("/support/accounts/search", search).await;
        let account = found.expect(200).text_at("/accounts/0/id");
        for _ in 0..days {
            day(deployment, person, &visitor).await;
        }
        for _ in 0..5 {
            let path = format!("/support/accounts/{account}");
            support.get(&path).await.expect(200);
        }
        accounts.push(account);
    }
    accounts
}

async fn day(deployment: &Deployment, person: &Person, visitor: &Caller) {
    let mut wrong = person.login();
    wrong["password"] = "not the right one at all".into();
    visitor.post("/login", wrong).await.expect(401);
    let owner = person.sign_in(visitor).await;
    deployment.clock.turn_to_next_step();
    person
        .enable_two_factor(&owner, deployment.clock.now())
        .await;
    let body = json!({ "current_password": person.password });
    owner
        .post("/settings/two-factor/disable", body)
        .await
        .expect(204);
    // A session, and a pending enrollment, stay.
    let owner = person.sign_in(visitor).await;
    person.start_enrollment(&owner).await;
    deployment.clock.turn(chrono::Duration::minutes(20));
}

/// Waits until the checkpoint of all events is kept; its size.
async fn kept(deployment: &Deployment) -> i64 {
    let mut connection = deployment.connection("countersign_owner").await;
    wait_for_positions(&mut connection).await;
    let began = Instant::now();
    loop {
        let query = "SELECT h.size FROM log_head h JOIN checkpoints c USING (epoch, size)
            WHERE h.size = (SELECT count(*) FROM events)";
        let size = sqlx::query_scalar(query)
            .fetch_optional(&mut connection)
            .await;
        if let Some(size) = size.unwrap() {
            connection.close().await.unwrap();
            return size;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "not kept");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
