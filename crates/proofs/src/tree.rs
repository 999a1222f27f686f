//! The Merkle tree over the log (RFC 6962, section 2.1). Leaf `n` is made of the hash of the event
//! at position `n`: `SHA-256(0x00 ‖ event hash)`; a node is `SHA-256(0x01 ‖ left ‖ right)`.
//!
//! Nodes are numbered in the order in which leaves complete them, as tlog-tiles stores them: the
//! tree grows by appending numbered nodes and never changes one.

use std::cell::RefCell;
use std::collections::HashMap;

use tlog_tiles::{HashReader, Tile};

use crate::Hash;

/// The height of tiles that C2SP's tlog-tiles fixes.
const TILE_HEIGHT: u8 = 8;

/// How many entries a full tile has.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;

/// A question that the tree has no answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchProof {
    #[error("the tree is not that large")]
    OutOfRange,
    #[error("a node of the tree is missing")]
    MissingNode,
}

/// A proof that does not prove what it is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not lead to this root")]
pub struct NotProved;

pub fn leaf_hash(event: &Hash) -> Hash {
    tlog_tiles::record_hash(event).0
}

/// The number of the leaf at a position.
pub fn leaf_number(position: u64) -> u64 {
    tlog_tiles::stored_hash_index(0, position)
}

/// How many nodes a tree of this size has.
pub fn node_count(size: u64) -> u64 {
    tlog_tiles::stored_hash_count(size)
}

/// The right edge of a tree: all that is needed to let it grow, a logarithm of its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    /// The roots of the complete subtrees, the largest first.
    peaks: Vec<Hash>,
}

impl Edge {
    /// The numbers of the nodes that make the edge of a tree of this size.
    pub fn numbers(size: u64) -> Vec<u64> {
        tlog_tiles::sub_tree_index(0, size, Vec::new())
    }

    /// From the nodes that [`Self::numbers`] names, in that order.
    pub fn of(size: u64, peaks: Vec<Hash>) -> Result<Self, NoSuchProof> {
        if peaks.len() == size.count_ones() as usize {
            Ok(Self { size, peaks })
        } else {
            Err(NoSuchProof::MissingNode)
        }
    }

    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends the event's leaf; every node that it completes, the leaf first, is handed to `each`.
    /// Their numbers follow on one another.
    pub fn append(&mut self, event: &Hash, mut each: impl FnMut(Hash)) {
        let mut node = leaf_hash(event);
        each(node);
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().unwrap_or_default();
            node = join(&left, &node);
            each(node);
        }
        self.peaks.push(node);
        self.size += 1;
    }

    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return tlog_tiles::EMPTY_HASH.0;
        };
        peaks.fold(*last, |right, left| join(left, &right))
    }
}

fn join(left: &Hash, right: &Hash) -> Hash {
    tlog_tiles::node_hash(tlog_tiles::Hash(*left), tlog_tiles::Hash(*right)).0
}

/// Something that nodes of the tree prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// That the tree of `size` events has this event (RFC 6962, section 2.1.1).
    Inclusion { position: u64, size: u64 },
    /// That the tree of `to` events begins with the whole tree of `from` (section 2.1.2).
    Consistency { from: u64, to: u64 },
    /// What the tree of `size` events comes to; the root is the only hash of the answer.
    Root { size: u64 },
}

impl Proof {
    /// The numbers of the nodes that it takes.
    pub fn numbers(self) -> Result<Vec<u64>, NoSuchProof> {
        let noted = Noted::default();
        self.ask(&noted)?;
        Ok(noted.0.into_inner())
    }

    /// The proof, made of the nodes that [`Self::numbers`] names.
    pub fn from_nodes(self, nodes: &HashMap<u64, Hash>) -> Result<Vec<Hash>, NoSuchProof> {
        self.ask(&Known(nodes))
    }

    fn ask(self, reader: &impl HashReader) -> Result<Vec<Hash>, NoSuchProof> {
        let answer = match self {
            Self::Inclusion { position, size } if position < size => {
                tlog_tiles::prove_record(size, position, reader)
            }
            Self::Consistency { from, to } if (1..=to).contains(&from) => {
                tlog_tiles::prove_tree(to, from, reader)
            }
            Self::Root { size } => tlog_tiles::tree_hash(size, reader).map(|root| vec![root]),
            _ => return Err(NoSuchProof::OutOfRange),
        };
        let hashes = answer.map_err(|_| NoSuchProof::MissingNode)?;
        Ok(hashes.into_iter().map(|hash| hash.0).collect())
    }
}

