//! A deployment with one of everybody, and what its database holds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use acceptance::{Caller, Deployment, Options, Person};
use serde_json::Value;
use sqlx::{Connection, PgConnection};

use crate::surface::contract::Who;

pub(crate) const NOBODYS_ID: &str = "0193d1a0-7e1b-7c3a-9f00-0123456789ab";

pub(crate) struct World {
    pub(crate) deployment: Deployment,
    pub(crate) ada: Person,
    pub(crate) ada_id: String,
    pub(crate) owner: Caller,
    pub(crate) support: Caller,
    pub(crate) auditor: Caller,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let deployment = Deployment::with(options).await;
        let ada = deployment.register("ada@example.com").await;
        let owner = ada.sign_in(&deployment.visitor()).await;
        let ada_id = account_id(&owner).await;
        let (support, auditor) = (deployment.support().await, deployment.auditor().await);
        Self {
            deployment,
            ada,
            ada_id,
            owner,
            support,
            auditor,
        }
    }

    pub(crate) fn caller(&self, who: Who) -> Caller {
        match who {
            Who::Visitor => self.deployment.visitor(),
            Who::Owner => self.owner.clone(),
            Who::Support => self.support.clone(),
            Who::Auditor => self.auditor.clone(),
        }
    }
}

pub(crate) async fn account_id(owner: &Caller) -> String {
    owner
        .get("/session")
        .await
        .expect(200)
        .text_at("/account/id")
}

/// The token of a new member of staff.
pub(crate) async fn staff_token(
    deployment: &Deployment,
    role: &str,
    name: &str,
    expires: &str,
) -> String {
    let arguments = [
        "staff",
        "issue",
        "--role",
        role,
        "--name",
        name,
        "--expires",
        expires,
    ];
    let output = deployment.run(&arguments, "").await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The id of a member of staff, as `staff list` tells it.
pub(crate) async fn staff_id(deployment: &Deployment, name: &str) -> String {
    let output = deployment.run(&["staff", "list", "--json"], "").await;
    let text = String::from_utf8(output.stdout).unwrap();
    let list = serde_json::from_str::<Value>(&text).unwrap();
    let members = list.as_array().or_else(|| list["staff"].as_array());
    let found = members.unwrap().iter().find(|one| one["name"] == name);
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn revoke_staff(deployment: &Deployment, id: &str) {
    let output = deployment.run(&["staff", "revoke", id], "").await;
    assert!(output.status.success(), "{output:?}");
}

/// A digest of every table, but for when a session was last seen.
pub(crate) async fn contents(deployment: &Deployment) -> BTreeMap<String, String> {
    let mut connection = deployment.connection("countersign_owner").await;
    settled(&mut connection).await;
    let tables = sqlx::query_scalar::<_, String>(
        "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut contents = BTreeMap::new();
    for table in tables {
        let row = match table.as_str() {
            "sessions" => "(account_id, session_id, token_hash, created_at, expires_at, factors)",
            _ => "t",
        };
        let digest = sqlx::query_scalar::<_, String>(&format!(
            "SELECT count(*) || ' ' || md5(coalesce(string_agg({row}::text, E'\\n' ORDER BY {row}::text), '')) \
             FROM {table} t"
        ))
        .fetch_one(&mut connection)
        .await
        .unwrap();
        contents.insert(table, digest);
    }
    connection.close().await.unwrap();
    contents
}

/// Everything of the accounts, whatever staff did.
pub(crate) async fn account_contents(deployment: &Deployment) -> BTreeMap<String, String> {
    let mut contents = contents(deployment).await;
    for table in ["events", "log", "log_head", "log_nodes", "states"] {
        contents.remove(table);
    }
    let mut connection = deployment.connection("countersign_owner").await;
    for table in ["events", "log", "states"] {
        let digest = sqlx::query_scalar::<_, String>(&format!(
            "SELECT count(*) || ' ' || md5(coalesce(string_agg(t.aggregate_id || t.{column}, ',' \
                 ORDER BY t.aggregate_id, t.{column}), '')) \
             FROM {table} t WHERE aggregate_type = 'account'",
            column = if table == "states" {
                "version"
            } else {
                "sequence"
            },
        ))
        .fetch_one(&mut connection)
        .await
        .unwrap();
        contents.insert(table.to_owned(), digest);
    }
    contents
}

/// Waits until every event has its position and no job and no mail waits.
pub(crate) async fn settled(connection: &mut PgConnection) {
    let began = Instant::now();
    loop {
        let waiting = sqlx::query_scalar::<_, i64>(
            "SELECT (SELECT count(*) FROM unsequenced) + (SELECT count(*) FROM jobs) \
                  + (SELECT count(*) FROM outbox)",
        )
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        if waiting == 0 {
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{waiting} things still wait"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) async fn all_settled(deployment: &Deployment) {
    settled(&mut deployment.connection("countersign_owner").await).await;
}
