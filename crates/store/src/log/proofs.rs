//! Proofs and tiles, made of stored nodes.

use std::collections::HashMap;

use proofs::Hash;
use proofs::tree::{NoSuchProof, Proof, TilePath};
use sqlx::PgExecutor;

use crate::{Corruption, Error, Store};

/// The nodes with these numbers, as far as there are such.
pub(crate) async fn read_nodes(
    executor: impl PgExecutor<'_>,
    numbers: &[u64],
) -> Result<HashMap<u64, Hash>, Error> {
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    let wanted = numbers.iter().map(|number| number.cast_signed());
    let query = sqlx::query_as("SELECT number, hash FROM log_nodes WHERE number = ANY ($1)");
    let rows: Vec<(i64, Vec<u8>)> = query
        .bind(wanted.collect::<Vec<_>>())
        .fetch_all(executor)
        .await?;
    rows.into_iter()
        .map(|(number, hash)| Ok((number.cast_unsigned(), to_hash(&hash)?)))
        .collect()
}

pub(crate) fn to_hash(bytes: &[u8]) -> Result<Hash, Error> {
    let hash = bytes.try_into();
    hash.map_err(|_| Corruption::Log("a hash is too short".to_owned()).into())
}

fn missing(error: NoSuchProof) -> Error {
    Corruption::Log(error.to_string()).into()
}

impl Store {
    /// Proofs over the tree as it is stored; none where one reaches beyond it.
    pub async fn prove(&self, proofs: &[Proof]) -> Result<Option<Vec<Vec<Hash>>>, Error> {
        let numbers = proofs.iter().map(|proof| proof.numbers());
        let Ok(numbers) = numbers.collect::<Result<Vec<_>, _>>() else {
            return Ok(None);
        };
        let mut numbers = numbers.concat();
        numbers.sort_unstable();
        numbers.dedup();
        let nodes = read_nodes(&self.pool, &numbers).await?;
        let proofs = proofs.iter().map(|proof| proof.from_nodes(&nodes));
        proofs.collect::<Result<_, _>>().map(Some).map_err(missing)
    }

    /// The root of the tree when it had this size.
    pub async fn root_at(&self, size: u64) -> Result<Option<Hash>, Error> {
        let answer = self.prove(&[Proof::Root { size }]).await?;
        Ok(answer.and_then(|proofs| proofs.first()?.first().copied()))
    }

    /// The hash of the event at a position.
    pub async fn logged_hash(&self, position: u64) -> Result<Option<Hash>, Error> {
        let hash: Option<Vec<u8>> = sqlx::query_scalar("SELECT hash FROM log WHERE position = $1")
            .bind(position.cast_signed())
            .fetch_optional(&self.pool)
            .await?;
        hash.as_deref().map(to_hash).transpose()
    }

    /// A tile in C2SP's form; none where the tree has not grown as far.
    pub async fn tile(&self, tile: TilePath) -> Result<Option<Vec<u8>>, Error> {
        if tile.needs() > self.log_head().await?.size() {
            return Ok(None);
        }
        match tile {
            TilePath::Hashes { .. } => self.tile_of_hashes(&tile.numbers()).await,
            TilePath::Entries { index, width } => self.tile_of_entries(index, width).await,
        }
        .map(Some)
    }

    async fn tile_of_hashes(&self, numbers: &[u64]) -> Result<Vec<u8>, Error> {
        let nodes = read_nodes(&self.pool, numbers).await?;
        let hashes = numbers.iter().map(|number| nodes.get(number).copied());
        let hashes = hashes.collect::<Option<Vec<_>>>();
        Ok(hashes
            .ok_or_else(|| missing(NoSuchProof::MissingNode))?
            .concat())
    }

    /// Each entry is the hash of an event, after its length.
    async fn tile_of_entries(&self, index: u64, width: u64) -> Result<Vec<u8>, Error> {
        let first = index * proofs::tree::TILE_WIDTH;
        let hashes = sqlx::query_scalar::<_, Vec<u8>>(
            "SELECT hash FROM log WHERE position >= $1 AND position < $2 ORDER BY position",
        )
        .bind(first.cast_signed())
        .bind((first + width).cast_signed())
        .fetch_all(&self.pool)
        .await?;
        if hashes.len() as u64 != width {
            return Err(Corruption::Log("positions are missing".to_owned()).into());
        }
        let mut tile = Vec::with_capacity(hashes.len() * 34);
        for hash in hashes {
            tile.extend_from_slice(&32_u16.to_be_bytes());
            tile.extend_from_slice(&to_hash(&hash)?);
        }
        Ok(tile)
    }
}
