//! Every answer beside two implementations that are not ours: tlog-tiles, ported from Go's module
//! database, and ct-merkle.

use std::collections::HashMap;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof};
use proptest::prelude::*;
use sha2::Sha256;

use super::*;

type Other = MemoryBackedTree<Sha256, Vec<u8>>;

fn event(position: u64) -> Hash {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&position.to_be_bytes());
    hash
}

/// The tree of this size, its nodes, and the same of the other implementation.
fn grown(size: u64) -> (Edge, HashMap<u64, Hash>, Other) {
    let (mut edge, mut nodes, mut other) = (Edge::default(), HashMap::new(), Other::new());
    for position in 0..size {
        assert_eq!(node_count(position), nodes.len() as u64);
        edge.append(&event(position), |node| {
            nodes.insert(nodes.len() as u64, node);
        });
        other.push(event(position).to_vec());
    }
    (edge, nodes, other)
}

#[test]
fn the_empty_tree_has_the_root_of_rfc_6962() {
    let root = data_encoding::HEXLOWER.encode(&Edge::default().root());
    assert_eq!(
        root,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

#[test]
fn an_edge_taken_up_from_stored_nodes_is_the_one_that_was_left() {
    for size in 0..130 {
        let (edge, nodes, _) = grown(size);
        let peaks = Edge::numbers(size)
            .iter()
            .map(|number| nodes[number])
            .collect();
        assert_eq!(Edge::of(size, peaks), Ok(edge));
    }
    assert_eq!(Edge::of(3, vec![[0; 32]]), Err(NoSuchProof::MissingNode));
}

proptest! {
    #[test]
    fn roots_and_proofs_agree_with_other_implementations(size in 1_u64..700, a in any::<u64>(), b in any::<u64>()) {
        let (edge, nodes, other) = grown(size);
        let root = edge.root();
        prop_assert_eq!(root.to_vec(), other.root().as_bytes().to_vec());
        let (position, from) = (a % size, b % size + 1);

        let inclusion = Proof::Inclusion { position, size }.from_nodes(&nodes).unwrap();
        prop_assert_eq!(inclusion.concat(), other.prove_inclusion(usize::try_from(position).unwrap()).as_bytes().to_vec());
        prop_assert!(verify_inclusion(&inclusion, &event(position), position, size, &root).is_ok());
        let theirs = InclusionProof::<Sha256>::try_from_bytes(inclusion.concat()).unwrap();
        prop_assert!(other.root().verify_inclusion(&event(position).to_vec(), position, &theirs).is_ok());
        prop_assert!(verify_inclusion(&inclusion, &event(position + 1), position, size, &root).is_err());

        let old = grown(from);
        let consistency = Proof::Consistency { from, to: size }.from_nodes(&nodes).unwrap();
        let added = usize::try_from(size - from).unwrap();
        if added > 0 {
            prop_assert_eq!(consistency.concat(), other.prove_consistency(added).as_bytes().to_vec());
            let theirs = ConsistencyProof::<Sha256>::try_from_bytes(consistency.concat()).unwrap();
            prop_assert!(other.root().verify_consistency(&old.2.root(), &theirs).is_ok());
        }
        prop_assert!(verify_consistency(&consistency, (from, &old.0.root()), (size, &root)).is_ok());
        prop_assert!(verify_consistency(&consistency, (from, &[7; 32]), (size, &root)).is_err());
        prop_assert_eq!(Proof::Root { size: from }.from_nodes(&nodes).unwrap(), vec![old.0.root()]);
    }

    #[test]
    fn no_path_makes_a_tile_reader_fail(path in "([0-9]{1,3}|entries)/(x?[0-9]{1,4}/){0,6}[0-9]{1,4}(\\.p/[0-9]{1,4})?") {
        if let Some(tile) = TilePath::parse(&path) {
            prop_assert!(tile.needs() > 0);
            prop_assert!(tile.numbers().len() <= 256);
        }
    }
}

#[test]
fn a_tile_has_the_hashes_of_its_level() {
    let (_, nodes, _) = grown(600);
    let tile = TilePath::parse("1/000.p/2").unwrap();
    assert_eq!(tile.needs(), 512);
    let hashes = tile
        .numbers()
        .iter()
        .map(|number| nodes[number])
        .collect::<Vec<_>>();
    let full = TilePath::parse("0/001").unwrap();
    let leaves = full
        .numbers()
        .iter()
        .map(|number| nodes[number])
        .collect::<Vec<_>>();
    assert_eq!(leaves[0], leaf_hash(&event(256)));
    assert_eq!(
        tlog_tiles::Tile::subtree_hash(&leaves.concat()).0,
        hashes[1]
    );
}

#[test]
fn what_is_no_tile_is_none() {
    for path in [
        "",
        "0",
        "0/",
        "0/0",
        "0/00",
        "0/0000",
        "64/000",
        "255/000",
        "7/000",
        "0/000.p/0",
        "0/000.p/00",
        "0/000.p/256",
        "data/000",
        "entries",
        "8/0/000",
        "0/x001",
        "0/-01",
        "0/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert_eq!(TilePath::parse(path), None, "{path}");
    }
    assert_eq!(
        TilePath::parse("entries/x001/234.p/5"),
        Some(TilePath::Entries {
            index: 1234,
            width: 5
        })
    );
}

#[test]
fn what_reaches_beyond_the_tree_is_refused() {
    for proof in [
        Proof::Inclusion {
            position: 3,
            size: 3,
        },
        Proof::Consistency { from: 0, to: 3 },
        Proof::Consistency { from: 4, to: 3 },
    ] {
        assert_eq!(proof.numbers(), Err(NoSuchProof::OutOfRange));
    }
    let nothing = HashMap::new();
    let proof = Proof::Inclusion {
        position: 0,
        size: 2,
    };
    assert_eq!(proof.from_nodes(&nothing), Err(NoSuchProof::MissingNode));
    assert!(verify_consistency(&[], (0, &[0; 32]), (1, &[0; 32])).is_err());
}
