//! Inclusion and consistency, for any event and any two sizes.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use acceptance::{Answer, Caller, oracle};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use proofs::Hash;
use proofs::tree::{leaf_hash, verify_consistency, verify_inclusion};
use serde_json::Value;
use sha2::Sha256;

use crate::log::auditing::{checkpoint, entries, hash, lengthen, note, proof, unlimited};

/// The tree as ct-merkle builds it: of each size its root.
struct Other {
    events: Vec<Hash>,
    roots: Vec<RootHash<Sha256>>,
}

impl Other {
    fn of(events: Vec<Hash>) -> Self {
        let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        let mut roots = vec![tree.root()];
        for event in &events {
            tree.push(event.to_vec());
            roots.push(tree.root());
        }
        Self { events, roots }
    }

    fn root(&self, size: u64) -> &RootHash<Sha256> {
        &self.roots[usize::try_from(size).unwrap()]
    }

    fn event(&self, position: u64) -> &Hash {
        &self.events[usize::try_from(position).unwrap()]
    }

    /// Asks both, and that a proof of another event is refused.
    fn check_inclusion(&self, answer: &Answer, position: u64, size: u64) {
        let (root, event) = (hash(&answer.json["root"]), self.event(position));
        assert_eq!(root, <Hash>::from(*self.root(size).as_bytes()));
        assert_eq!(hash(&answer.json["event_hash"]), *event);
        assert_eq!(hash(&answer.json["leaf_hash"]), leaf_hash(event));
        let proof = proof(answer);
        verify_inclusion(&proof, event, position, size, &root).unwrap();
        let theirs = InclusionProof::<Sha256>::from_bytes(proof.concat());
        let verified = |event: &Hash| {
            let verified = self
                .root(size)
                .verify_inclusion(&event.to_vec(), position, &theirs);
            verified.is_ok()
        };
        assert!(verified(event));
        assert!(!verified(&root));
        verify_inclusion(&proof, &root, position, size, &root).unwrap_err();
    }

    fn check_consistency(&self, answer: &Answer, from: u64, to: u64) {
        let (old, new) = (hash(&answer.json["old_root"]), hash(&answer.json["root"]));
        assert_eq!(old, <Hash>::from(*self.root(from).as_bytes()));
        assert_eq!(new, <Hash>::from(*self.root(to).as_bytes()));
        let proof = proof(answer);
        verify_consistency(&proof, (from, &old), (to, &new)).unwrap();
        verify_consistency(&proof, (from, &[7; 32]), (to, &new)).unwrap_err();
        if from == to {
            assert_eq!(proof, Vec::<Hash>::new());
            return;
        }
        let theirs = ConsistencyProof::<Sha256>::try_from_bytes(proof.concat()).unwrap();
        let (old, new) = (self.root(from), self.root(to));
        new.verify_consistency(old, &theirs).unwrap();
        assert!(old.verify_consistency(new, &theirs).is_err());
    }
}

/// The same numbers each time, all over the place (SplitMix64).
fn scattered(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A proof as the script is asked about it.
fn question(kind: &str, answer: &mut Answer) -> Value {
    let fields = answer.json.as_object_mut().unwrap();
    fields.remove("leaf_hash");
    fields.remove("checkpoint");
    fields.insert("kind".to_owned(), kind.into());
    answer.json.take()
}

/// What the script says of these proofs.
fn verdicts(lines: &[Value]) -> Vec<String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for line in lines {
        writeln!(file, "{line}").unwrap();
    }
    oracle::verify_proofs(file.path())
}

/// The same proofs, leading elsewhere.
fn counterfeit(mut line: Value) -> Value {
    line["root"] = "ab".repeat(32).into();
    line
}

/// Asks for one proof of each kind a number, checks both, and writes down what they say.
async fn ask(auditor: Caller, other: Arc<Other>, numbers: Range<u64>) -> Vec<Value> {
    let largest = other.events.len() as u64;
    let mut lines = Vec::new();
    for number in numbers {
        let drawn = |nth| scattered(number * 4 + nth);
        let size = drawn(0) % largest + 1;
        let position = drawn(1) % size;
        let path = format!("/audit/events/{position}/proof?size={size}");
        let mut answer = auditor.get(&path).await.expect(200);
        other.check_inclusion(&answer, position, size);
        lines.push(question("inclusion", &mut answer));

        let to = drawn(2) % largest + 1;
        let from = drawn(3) % to + 1;
        let path = format!("/audit/consistency?from={from}&to={to}");
        let mut answer = auditor.get(&path).await.expect(200);
        other.check_consistency(&answer, from, to);
        lines.push(question("consistency", &mut answer));
    }
    lines
}

