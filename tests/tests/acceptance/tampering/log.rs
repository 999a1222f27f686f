//! The log's own tables: its head, its rows, the tree's nodes, and the checkpoints that it remembers.

use serde_json::Value;

use crate::tampering::world::World;

#[tokio::test]
async fn a_head_that_says_something_else_is_found() {
    let world = World::live().await;
    for (change, kind) in [
        ("size = size - 1", "log damaged"),
        ("size = size + 1", "log damaged"),
        ("size = 0", "log damaged"),
        ("size = -1", "log damaged"),
        ("next = next + 1", "log damaged"),
        ("next = next - 1", "log damaged"),
        ("next = -1", "log damaged"),
        ("epoch = 2", "log damaged"),
        ("epoch = 0", "log damaged"),
        ("epoch = -1", "log damaged"),
        ("log_id = gen_random_uuid()", "checkpoint not to be trusted"),
        ("checkpoint = NULL", "checkpoint not to be trusted"),
        ("checkpoint = ''", "checkpoint not to be trusted"),
        (
            "checkpoint = translate(checkpoint, 'ABCDEFGH', 'BCDEFGHA')",
            "checkpoint not to be trusted",
        ),
        (
            "checkpoint = (SELECT note FROM checkpoints ORDER BY size LIMIT 1)",
            "log damaged",
        ),
    ] {
        let mut case = world.case().await;
        case.execute(&format!("UPDATE log_head SET {change}")).await;
        let verdict = case.verify().await;
        assert!(!verdict.first(change).is_null());
        assert!(verdict.has(kind), "{change}: {}", verdict.json);
    }
    for (statement, what) in [
        ("DELETE FROM log_head", "its head cannot be read"),
        (
            "ALTER TABLE log_head DROP CONSTRAINT log_head_pkey; INSERT INTO log_head TABLE log_head",
            "it has 2 heads",
        ),
    ] {
        let mut case = world.case().await;
        case.execute(statement).await;
        let verdict = case.verify().await;
        verdict.expect_log(statement, "log damaged", None);
        assert!(verdict.json.to_string().contains(what), "{}", verdict.json);
    }
}

#[tokio::test]
async fn nodes_of_the_tree_that_are_gone_changed_or_added_are_found_at_their_leaf() {
    let world = World::live().await;
    let nodes = i64::try_from(proofs::tree::node_count(world.end.cast_unsigned())).unwrap();
    let leaf =
        |position: i64| i64::try_from(proofs::tree::leaf_number(position.cast_unsigned())).unwrap();
    for (position, number) in [
        (0, 0),
        (9, leaf(9)),
        // The inner nodes that the leaf before has completed.
        (15, leaf(16) - 1),
        (world.end - 1, nodes - 1),
    ] {
        for (what, change) in [
            (
                "gone",
                format!("DELETE FROM log_nodes WHERE number = {number}"),
            ),
            (
                "changed",
                format!(
                    "UPDATE log_nodes SET hash = set_byte(hash, 0, get_byte(hash, 0) # 1) WHERE number = {number}"
                ),
            ),
        ] {
            let mut case = world.case().await;
            let query = format!("SELECT aggregate_id FROM log WHERE position = {position}");
            let stream = sqlx::query_scalar::<_, String>(&query);
            let stream = stream.fetch_one(&mut case.connection).await.unwrap();
            case.execute(&change).await;
            let verdict = case.verify().await;
            verdict.expect_log(what, "tree damaged", Some(position));
            let named = verdict.damaged()[0]["stream"].as_str().unwrap();
            assert!(named.ends_with(&stream), "{what} {number}: {named}");
            assert_eq!(verdict.json["damages"], 1, "{what}: {}", verdict.json);
        }
    }
    for number in [-1, nodes, nodes + 100] {
        let mut case = world.case().await;
        case.execute(&format!(
            "INSERT INTO log_nodes VALUES ({number}, sha256('x'))"
        ))
        .await;
        let verdict = case.verify().await;
        verdict.expect_log("added", "tree damaged", Some(world.end));
    }
}

#[tokio::test]
async fn rows_of_the_log_that_are_gone_changed_or_added_are_found() {
    let world = World::live().await;
    let stream = world.account();
    let mut case = world.case().await;
    let position = case.position(stream, 5).await;
    case.end().await;
    for (change, kind, named) in [
        ("DELETE FROM log WHERE position = {p}", "not in the log", true),
        ("UPDATE log SET hash = sha256(hash) WHERE position = {p}", "changed", true),
        ("UPDATE log SET hash = '\\x00' WHERE position = {p}", "changed", true),
        ("UPDATE log SET event_id = event_id + 1 WHERE position = {p}", "changed", true),
        ("UPDATE log SET sequence = 1000 WHERE position = {p}", "missing", false),
        ("UPDATE log SET aggregate_id = 'x' WHERE position = {p}", "missing", false),
        ("UPDATE log SET aggregate_type = 'x' WHERE position = {p}", "missing", false),
        ("UPDATE log SET position = 100000 WHERE position = {p}", "log damaged", false),
        ("UPDATE log SET position = -1 WHERE position = {p}", "log damaged", false),
        (
            "ALTER TABLE log DROP CONSTRAINT log_pkey; ALTER TABLE log ALTER position DROP NOT NULL;
            UPDATE log SET position = NULL WHERE position = {p}",
            "log damaged",
            false,
        ),
        (
            "ALTER TABLE log DROP CONSTRAINT log_event_key;
            INSERT INTO log SELECT 100000, aggregate_id, aggregate_type, sequence, hash, event_id
            FROM log WHERE position = {p}",
            "forged",
            true,
        ),
        (
            "INSERT INTO log SELECT 100000, aggregate_id, aggregate_type, 1000, hash, event_id
            FROM log WHERE position = {p}",
            "missing",
            false,
        ),
        (
            "INSERT INTO unsequenced SELECT event_id, aggregate_id, aggregate_type, sequence
            FROM log WHERE position = {p}",
            "log damaged",
            true,
        ),
    ] {
        let mut case = world.case().await;
        case.execute(&change.replace("{p}", &position.to_string())).await;
        let verdict = case.verify().await;
        verdict.first(change);
        let of_kind = |told: &&Value| told["kind"] == kind;
        let told = verdict.damaged().iter().find(of_kind);
        let told = told.unwrap_or_else(|| panic!("{change}: {}", verdict.json));
        if named {
            let stream = format!("account/{stream}");
            assert_eq!((&told["stream"], &told["sequence"]), (&stream.into(), &5.into()), "{change}");
        }
    }
}

/// Who publishes them wrote them: they are held against the log like those that were kept outside.
#[tokio::test]
async fn checkpoints_that_the_database_remembers_are_checked_as_well() {
    let world = World::live().await;
    let first = "WHERE size = (SELECT min(size) FROM checkpoints)";
    for (statement, kind) in [
        (
            "UPDATE checkpoints SET note = translate(note, 'ABCDEFGH', 'BCDEFGHA')",
            "checkpoint not to be trusted",
        ),
        (
            "UPDATE checkpoints SET note = ''",
            "checkpoint not to be trusted",
        ),
        (
            "UPDATE checkpoints SET size = size + 1",
            "checkpoint not to be trusted",
        ),
        (
            "UPDATE checkpoints SET epoch = 2",
            "checkpoint not to be trusted",
        ),
    ] {
        let mut case = world.case().await;
        case.execute(&format!("{statement} {first}")).await;
        let verdict = case.verify().await;
        verdict.expect_log(statement, kind, None);
        assert_eq!(verdict.json["damages"], 1, "{statement}: {}", verdict.json);
    }
}
