//! A database whose log is older than its tree.

use sqlx::{Connection, PgConnection};

use crate::tampering::world::{Verdict, World};

/// As the migrations before the sixth had left it.
const BEFORE_THE_TREE: &str = "
    DROP FUNCTION erase_account(uuid);
    DROP TABLE log_nodes, checkpoints;
    ALTER TABLE log DROP COLUMN event_id;
    ALTER TABLE log_head DROP COLUMN log_id, DROP COLUMN epoch, DROP COLUMN size,
        DROP COLUMN checkpoint;
    DELETE FROM _sqlx_migrations WHERE version >= 6";

#[tokio::test]
async fn the_tree_grows_over_positions_that_are_older_than_it_and_all_is_whole() {
    let mut world = World::live().await;
    let (events, end) = (world.end.cast_unsigned(), world.end);
    std::fs::remove_dir_all(world.deployment.data_dir().join("checkpoints")).unwrap();
    let mut connection = PgConnection::connect(&world.deployment.owner_url())
        .await
        .unwrap();
    sqlx::raw_sql(BEFORE_THE_TREE)
        .execute(&mut connection)
        .await
        .unwrap();

    world.deployment.add_server().await;
    let filled = "SELECT count(*) FROM log l JOIN events e ON e.id = l.event_id
        AND e.aggregate_id = l.aggregate_id AND e.sequence = l.sequence";
    let filled: i64 = sqlx::query_scalar(filled)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(filled, end);
    world.deployment.create_account("dora@example.com").await;
    crate::races::crash::wait_for_positions(&mut connection).await;
    let verdict = Verdict::of(
        &world
            .deployment
            .run(&["audit", "verify", "--json"], "")
            .await,
    );
    verdict.expect_whole("upgraded");
    assert_eq!(verdict.json["size"], events + 1, "{}", verdict.json);
}
