//! Deaths in the middle of load, on the durable database that the product brings itself.
//!
//! Checks: ASVS-2.3.3.

use std::time::{Duration, Instant};

use acceptance::{Caller, Deployment, Options};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::races::load::{Resident, under_load};

struct Town {
    deployment: Deployment,
    residents: Vec<Resident>,
    auditor: Caller,
}

impl Town {
    async fn on_the_embedded_database() -> Self {
        let options = Options::default()
            .embedded()
            .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
        let deployment = Deployment::with(options).await;
        let mut residents = Vec::new();
        for name in ["ada", "ben", "cleo"] {
            residents.push(Resident::arrive(&deployment, name).await);
        }
        let auditor = deployment.auditor().await;
        Self {
            deployment,
            residents,
            auditor,
        }
    }

    /// Every acknowledged change is there, read models agree, every event has its position.
    async fn check(&mut self) {
        let url = self.deployment.servers[0].url.clone();
        let auditor = self.auditor.at(&url);
        for resident in &mut self.residents {
            resident.check(&auditor, &url).await;
        }
        let mut connection = self.deployment.connection("countersign_owner").await;
        wait_for_positions(&mut connection).await;
        assert_order(&mut connection).await;
        let report = self.deployment.projections().await;
        assert_eq!(report["findings"], json!([]), "{report}");
    }
}

/// Until no event waits for its position.
pub(crate) async fn wait_for_positions(connection: &mut PgConnection) {
    let began = Instant::now();
    while count(connection, "SELECT count(*) FROM unsequenced").await > 0 {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "events without a position"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Every event is in the log once, positions are dense, and no event of a stream stands before an
/// earlier one.
pub(crate) async fn assert_order(connection: &mut PgConnection) {
    let missing = "SELECT count(*) FROM events e
        FULL JOIN log l USING (aggregate_id, aggregate_type, sequence)
        WHERE e.hash IS DISTINCT FROM l.hash";
    assert_eq!(count(connection, missing).await, 0, "events and log differ");
    let holes = "SELECT coalesce(max(position) + 1, 0) - count(*) FROM log";
    assert_eq!(count(connection, holes).await, 0, "positions have holes");
    let overtaken = "SELECT count(*) FROM (
            SELECT position, lag(position) OVER (
                PARTITION BY aggregate_type, aggregate_id ORDER BY sequence
            ) AS before FROM log
        ) AS ordered WHERE position < before";
    assert_eq!(
        count(connection, overtaken).await,
        0,
        "an event was overtaken"
    );
}

pub(crate) async fn count(connection: &mut PgConnection, query: &str) -> i64 {
    sqlx::query_scalar(query)
        .fetch_one(connection)
        .await
        .unwrap()
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

fn postmaster(deployment: &Deployment) -> u32 {
    let path = deployment.data_dir().join("postgres/postmaster.pid");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().next().unwrap().trim().parse().unwrap()
}

/// Scenario:
/// 1. One server on the embedded database; three people use their accounts all the time: they sign
///    in, change the password, mistype it, begin and cancel an enrollment, sign out.
/// 2. The server is killed with `kill -9` in the middle of it, and started anew.
/// 3. Everything that was acknowledged is in the histories and in force; `projections check` finds
///    nothing, which verifies every chain; positions are dense.
/// 4. Ten rounds on the same data.
#[tokio::test]
async fn after_kill_9_of_the_server_in_mid_load_every_acknowledged_change_is_there() {
    let mut town = Town::on_the_embedded_database().await;
    for round in 0..10 {
        let visitors = [town.deployment.visitor()];
        let server = &mut town.deployment.servers[0];
        let death = server.kill();
        town.residents = under_load(town.residents, &visitors, round, death).await;
        town.deployment.restart(0).await;
        town.check().await;
    }
}

/// Scenario:
/// 1. As before, but it is PostgreSQL's first process that is killed with `kill -9`.
/// 2. The server notices, says so, and ends with exit code 1; nobody is answered with a fault other
///    than 503. It is started anew, and recovers.
/// 3. Everything that was acknowledged is there, as before. Ten rounds on the same data.
#[tokio::test]
async fn after_kill_9_of_postgresql_in_mid_load_every_acknowledged_change_is_there() {
    let mut town = Town::on_the_embedded_database().await;
    for round in 0..10 {
        let visitors = [town.deployment.visitor()];
        let pid = postmaster(&town.deployment);
        let death = async { kill(pid) };
        town.residents = under_load(town.residents, &visitors, round, death).await;
        let ended = town.deployment.servers[0].ended();
        let ended = tokio::time::timeout(Duration::from_secs(30), ended).await;
        assert_eq!(ended.expect("the server goes on").code(), Some(1));
        let log = town.deployment.log(0);
        assert!(log.contains("the embedded PostgreSQL has ended"), "{log}");
        town.deployment.restart(0).await;
        town.check().await;
    }
}

/// Scenario:
/// 1. As before, but one of PostgreSQL's processes for a connection is killed with `kill -9`:
///    PostgreSQL drops all others, and recovers by itself.
/// 2. The server goes on by itself and is ready again; nobody was answered with a fault other than
///    503, and everything that was acknowledged is there. Five rounds.
#[tokio::test]
async fn a_database_that_recovers_from_a_crash_of_its_own_is_used_again_without_a_restart() {
    let mut town = Town::on_the_embedded_database().await;
    for round in 0..5 {
        let visitors = [town.deployment.visitor()];
        let mut connection = town.deployment.connection("countersign_owner").await;
        let backend = count(&mut connection, "SELECT pg_backend_pid()::bigint").await;
        let death = async { kill(u32::try_from(backend).unwrap()) };
        town.residents = under_load(town.residents, &visitors, round, death).await;
        ready(&town.deployment).await;
        town.check().await;
    }
}

async fn ready(deployment: &Deployment) {
    let url = format!("{}/readyz", deployment.servers[0].internal_url);
    let began = Instant::now();
    loop {
        let answer = reqwest::get(&url).await.unwrap();
        if answer.status() == 200 {
            return;
        }
        let text = answer.json::<Value>().await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(20), "{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
