//! Single proofs, of random sizes, by our code and by the script.

use std::collections::HashMap;

use proofs::Hash;
use proofs::tree::{Edge, Proof, verify_consistency, verify_inclusion};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::script::{exit_code, fed, script};

fn hex(hash: &Hash) -> String {
    data_encoding::HEXLOWER.encode(hash)
}

fn random(seed: u64) -> Hash {
    Sha256::digest(seed.to_be_bytes()).into()
}

fn below(seed: u64, bound: u64) -> u64 {
    let random = random(seed ^ 0xfeed_0000);
    let number: [u8; 8] = random[..8].try_into().unwrap();
    u64::from_be_bytes(number) % bound
}

#[test]
fn proofs_of_random_sizes_and_damaged_ones_are_judged_alike() {
    let (mut edge, mut nodes, mut roots) = (
        Edge::default(),
        HashMap::new(),
        vec![Edge::default().root()],
    );
    for position in 0..1000 {
        edge.append(&random(position), |node| {
            nodes.insert(nodes.len() as u64, node);
        });
        roots.push(edge.root());
    }
    let root = |size: u64| roots[usize::try_from(size).unwrap()];
    let (mut questions, mut expected) = (Vec::new(), Vec::new());
    for n in 0..500 {
        let size = below(n, 1000) + 1;
        let (position, from) = (below(n + 1000, size), below(n + 2000, size) + 1);
        let mut inclusion = Proof::Inclusion { position, size }
            .from_nodes(&nodes)
            .unwrap();
        let mut consistency = Proof::Consistency { from, to: size }
            .from_nodes(&nodes)
            .unwrap();
        if n % 2 == 1 {
            damage(&mut inclusion, n / 2);
            damage(&mut consistency, n / 2);
        }
        let event = random(position);
        expected.push(verify_inclusion(&inclusion, &event, position, size, &root(size)).is_ok());
        expected.push(
            verify_consistency(&consistency, (from, &root(from)), (size, &root(size))).is_ok(),
        );
        let list = |proof: &[Hash]| proof.iter().map(hex).collect::<Vec<_>>();
        questions.push(json!({
            "kind": "inclusion", "event_hash": hex(&event), "position": position,
            "size": size, "root": hex(&root(size)), "proof": list(&inclusion),
        }));
        questions.push(json!({
            "kind": "consistency", "from": from, "old_root": hex(&root(from)),
            "to": size, "root": hex(&root(size)), "proof": list(&consistency),
        }));
    }
    let lines = questions.iter().map(Value::to_string).collect::<Vec<_>>();
    let said = fed(script().arg("--proofs"), lines.join("\n").as_bytes());
    let said = String::from_utf8(said.stdout).unwrap();
    let theirs: Vec<_> = said.lines().map(|line| line == "ok").collect();
    assert_eq!(theirs, expected);
    assert!(expected.iter().filter(|proved| **proved).count() >= 500);
    assert!(expected.iter().filter(|proved| !**proved).count() >= 490);
}

fn damage(proof: &mut Vec<Hash>, n: u64) {
    match n % 4 {
        0 if !proof.is_empty() => proof.truncate(proof.len() - 1),
        1 if !proof.is_empty() => proof[0][0] ^= 1,
        2 => proof.insert(0, [0; 32]),
        _ => proof.push([0; 32]),
    }
}

#[test]
fn the_script_says_by_its_exit_code_whether_it_could_check() {
    let good = br#"{"kind":"inclusion","event_hash":"0000000000000000000000000000000000000000000000000000000000000000","position":0,"size":1,"root":"7f9c9e31ac8256ca2f258583df262dbc7d6f68f2a03043d5c99a4ae5a7396ce9","proof":[]}"#;
    assert_eq!(exit_code(&["--proofs"], good), Some(0));
    assert_eq!(exit_code(&["--proofs"], b"{}\n"), Some(2));
    let wrong = String::from_utf8(good.to_vec())
        .unwrap()
        .replace("7f9c", "7f9d");
    assert_eq!(exit_code(&["--proofs"], wrong.as_bytes()), Some(1));
    assert_eq!(exit_code(&["/nowhere/at/all"], b""), Some(2));
    assert_eq!(exit_code(&[], b""), Some(2));
    assert_eq!(exit_code(&["/dev/null"], b""), Some(1));
}
