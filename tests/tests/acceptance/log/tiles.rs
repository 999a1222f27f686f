//! The log for programs that know nothing but C2SP's tlog-tiles and tlog-checkpoint.

use acceptance::{Caller, Deployment};
use proofs::Hash;

use crate::log::auditing::{
    checkpoint, entries, lengthen, rfc_6962_leaf, rfc_6962_root, tiles_of, unlimited,
};

/// Keeps the hashes of all leaves, as read from tiles.
struct Follower<'d> {
    deployment: &'d Deployment,
    auditor: Caller,
    leaves: Vec<Hash>,
}

impl Follower<'_> {
    /// Reads the current checkpoint and the tiles that were not yet full, and checks the one by
    /// the others.
    async fn follow(&mut self) {
        let signed = checkpoint(self.deployment, &self.auditor).await;
        let known = self.leaves.len() as u64;
        let mut read = Vec::new();
        for tile in tiles_of(known, signed.size) {
            read.extend(self.tile(&format!("0/{tile}")).await);
        }
        let full = known / 256 * 256;
        let again = self.leaves.split_off(usize::try_from(full).unwrap());
        assert!(read.starts_with(&again), "a leaf has changed");
        self.leaves.extend(read);
        assert_eq!(self.leaves.len() as u64, signed.size);
        assert_eq!(rfc_6962_root(&self.leaves), signed.root);
    }

    async fn tile(&self, name: &str) -> Vec<Hash> {
        let path = format!("/audit/tile/{name}");
        let answer = self.auditor.get(&path).await.expect(200);
        assert_eq!(answer.headers["content-type"], "application/octet-stream");
        assert_eq!(answer.headers["cache-control"], "no-store");
        let (hashes, rest) = answer.bytes.as_chunks::<32>();
        assert!(rest.is_empty());
        hashes.to_vec()
    }
}

#[tokio::test]
async fn a_client_of_tiles_and_checkpoints_recomputes_each_root_and_follows_the_log() {
    let deployment = unlimited().await;
    let mut follower = Follower {
        auditor: deployment.auditor().await,
        deployment: &deployment,
        leaves: Vec::new(),
    };
    for events in [0, 3, 100, 35, 1] {
        lengthen(&deployment, events).await;
        follower.follow().await;
    }
    let size = follower.leaves.len();
    assert!(size > 512, "{size}");

    let entries = entries(&follower.auditor, size as u64).await;
    let leaves = entries.iter().map(rfc_6962_leaf).collect::<Vec<_>>();
    assert_eq!(leaves, follower.leaves);
    let above = follower.tile("1/000.p/2").await;
    let roots = leaves.chunks_exact(256).map(rfc_6962_root);
    assert_eq!(above, roots.collect::<Vec<_>>());
    assert_eq!(follower.tile("0/001.p/7").await, leaves[256..263]);
}

#[tokio::test]
async fn what_is_no_tile_or_not_yet_there_is_not_found() {
    let deployment = unlimited().await;
    lengthen(&deployment, 75).await;
    let auditor = deployment.auditor().await;
    let size = checkpoint(&deployment, &auditor).await.size;
    assert!((300..400).contains(&size), "{size}");
    auditor.get("/audit/tile/0/001.p/44").await.expect(200);
    auditor.get("/audit/tile/0%2F001.p%2F44").await.expect(200);
    for path in [
        "0/001",
        "0/001.p/255",
        "entries/001",
        "entries/001.p/255",
        "0/002.p/1",
        "1/000",
        "1/000.p/2",
        "2/000.p/1",
        "6/000.p/1",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/",
        "0/000.p",
        "0/0",
        "0/00",
        "0/0000",
        "0/-01",
        "00/000",
        "+0/000",
        "0/x000/000",
        "0/x001",
        "0/000/",
        "7/000",
        "63/000",
        "64/000",
        "8/0/000",
        "data/000",
        "entries",
        "0",
        "",
        "0/x999/x999/x999/x999/x999/x999/999",
        "0/x018/x446/x744/x073/x709/x551/616.p/255",
        "0/%00",
        "0/%FF",
        "0/000%20",
        "tile/0/000",
    ] {
        let answer = auditor.get(&format!("/audit/tile/{path}")).await;
        answer.expect_problem(404, "not_found");
    }
    let long = "x000/".repeat(1_000);
    let answer = auditor.get(&format!("/audit/tile/0/{long}000")).await;
    answer.expect_problem(404, "not_found");
}
