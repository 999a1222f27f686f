//! History written anew by somebody who knows every format, and in the end has every key: then only
//! what was kept outside tells.

use proofs::checkpoint::Origin;

use crate::tampering::forger::{Forger, signed};
use crate::tampering::world::{Case, World};

/// The event whose tail is rewritten.
const FROM: i64 = 6;

async fn rewrite(world: &World, with_key: bool) -> (Case<'_>, i64) {
    let mut case = world.case().await;
    let stream = world.account();
    let position = case.position(stream, FROM).await;
    case.tamper(&format!(
        "UPDATE events SET recorded_at = replace(recorded_at, '.', '.0')
        WHERE aggregate_id = '{stream}' AND sequence = {FROM}"
    ))
    .await;
    Forger::of(world, &mut case)
        .rehash(stream, FROM, with_key)
        .await;
    (case, position)
}

#[tokio::test]
async fn a_tail_with_right_hashes_is_found_at_its_first_event() {
    let world = World::live().await;
    let event = (world.account(), FROM);
    for with_key in [false, true] {
        let (case, position) = rewrite(&world, with_key).await;
        let verdict = case.verify().await;
        verdict.expect("not logged", "changed", event, Some(position));
    }
    let (mut case, position) = rewrite(&world, false).await;
    let mut forger = Forger::of(&world, &mut case);
    forger.relog().await;
    forger.regrow_tree().await;
    let verdict = case.verify().await;
    verdict.expect("logged, without MACs", "forged", event, Some(position));
}

/// With right MACs, log and tree: the head is not signed, or is; the kept checkpoints tell, even
/// without the database's own.
#[tokio::test]
async fn a_tail_rewritten_with_the_master_key_is_found_by_the_kept_checkpoints() {
    let world = World::live().await;
    let kind = "not the log of a kept checkpoint";
    let (mut case, position) = rewrite(&world, true).await;
    let from = world.kept_before(position);
    Forger::of(&world, &mut case).relog().await;
    let verdict = case.look().await;
    assert!(verdict.has("tree damaged"), "{}", verdict.json);

    Forger::of(&world, &mut case).regrow_tree().await;
    let verdict = case.look().await;
    verdict.expect_log("the tree", kind, Some(from));
    assert!(verdict.has("log damaged"), "{}", verdict.json);

    Forger::of(&world, &mut case).sign_head().await;
    case.execute("DELETE FROM checkpoints").await;
    let verdict = case.look().await;
    verdict.expect_log("the signature", kind, Some(from));
    assert_eq!(verdict.json["damages"], 1, "{}", verdict.json);
    let what = verdict.damaged()[0]["what"].as_str().unwrap();
    assert!(
        what.contains(&format!("positions before {from} are as they were")),
        "{what}"
    );

    // Nobody can tell without them: that is what they are for.
    let verdict = case.look_with(&[]).await;
    assert_eq!(verdict.json["damages"], 0, "{}", verdict.json);
    let kept = world.kept();
    let named = ["--checkpoints", kept.last().unwrap().to_str().unwrap()];
    let verdict = case.look_with(&named).await;
    verdict.expect_log("one that was named", kind, Some(0));
    case.end().await;
}

#[tokio::test]
async fn a_change_after_a_kept_checkpoint_is_placed_after_it() {
    let world = World::live().await;
    let mut case = world.case().await;
    let stream = world.account();
    let last = case.last(stream).await;
    let position = case.position(stream, last).await;
    assert!(position >= world.middle);
    case.tamper(&format!(
        "UPDATE events SET recorded_at = replace(recorded_at, '.', '.0')
        WHERE aggregate_id = '{stream}' AND sequence = {last}"
    ))
    .await;
    let mut forger = Forger::of(&world, &mut case);
    forger.rehash(stream, last, true).await;
    forger.relog().await;
    forger.regrow_tree().await;
    forger.sign_head().await;
    case.execute("DELETE FROM checkpoints").await;
    let verdict = case.verify().await;
    let kind = "not the log of a kept checkpoint";
    verdict.expect_log("after the middle", kind, Some(world.kept_before(position)));
}

#[tokio::test]
async fn an_old_backup_is_found_by_the_kept_checkpoints_alone() {
    let world = World::live().await;
    for forgotten in ["SELECT", "DELETE FROM checkpoints"] {
        let mut case = world.backup().await;
        case.execute(forgotten).await;
        let output = case.run(&["audit", "verify"]).await;
        let words = String::from_utf8(output.stdout).unwrap();
        assert!(words.contains(&format!("has {}", world.middle)), "{words}");
        let first = words.lines().last().unwrap();
        let told = format!(
            "DAMAGED in 1 places; first: the log, position {}: not the log of a kept checkpoint",
            world.middle
        );
        assert!(first.starts_with(&told), "{words}");
        let verdict = case.verify().await;
        let kind = "not the log of a kept checkpoint";
        // Which account's event came next is lost with it.
        verdict.expect_log("a backup", kind, Some(world.middle));
        assert_eq!(verdict.json["damages"], 1, "{}", verdict.json);
        assert_eq!(
            verdict.json["read_models"]["findings"],
            serde_json::json!([])
        );
    }
}

#[tokio::test]
async fn a_kept_checkpoint_that_is_none_is_not_trusted() {
    let world = World::live().await;
    let case = world.case().await;
    let kept = world.kept();
    let last = kept.last().unwrap();
    let genuine = std::fs::read_to_string(last).unwrap();
    let read = proofs::checkpoint::Checkpoint::read(&genuine).unwrap();
    let other_key = credentials::MasterKeys::parse(&format!("1 {}\n", "A".repeat(43)));
    let other_key = credentials::Keyring::derive(&other_key.unwrap());
    let other_log = Origin {
        log: uuid::Uuid::nil(),
        epoch: 1,
    };
    let later = Origin {
        epoch: 2,
        ..read.origin
    };
    let untrusted = "checkpoint not to be trusted";
    let fork = "not the log of a kept checkpoint";
    for (name, note, kind) in [
        (
            "another key",
            signed(&other_key, read.origin, read.size, read.root),
            untrusted,
        ),
        (
            "another log",
            signed(&world.keyring(), other_log, read.size, read.root),
            untrusted,
        ),
        ("garbage", "garbage".to_owned(), untrusted),
        ("nothing", String::new(), untrusted),
        (
            "another size",
            genuine.replacen(&read.size.to_string(), "7", 1),
            untrusted,
        ),
        (
            "a later epoch",
            signed(&world.keyring(), later, read.size, read.root),
            fork,
        ),
        (
            "another root",
            signed(&world.keyring(), read.origin, read.size, [7; 32]),
            fork,
        ),
        (
            "a larger tree",
            signed(&world.keyring(), read.origin, read.size + 1, [7; 32]),
            fork,
        ),
    ] {
        std::fs::write(last, note).unwrap();
        let verdict = case.look().await;
        assert_eq!(
            verdict.first(name)["kind"],
            kind,
            "{name}: {}",
            verdict.json
        );
        let what = verdict.damaged()[0]["what"].as_str().unwrap();
        assert!(what.contains(last.to_str().unwrap()), "{name}: {what}");
    }
    std::fs::write(last, [0xff, 0xfe, 0x00, 0x80]).unwrap();
    let verdict = case.look().await;
    verdict.expect_log("bytes that are no text", untrusted, None);
    std::fs::write(last, genuine).unwrap();
    case.verify().await.expect_whole("put back");
}
