//! How the database finds what a request asks for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use sqlx::PgConnection;

use crate::surface::world::{World, all_settled};

/// What grows with accounts, sessions and events.
const LARGE: [&str; 7] = [
    "data_keys",
    "events",
    "logins",
    "sessions",
    "settings",
    "states",
    "unsequenced",
];

/// How often each table was read from its beginning to its end, and how often by an index.
async fn reads(connection: &mut PgConnection) -> BTreeMap<String, (i64, i64)> {
    let query = "SELECT relname::text, seq_scan, idx_scan FROM pg_stat_user_tables
        WHERE relname::text = ANY ($1)";
    sqlx::query_as::<_, (String, i64, i64)>(query)
        .bind(LARGE)
        .fetch_all(connection)
        .await
        .unwrap()
        .into_iter()
        .map(|(table, whole, by_index)| (table, (whole, by_index)))
        .collect()
}

/// Scenario:
/// 1. A database of a few accounts, whose statistics say so: to read such tables whole seems cheapest,
///    and plans are kept, however much the tables grow.
/// 2. For three seconds, within which each connection tells what it has read, people sign in,
///    check their session in crowds, read their settings and sign out.
/// 3. Every table was read by its index; none from beginning to end, neither for a request nor by
///    the sequencer.
#[tokio::test]
async fn neither_a_request_nor_the_sequencer_reads_a_whole_table() {
    let world = World::start().await;
    let mut connection = world.deployment.connection("countersign_owner").await;
    all_settled(&world.deployment).await;
    let analyze = format!("VACUUM (ANALYZE) {}", LARGE.join(", "));
    sqlx::raw_sql(&analyze)
        .execute(&mut connection)
        .await
        .unwrap();
    // An idle connection tells after ten seconds at most what it has read until now.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let before = reads(&mut connection).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        let visitor = world.deployment.visitor();
        let session = world.ada.sign_in(&visitor).await;
        for answer in join_all((0..64).map(|_| session.get("/session"))).await {
            answer.expect(200);
        }
        session.get("/settings").await.expect(200);
        session.get("/sessions").await.expect(200);
        session
            .send(Method::POST, "/logout", None)
            .await
            .expect(204);
    }
    let after = reads(&mut connection).await;
    for table in LARGE {
        let ((whole, by_index), (whole_before, by_index_before)) = (after[table], before[table]);
        assert!(by_index > by_index_before, "{table} was not read");
        assert_eq!(whole, whole_before, "{table} was read whole");
    }
}
