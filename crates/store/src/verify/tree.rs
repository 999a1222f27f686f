//! The tree computed anew from the log, node by node.

use proofs::Hash;
use proofs::tree::{Edge, node_count};
use sqlx::PgConnection;

use super::kept::Mark;
use super::{Damage, Damaged, Verdict, named, part, readable};
use crate::Error;
use crate::log::LogHead;

/// How many leaves are read at a time.
const PAGE: u64 = 10_000;

/// Verifies every stored node, and finds which of these, in the order of their sizes, agree with the
/// log. Returns the root at the size of its head, if it goes so far. None, and told, if the log cannot
/// be read.
pub(super) async fn verify(
    head: &LogHead,
    marks: &mut [Mark],
    snapshot: &mut PgConnection,
    verdict: &mut Verdict,
    each: &mut impl FnMut(u64),
) -> Result<Option<Option<Hash>>, Error> {
    let mut growth = Growth::new(head.size(), marks);
    part(snapshot).await?;
    let grown = growth.read_log(snapshot, verdict, each).await;
    let place = Damaged::of_log(Damage::Unreadable, None, "the table of the log");
    if readable(grown, place, snapshot, verdict).await?.is_none() {
        return Ok(None);
    }
    let end = growth.edge.size();
    verdict.size = end;
    if end != head.size() || end != head.next() {
        let (size, next) = (head.size(), head.next());
        let what = format!(
            "positions end before {end}, its head says {size} in the tree and {next} given"
        );
        let found = Damaged::of_log(Damage::Log, Some(end), what);
        verdict.add(named(found, snapshot).await?);
    }
    let what = "rows stand at positions that were never given";
    let found = Damaged::of_log(Damage::Log, Some(end), what);
    none_outside(OUTSIDE, head.next(), found, snapshot, verdict).await?;
    if growth.nodes_fit {
        let what = "nodes stand where the tree has not grown yet";
        let found = Damaged::of_log(Damage::Tree, Some(end), what);
        none_outside(NODES_OUTSIDE, node_count(end), found, snapshot, verdict).await?;
    }
    Ok(Some(growth.root_of_head))
}

/// Rows of the log beyond the positions that were given.
const OUTSIDE: &str = "
    SELECT count(*) FROM log WHERE position IS NULL OR position < 0 OR position >= $1";

const NODES_OUTSIDE: &str = "
    SELECT count(*) FROM log_nodes WHERE number IS NULL OR number < 0 OR number >= $1";

async fn none_outside(
    statement: &str,
    bound: u64,
    found: Damaged,
    snapshot: &mut PgConnection,
    verdict: &mut Verdict,
) -> Result<(), Error> {
    part(snapshot).await?;
    let count = sqlx::query_scalar::<_, i64>(statement)
        .bind(bound.cast_signed())
        .fetch_one(&mut *snapshot)
        .await;
    let place = Damaged::of_log(Damage::Unreadable, None, "a table of the log");
    let count = readable(count.map_err(Error::from), place, snapshot, verdict).await?;
    if let Some(count) = count.filter(|count| *count > 0) {
        let what = format!("{count} {}", found.what);
        verdict.add(Damaged { what, ..found });
    }
    Ok(())
}

/// The tree growing once more.
struct Growth<'m> {
    edge: Edge,
    /// Of the head.
    size: u64,
    root_of_head: Option<Hash>,
    /// Those of sizes that it has not grown to yet.
    marks: std::slice::IterMut<'m, Mark>,
    next: Option<&'m mut Mark>,
    /// Until the first that does not.
    nodes_fit: bool,
}

impl<'m> Growth<'m> {
    fn new(size: u64, marks: &'m mut [Mark]) -> Self {
        let mut marks = marks.iter_mut();
        let mut growth = Self {
            edge: Edge::default(),
            size,
            root_of_head: None,
            next: marks.next(),
            marks,
            nodes_fit: true,
        };
        growth.compare();
        growth
    }

    /// Holds what is of this size against the root.
    fn compare(&mut self) {
        let size = self.edge.size();
        if size == self.size {
            self.root_of_head = Some(self.edge.root());
        }
        while let Some(mark) = self.next.take_if(|mark| mark.size == size) {
            mark.agrees = mark.root == self.edge.root();
            self.next = self.marks.next();
        }
    }

    async fn read_log(
        &mut self,
        snapshot: &mut PgConnection,
        verdict: &mut Verdict,
        each: &mut impl FnMut(u64),
    ) -> Result<(), Error> {
        loop {
            let first = self.edge.size();
            let page = read_page(first, snapshot).await?;
            let nodes = self.append(&page);
            let read = self.edge.size() - first;
            each(read);
            if self.nodes_fit {
                self.check_nodes(first, &nodes, snapshot, verdict).await?;
            }
            if read < PAGE {
                return Ok(());
            }
        }
    }

    /// As far as positions follow on one another; the nodes.
    fn append(&mut self, page: &[(i64, Option<Vec<u8>>)]) -> Vec<Hash> {
        let mut nodes = Vec::with_capacity(page.len() * 2);
        for (position, hash) in page {
            let hash = hash.as_deref().map(Hash::try_from);
            let Some(Ok(hash)) = hash else { break };
            if position.cast_unsigned() != self.edge.size() {
                break;
            }
            self.edge.append(&hash, |node| nodes.push(node));
            self.compare();
        }
        nodes
    }

    async fn check_nodes(
        &mut self,
        first: u64,
        nodes: &[Hash],
        snapshot: &mut PgConnection,
        verdict: &mut Verdict,
    ) -> Result<(), Error> {
        part(snapshot).await?;
        let wrong = first_wrong(first, nodes, snapshot).await;
        let place = Damaged::of_log(Damage::Unreadable, None, "the table of the tree's nodes");
        let wrong = readable(wrong, place, snapshot, verdict).await?;
        self.nodes_fit = wrong == Some(None);
        if let Some(Some(position)) = wrong {
            let what = "a node of the tree is not the one that its events make";
            let found = Damaged::of_log(Damage::Tree, Some(position), what);
            verdict.add(named(found, snapshot).await?);
        }
        Ok(())
    }
}

async fn read_page(
    first: u64,
    snapshot: &mut PgConnection,
) -> Result<Vec<(i64, Option<Vec<u8>>)>, Error> {
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
    let stored: Vec<(i64, Vec<u8>)> = sqlx::query_as(
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