#[tokio::test]
async fn a_thousand_random_proofs_of_each_kind_are_verified_by_implementations_that_are_not_ours() {
    let deployment = unlimited().await;
    lengthen(&deployment, 375).await;
    let auditor = deployment.auditor().await;
    let signed = checkpoint(&deployment, &auditor).await;
    assert!(signed.size >= 1_500, "{}", signed.size);
    let other = Arc::new(Other::of(entries(&auditor, signed.size).await));
    assert_eq!(
        signed.root,
        <Hash>::from(*other.root(signed.size).as_bytes())
    );

    let mut asking = Vec::new();
    for (name, numbers) in [
        ("Uma", 0..250),
        ("Vic", 250..500),
        ("Wes", 500..750),
        ("Xia", 750..1_000),
    ] {
        let auditor = deployment.staff("auditor", name).await;
        asking.push(tokio::spawn(ask(auditor, Arc::clone(&other), numbers)));
    }
    let mut lines = Vec::new();
    for asked in asking {
        lines.extend(asked.await.unwrap());
    }
    assert_eq!(lines.len(), 2_000);
    assert_eq!(verdicts(&lines), vec!["ok"; 2_000]);
    let wrong = lines.into_iter().map(counterfeit).collect::<Vec<_>>();
    assert_eq!(verdicts(&wrong), vec!["wrong"; 2_000]);
    deployment.verify().await;
}

#[tokio::test]
async fn the_events_that_the_feed_tells_are_the_ones_that_proofs_prove() {
    let deployment = unlimited().await;
    let ada = deployment.register("ada@example.com").await;
    ada.sign_in(&deployment.visitor()).await;
    lengthen(&deployment, 2).await;
    let auditor = deployment.auditor().await;
    let signed = checkpoint(&deployment, &auditor).await;
    let feed = auditor.get("/audit/events?limit=500").await.expect(200);
    let told = feed.json["events"].as_array().unwrap();
    for (position, event) in (0..signed.size).zip(told) {
        assert_eq!(event["position"], position);
        let path = format!("/audit/events/{position}/proof?size={}", signed.size);
        let answer = auditor.get(&path).await.expect(200);
        assert_eq!(answer.json["event_hash"], event["hash"]);
        let event = hash(&event["hash"]);
        verify_inclusion(&proof(&answer), &event, position, signed.size, &signed.root).unwrap();
    }
}

/// Scenario:
/// 1. An auditor keeps a checkpoint. The log goes on.
/// 2. Without a size, proofs are over the current checkpoint, which an inclusion proof brings along;
///    with an earlier one they lead to the root that was kept, and there is no note of it any more.
#[tokio::test]
async fn without_a_size_a_proof_is_over_the_current_checkpoint() {
    let deployment = unlimited().await;
    let auditor = deployment.auditor().await;
    let kept = checkpoint(&deployment, &auditor).await;
    lengthen(&deployment, 5).await;

    let answer = auditor.get("/audit/events/0/proof").await.expect(200);
    let brought = answer.text_at("/checkpoint");
    let brought = crate::log::auditing::operators_keys(&deployment, &brought)
        .verify(&brought)
        .unwrap();
    assert!(brought.size >= kept.size + 20);
    assert_eq!(answer.json["size"], brought.size);
    assert_eq!(hash(&answer.json["root"]), brought.root);

    let path = format!("/audit/consistency?from={}", kept.size);
    let answer = auditor.get(&path).await.expect(200);
    let (to, root) = (
        answer.json["to"].as_u64().unwrap(),
        hash(&answer.json["root"]),
    );
    assert!(to >= brought.size);
    assert_eq!(hash(&answer.json["old_root"]), kept.root);
    verify_consistency(&proof(&answer), (kept.size, &kept.root), (to, &root)).unwrap();

    let path = format!("/audit/events/0/proof?size={}", kept.size);
    let answer = auditor.get(&path).await.expect(200);
    assert_eq!(answer.json["checkpoint"], Value::Null);
    assert_eq!(hash(&answer.json["root"]), kept.root);
    assert_ne!(note(&auditor).await, "");
}
