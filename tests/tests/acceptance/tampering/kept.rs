//! Checkpoints of years: they are looked at one by one.

use std::fmt::Write;

use proofs::checkpoint::Checkpoint;

use crate::tampering::world::World;

/// How many are kept, each as large as a note may be for all that others may have signed it.
const KEPT: usize = 3_000;
const WITNESSES: usize = 80;

/// The most memory that a process may take, in KiB, of which the program itself takes a part.
const MOST: usize = 110 * 1024;

#[tokio::test]
async fn what_a_verification_holds_does_not_grow_with_what_was_kept() {
    let world = World::live().await;
    let (case, folder) = (world.case().await, tempfile::tempdir().unwrap());
    let note = std::fs::read_to_string(world.kept().last().unwrap()).unwrap();
    let mut witnessed = note.clone();
    for number in 0..WITNESSES {
        let signature = data_encoding::BASE64.encode(&[u8::try_from(number).unwrap(); 384]);
        writeln!(witnessed, "— witness-{number} {signature}").unwrap();
    }
    assert!(witnessed.len() > 40_000 && witnessed.len() < 64 * 1024);
    assert_eq!(Checkpoint::read(&witnessed), Checkpoint::read(&note));
    for number in 0..KEPT {
        std::fs::write(folder.path().join(number.to_string()), &witnessed).unwrap();
    }
    let path = folder.path().to_str().unwrap();
    let (verdict, peak) = case.look_at_memory(&["--checkpoints", path]).await;
    verdict.expect_whole("many checkpoints");
    assert!(peak < MOST, "{peak} KiB");
    case.end().await;
}
