//! Logs of some length, and what an auditor does with what they are given.

use acceptance::{Answer, Caller, Deployment, Options};
use credentials::{Keyring, MasterKeys};
use data_encoding::HEXLOWER;
use proofs::Hash;
use proofs::checkpoint::{Checkpoint, Origin, VerifierKeys};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::surface::world::all_settled;

/// A deployment that answers as fast as it is asked.
pub(crate) async fn unlimited() -> Deployment {
    Deployment::with(Options::default().setting("COUNTERSIGN_SOURCE_LIMITS", "off")).await
}

/// Cheap events, `each` in the stream of each of four members of support.
pub(crate) async fn lengthen(deployment: &Deployment, each: usize) {
    let mut calls = Vec::new();
    for name in ["Ann", "Ben", "Cid", "Dora"] {
        let support = deployment.staff("support", name).await;
        calls.push(tokio::spawn(async move {
            for _ in 0..each {
                support.get("/session").await.expect(403);
            }
        }));
    }
    for call in calls {
        call.await.unwrap();
    }
    all_settled(deployment).await;
}

/// The log's public keys as its operator hands them out, by another way than the API.
pub(crate) fn operators_keys(deployment: &Deployment, note: &str) -> VerifierKeys {
    let file = deployment.data_dir().with_file_name("master.key");
    let master = MasterKeys::parse(&std::fs::read_to_string(file).unwrap()).unwrap();
    let log = Checkpoint::read(note).unwrap().origin.log;
    let keys = Keyring::derive(&master).log_verifier_keys(&Origin::key_name(log));
    VerifierKeys::parse(keys.unwrap().iter().map(String::as_str)).unwrap()
}

pub(crate) async fn note(auditor: &Caller) -> String {
    auditor.get("/audit/checkpoint").await.expect(200).text
}

/// The current checkpoint, its signature verified.
pub(crate) async fn checkpoint(deployment: &Deployment, auditor: &Caller) -> Checkpoint {
    let note = note(auditor).await;
    operators_keys(deployment, &note).verify(&note).unwrap()
}

pub(crate) fn hash(hex: &Value) -> Hash {
    let bytes = HEXLOWER.decode(hex.as_str().unwrap().as_bytes()).unwrap();
    bytes.try_into().unwrap()
}

pub(crate) fn proof(answer: &Answer) -> Vec<Hash> {
    let hashes = answer.json["proof"].as_array().unwrap();
    hashes.iter().map(hash).collect()
}

/// What the entries from `first` on say, read from tiles.
pub(crate) async fn entries(auditor: &Caller, size: u64) -> Vec<Hash> {
    let mut entries = Vec::new();
    for path in tiles_of(0, size) {
        let path = format!("/audit/tile/entries/{path}");
        let tile = auditor.get(&path).await.expect(200).bytes;
        for entry in tile.chunks(34) {
            assert_eq!(entry[..2], 32_u16.to_be_bytes());
            entries.push(entry[2..].try_into().unwrap());
        }
    }
    assert_eq!(entries.len() as u64, size);
    entries
}

/// Names of the tiles of a level that has `size` hashes, from the one that holds hash `first`.
pub(crate) fn tiles_of(first: u64, size: u64) -> Vec<String> {
    let tiles = first / 256..size.div_ceil(256);
    let name = |tile| match size - tile * 256 {
        width @ ..256 => format!("{tile:03}.p/{width}"),
        _ => format!("{tile:03}"),
    };
    tiles.map(name).collect()
}

/// RFC 6962, section 2.1, over the hashes of leaves, to the letter.
pub(crate) fn rfc_6962_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            let parts = [
                &[1][..],
                &rfc_6962_root(left)[..],
                &rfc_6962_root(right)[..],
            ];
            Sha256::digest(parts.concat()).into()
        }
    }
}

pub(crate) fn rfc_6962_leaf(entry: &Hash) -> Hash {
    Sha256::digest([&[0][..], &entry[..]].concat()).into()
}