pub fn verify_inclusion(
    proof: &[Hash],
    event: &Hash,
    position: u64,
    size: u64,
    root: &Hash,
) -> Result<(), NotProved> {
    let leaf = tlog_tiles::Hash(leaf_hash(event));
    let root = tlog_tiles::Hash(*root);
    tlog_tiles::check_record(&hashes(proof), size, root, position, leaf).map_err(|_| NotProved)
}

pub fn verify_consistency(
    proof: &[Hash],
    (from, old_root): (u64, &Hash),
    (to, root): (u64, &Hash),
) -> Result<(), NotProved> {
    if !(1..=to).contains(&from) {
        return Err(NotProved);
    }
    let (old_root, root) = (tlog_tiles::Hash(*old_root), tlog_tiles::Hash(*root));
    tlog_tiles::check_tree(&hashes(proof), to, root, from, old_root).map_err(|_| NotProved)
}

fn hashes(proof: &[Hash]) -> Vec<tlog_tiles::Hash> {
    proof.iter().map(|hash| tlog_tiles::Hash(*hash)).collect()
}

/// A tile of C2SP's tlog-tiles: up to 256 hashes of one level, or the entries below them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TilePath {
    Hashes { level: u8, index: u64, width: u64 },
    Entries { index: u64, width: u64 },
}

impl TilePath {
    /// Reads what follows `tile/` in the path, such as `0/x001/234.p/5` or `entries/000`.
    pub fn parse(path: &str) -> Option<Self> {
        let (level, rest) = path.split_once('/')?;
        let data = level == "entries";
        // Above this level a tile would begin beyond every number of an event.
        if !data && level.parse::<u8>().ok()? > 6 {
            return None;
        }
        // An empty tile is none; the library's own reader would panic.
        let width = rest
            .rsplit_once(".p/")
            .map(|(_, width)| width.parse::<u32>());
        if width == Some(Ok(0)) {
            return None;
        }
        let level = if data { "data" } else { level };
        let tile = Tile::from_path(&format!("tile/{TILE_HEIGHT}/{level}/{rest}")).ok()?;
        let (index, width) = (tile.level_index(), u64::from(tile.width()));
        (index < (u64::MAX >> 9) >> (TILE_HEIGHT * tile.level())).then_some(if data {
            Self::Entries { index, width }
        } else {
            Self::Hashes {
                level: tile.level(),
                index,
                width,
            }
        })
    }

    /// How large the tree has to be to have all of it.
    pub fn needs(self) -> u64 {
        let (level, end) = match self {
            Self::Hashes {
                level,
                index,
                width,
            } => (level, index * TILE_WIDTH + width),
            Self::Entries { index, width } => (0, index * TILE_WIDTH + width),
        };
        end << (TILE_HEIGHT * level)
    }

    /// The numbers of a tile's hashes, in its order; none for entries.
    pub fn numbers(self) -> Vec<u64> {
        let Self::Hashes {
            level,
            index,
            width,
        } = self
        else {
            return Vec::new();
        };
        let first = index * TILE_WIDTH;
        (first..first + width)
            .map(|n| tlog_tiles::stored_hash_index(TILE_HEIGHT * level, n))
            .collect()
    }
}

/// Notes which nodes are read, to fetch them all at once.
#[derive(Default)]
struct Noted(RefCell<Vec<u64>>);

impl HashReader for Noted {
    fn read_hashes(&self, numbers: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        self.0.borrow_mut().extend_from_slice(numbers);
        Ok(vec![tlog_tiles::EMPTY_HASH; numbers.len()])
    }
}

struct Known<'a>(&'a HashMap<u64, Hash>);

impl HashReader for Known<'_> {
    fn read_hashes(&self, numbers: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let known = |number| self.0.get(number).map(|hash| tlog_tiles::Hash(*hash));
        let hashes = numbers.iter().map(known).collect::<Option<Vec<_>>>();
        hashes.ok_or(tlog_tiles::Error::IndexesNotInTree)
    }
}

#[cfg(test)]
mod tests;
