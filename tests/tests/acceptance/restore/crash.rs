//! A recovery that is cut off, or comes at the wrong time.

use std::time::Duration;

use acceptance::{Deployment, Options};
use sqlx::PgConnection;

use super::backups::{RECOVER, back_up, count, damaged, gaps, restore, serve_refuses};
use crate::evidence::command_line::{fails, said_json};
use crate::evidence::support::{execute, owner};

const REGISTRATION: &str = "INSERT INTO registrations
    SELECT gen_random_uuid(), '', '', 1, '', now()";

async fn restored() -> Deployment {
    let mut deployment = Deployment::start().await;
    for name in ["ada", "bob", "cyd"] {
        let email = format!("{name}@example.com");
        deployment.create_account(&email).await;
    }
    let backup = back_up(&mut deployment).await;
    deployment.create_account("dot@example.com").await;
    restore(&mut deployment, &backup).await;
    deployment
}

async fn until_somebody_waits(connection: &mut PgConnection) {
    let waits = "SELECT EXISTS (SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock')";
    for _ in 0..500 {
        let waits: bool = sqlx::query_scalar(waits)
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        if waits {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody waits");
}

#[tokio::test]
async fn a_recovery_that_was_killed_in_the_middle_is_finished_by_the_next() {
    for held in [
        // Among the accounts; after them; and when the epoch is told.
        "SELECT FROM states WHERE aggregate_id = (SELECT max(aggregate_id) FROM states) FOR UPDATE",
        "SELECT FROM registrations FOR UPDATE",
        "INSERT INTO events (aggregate_id, aggregate_type, sequence, event_type, event_version, \
            payload, metadata, recorded_at, hash, mac, key_id)
        SELECT '00000000-0000-0000-0000-000000000000', 'log', 1, event_type, event_version, \
            payload, metadata, recorded_at, hash, mac, key_id FROM events LIMIT 1",
    ] {
        let deployment = restored().await;
        let (mut holder, mut watcher) = (owner(&deployment).await, owner(&deployment).await);
        execute(&mut holder, REGISTRATION).await;
        execute(&mut holder, &format!("BEGIN; {held}")).await;
        {
            // Dropped, it is killed.
            let recovery = deployment.run(&["recover", "--reason", "lost"], "");
            tokio::select! {
                output = recovery => panic!("{held}: {output:?}"),
                () = until_somebody_waits(&mut watcher) => {}
            }
        }
        execute(&mut holder, "ROLLBACK").await;
        serve_refuses(&deployment).await;
        damaged(&deployment, "").await;
        let told = said_json(&deployment, RECOVER).await;
        assert_eq!((&told["accounts"], &told["epoch"]), (&3.into(), &2.into()));
        assert_eq!(gaps(&deployment, "").await.len(), 1, "{held}");
        assert_eq!(count(&deployment, "EpochOpened").await, 1, "{held}");
        deployment.verify().await;
    }
}

#[tokio::test]
async fn a_recovery_that_was_cut_off_at_its_last_step_is_told_once() {
    let mut deployment = restored().await;
    let mut connection = owner(&deployment).await;
    execute(
        &mut connection,
        "CREATE FUNCTION cut_off() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN RAISE EXCEPTION ''cut off''; END';
        CREATE TRIGGER cut_off BEFORE UPDATE ON log_head EXECUTE FUNCTION cut_off()",
    )
    .await;
    fails(&deployment, RECOVER, 1, "cut off").await;
    assert_eq!(count(&deployment, "EpochOpened").await, 1);
    serve_refuses(&deployment).await;
    damaged(&deployment, "").await;
    execute(&mut connection, "DROP TRIGGER cut_off ON log_head").await;
    let told = said_json(&deployment, "recover --reason again").await;
    assert_eq!(
        (&told["epoch"], &told["reason"]),
        (&2.into(), &"disk-lost".into())
    );
    assert_eq!(count(&deployment, "EpochOpened").await, 1);
    assert_eq!(gaps(&deployment, "").await.len(), 1);
    deployment.restart(0).await;
    deployment.create_account("eve@example.com").await;
    deployment.verify().await;
}

#[tokio::test]
async fn nothing_is_recovered_while_a_server_runs_even_one_that_only_waits_to_lead() {
    let mut deployment = Deployment::with(Options::default().servers(2)).await;
    deployment.create_account("ada@example.com").await;
    let words = "stop every server first";
    fails(&deployment, RECOVER, 1, words).await;
    deployment.servers[0].kill().await;
    fails(&deployment, RECOVER, 1, words).await;
    assert!(deployment.servers[1].terminate().await.success());
    assert_eq!(count(&deployment, "AccountRecovered").await, 0);
    said_json(&deployment, RECOVER).await;
    assert_eq!(count(&deployment, "AccountRecovered").await, 1);
}
