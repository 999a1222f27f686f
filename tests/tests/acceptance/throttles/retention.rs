//! What has outlived its use is deleted: housekeeping runs when a server starts, and then again.

use std::time::Instant;

use acceptance::Deployment;
use chrono::Duration;
use serde_json::json;

use crate::throttles::guessing::{Guesser, settle, two_servers_without_source_limits};

/// Waits until a table has so many rows, for the server is seeing to it.
pub(crate) async fn wait_for_rows(deployment: &Deployment, table: &str, wanted: i64) {
    let mut connection = deployment.connection("countersign_owner").await;
    let began = Instant::now();
    loop {
        let rows = rows(&mut connection, table).await;
        if rows == wanted {
            return;
        }
        assert!(
            began.elapsed().as_secs() < 20,
            "{rows} {table} instead of {wanted}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn rows(connection: &mut sqlx::PgConnection, table: &str) -> i64 {
    let statement = format!("SELECT count(*) FROM {table}");
    sqlx::query_scalar(&statement)
        .fetch_one(connection)
        .await
        .unwrap()
}

/// Checks: retention_job (ASVS-14.2.7), without erasure.
#[tokio::test]
async fn what_expired_is_deleted_and_a_count_of_failures_only_after_a_month_without_one() {
    let mut deployment = Deployment::with(two_servers_without_source_limits()).await;
    let ada = deployment.register("ada@example.com").await;
    ada.sign_in(&deployment.visitor()).await;
    let visitor = deployment.visitor();
    for (path, email) in [
        ("/accounts", "una@example.com"),
        ("/password-reset", "ada@example.com"),
    ] {
        visitor
            .post(path, json!({ "email": email }))
            .await
            .expect(202);
    }
    settle(&deployment).await;
    Guesser::stranger(&deployment, &ada.email)
        .fail_times(5)
        .await;
    let mut connection = deployment.connection("countersign_owner").await;
    for table in ["sessions", "registrations", "tokens"] {
        assert_eq!(rows(&mut connection, table).await, 1, "{table}");
    }
    let throttles = rows(&mut connection, "throttles").await;

    deployment.clock.turn(Duration::days(16));
    deployment.servers[0].terminate().await;
    deployment.restart(0).await;
    for table in ["sessions", "registrations", "tokens"] {
        wait_for_rows(&deployment, table, 0).await;
    }
    assert_eq!(rows(&mut connection, "throttles").await, throttles);
    let stranger = Guesser::stranger(&deployment, &ada.email);
    let sixth = stranger.fail().await;
    stranger
        .refused()
        .await
        .waits_since(&sixth, Duration::minutes(1));

    deployment.clock.turn(Duration::days(31));
    deployment.servers[0].terminate().await;
    deployment.restart(0).await;
    wait_for_rows(&deployment, "throttles", 0).await;
    // The browser that verified the address is known for a year.
    Guesser::known(&deployment, &ada)
        .signs_in(&ada.password)
        .await;
    deployment.verify().await;
}
