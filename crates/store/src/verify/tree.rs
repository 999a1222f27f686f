//! The tree computed anew from the log, node by node.

use std::collections::BTreeSet;

use credentials::Keyring;
use proofs::Hash;
use proofs::checkpoint::{Origin, VerifierKeys};
use proofs::tree::{Edge, node_count};
use sqlx::PgConnection;

use super::{Damage, Damaged, Roots, Verdict, event_from};
use crate::log::LogHead;
use crate::{Corruption, Error, Store};

/// How many leaves are read at a time.
const PAGE: u64 = 10_000;

fn damaged(kind: Damage, position: Option<u64>, what: impl Into<String>) -> Damaged {
    Damaged {
        kind,
        stream: None,
        sequence: None,
        position,
        what: what.into(),
    }
}

/// Verifies every stored node, and returns the roots of these sizes, as far as the log goes.
pub(super) async fn verify(
    head: &LogHead,
    mut sizes: BTreeSet<u64>,
    snapshot: &mut PgConnection,
    verdict: &mut Verdict,
    each: &mut impl FnMut(u64),
) -> Result<Roots, Error> {
    sizes.insert(head.size());
    let (mut edge, mut roots) = (Edge::default(), Roots::new());
    let (mut nodes_fit, mut whole) = (true, true);
    if sizes.contains(&0) {
        roots.insert(0, edge.root());
    }
    while whole {
        let first = edge.size();
        let page = read_page(first, snapshot).await?;
        let mut nodes = Vec::with_capacity(page.len() * 2);
        for (position, hash) in &page {
            let Ok(hash) = Hash::try_from(hash.as_slice()) else {
                break;
            };
            if position.cast_unsigned() != edge.size() {
                break;
            }
            edge.append(&hash, |node| nodes.push(node));
            if sizes.contains(&edge.size()) {
                roots.insert(edge.size(), edge.root());
            }
        }
        whole = edge.size() - first == PAGE;
        each(edge.size() - first);
        if nodes_fit && let Some(position) = first_wrong(first, &nodes, snapshot).await? {
            nodes_fit = false;
            let what = "a node of the tree is not the one that its events make";
            verdict.add(damaged(Damage::Tree, Some(position), what));
        }
    }
    verdict.size = edge.size();
    if edge.size() != head.size() || edge.size() != head.next() {
        let (end, size, next) = (edge.size(), head.size(), head.next());
        let what = format!(
            "positions end before {end}, its head says {size} in the tree and {next} given"
        );
        let mut found = damaged(Damage::Log, Some(end), what);
        if let Some((stream, sequence)) = event_from(end, snapshot).await? {
            (found.stream, found.sequence) = (Some(stream), Some(sequence));
        }
        verdict.add(found);
    }
    let surplus = count_from(node_count(edge.size()), snapshot).await?;
    if nodes_fit && surplus > 0 {
        let what = format!("{surplus} nodes stand where the tree has not grown yet");
        verdict.add(damaged(Damage::Tree, Some(edge.size()), what));
    }
    Ok(roots)
}

async fn read_page(first: u64, snapshot: &mut PgConnection) -> Result<Vec<(i64, Vec<u8>)>, Error> {
    let page = sqlx::query_as(
        "SELECT position, hash FROM log WHERE position >= $1 ORDER BY position LIMIT $2",
    )
    .bind(first.cast_signed())
    .bind(PAGE.cast_signed())
    .fetch_all(snapshot)
    .await?;
    Ok(page)
}

/// The position of the first leaf whose nodes are not stored as they should be.
async fn first_wrong(
    first: u64,
    nodes: &[Hash],
    snapshot: &mut PgConnection,
) -> Result<Option<u64>, Error> {
    let begin = node_count(first);
    let stored = sqlx::query_as::<_, (i64, Vec<u8>)>(
        "SELECT number, hash FROM log_nodes WHERE number >= $1 AND number < $2 ORDER BY number",
    )
    .bind(begin.cast_signed())
    .bind((begin + nodes.len() as u64).cast_signed())
    .fetch_all(snapshot)
    .await?;
    let mut stored = stored.into_iter();
    for (number, node) in (begin..).zip(nodes) {
        let fits = stored
            .next()
            .is_some_and(|(at, hash)| at.cast_unsigned() == number && hash == node);
        if !fits {
            let mut position = first;
            while node_count(position + 1) <= number {
                position += 1;
            }
            return Ok(Some(position));
        }
    }
    Ok(None)
}

async fn count_from(number: u64, snapshot: &mut PgConnection) -> Result<i64, Error> {
    let count = sqlx::query_scalar("SELECT count(*) FROM log_nodes WHERE number >= $1")
        .bind(number.cast_signed())
        .fetch_one(snapshot)
        .await?;
    Ok(count)
}

/// The public keys of a log.
pub(super) fn keys(keyring: &Keyring, head: &LogHead) -> Result<VerifierKeys, Error> {
    let keys = keyring.log_verifier_keys(&Origin::key_name(head.log_id))?;
    VerifierKeys::parse(keys.iter().map(String::as_str))
        .map_err(|error| Corruption::Log(error.to_string()).into())
}

impl Store {
    /// The checkpoint that the database itself holds.
    pub(super) fn verify_head(
        &self,
        head: &LogHead,
        roots: &Roots,
        verdict: &mut Verdict,
    ) -> Result<(), Error> {
        let Some(note) = &head.checkpoint else {
            if head.size() > 0 {
                verdict.add(damaged(
                    Damage::Checkpoint,
                    None,
                    "the log's own is missing",
                ));
            }
            return Ok(());
        };
        match keys(&self.log_keyring, head)?.verify(note) {
            Err(error) => {
                let what = format!("the log's own: {error}");
                verdict.add(damaged(Damage::Checkpoint, None, what));
            }
            Ok(signed) => {
                let fits = signed.origin.log == head.log_id
                    && signed.size == head.size()
                    && roots.get(&signed.size) == Some(&signed.root);
                if !fits {
                    let what = format!("it was signed at size {} with another root", signed.size);
                    verdict.add(damaged(Damage::Log, None, what));
                }
            }
        }
        Ok(())
    }
}
