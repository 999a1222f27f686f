//! The tree growing: whoever leads holds its right edge, and signs what it comes to.

use credentials::{Keyring, LogSigner};
use proofs::Hash;
use proofs::checkpoint::{Checkpoint, Origin};
use proofs::tree::{Edge, node_count};
use sqlx::PgConnection;

use super::LogHead;
use super::proofs::{read_nodes, to_hash};
use crate::{Corruption, Error, Store};

/// The log as its leader holds it, up to the last checkpoint.
#[derive(Debug)]
pub(crate) struct Growth {
    origin: Origin,
    edge: Edge,
    signer: LogSigner,
}

/// Nodes and checkpoint that a batch of leaves adds.
#[derive(Debug)]
pub(crate) struct Grown {
    edge: Edge,
    first_node: u64,
    nodes: Vec<Hash>,
    note: String,
}

/// The nodes and the checkpoint of a batch, if the log is still where its leader left it: parameters
/// $1 to $6, and `fenced` for what else depends on it.
macro_rules! grow {
    ($rest:literal) => {
        concat!(
            "WITH fenced AS (
                UPDATE log_head SET next = greatest(next, $2), size = $2, checkpoint = $4
                WHERE size = $1 AND epoch = $3 RETURNING 1
            ),
            grown AS (
                INSERT INTO log_nodes (number, hash)
                SELECT $5 + ordinal - 1, hash
                FROM unnest($6::bytea[]) WITH ORDINALITY AS new (hash, ordinal)
                WHERE EXISTS (SELECT FROM fenced)
            )",
            $rest
        )
    };
}
pub(crate) use grow;

/// For events that have their positions already.
const GROW: &str = grow!(" SELECT count(*) FROM fenced");

impl Growth {
    /// Takes over where the last leader stopped, if the tree is still the one that it signed:
    /// nothing that was changed since is signed again.
    pub(crate) async fn take_over(
        keyring: &Keyring,
        connection: &mut PgConnection,
    ) -> Result<Self, Error> {
        let head = LogHead::read(&mut *connection).await?;
        let edge = read_edge(&head, connection).await?;
        check_signed(&head, &edge, keyring)?;
        Ok(Self {
            origin: head.origin(),
            edge,
            signer: LogSigner::of(keyring, &Origin::key_name(head.log_id))?,
        })
    }

    pub(crate) const fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The tree with leaves for events of these hashes, signed under the keys in use.
    pub(crate) fn with<'a>(
        &mut self,
        keyring: &Keyring,
        events: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Grown, Error> {
        if self.signer.keys().first() != Some(&keyring.current()) {
            self.signer = LogSigner::of(keyring, &Origin::key_name(self.origin.log))?;
        }
        let first_node = node_count(self.edge.size());
        let (mut edge, mut nodes) = (self.edge.clone(), Vec::new());
        for event in events {
            edge.append(&to_hash(event)?, |node| nodes.push(node));
        }
        Ok(Grown {
            note: self.sign(&edge)?,
            edge,
            first_node,
            nodes,
        })
    }

    /// $1 to $6 of a statement that begins with [`grow`].
    pub(crate) fn bind<'q>(
        &self,
        statement: &'q str,
        grown: &Grown,
    ) -> sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments> {
        sqlx::query(statement)
            .bind(self.edge.size().cast_signed())
            .bind(grown.edge.size().cast_signed())
            .bind(self.origin.epoch.cast_signed())
            .bind(grown.note.clone())
            .bind(grown.first_node.cast_signed())
            .bind(
                grown
                    .nodes
                    .iter()
                    .map(|node| node.to_vec())
                    .collect::<Vec<_>>(),
            )
    }

    /// The same tree signed in another epoch, in which it goes on.
    pub(crate) async fn open_epoch(
        mut self,
        epoch: u32,
        connection: &mut PgConnection,
    ) -> Result<(), Error> {
        let before = self.origin.epoch;
        self.origin.epoch = epoch;
        let opened = sqlx::query(
            "UPDATE log_head SET epoch = $1, checkpoint = $2 WHERE epoch = $3 AND size = $4",
        )
        .bind(epoch.cast_signed())
        .bind(self.sign(&self.edge)?)
        .bind(before.cast_signed())
        .bind(self.edge.size().cast_signed())
        .execute(connection)
        .await?;
        match opened.rows_affected() {
            0 => Err(Error::Conflict),
            _ => Ok(()),
        }
    }

    fn sign(&self, edge: &Edge) -> Result<String, Error> {
        let checkpoint = Checkpoint {
            origin: self.origin,
            size: edge.size(),
            root: edge.root(),
        };
        Ok(self.signer.sign(&checkpoint.text())?)
    }

    /// Once the statement has been committed.
    pub(crate) fn advance(&mut self, grown: Grown) {
        self.edge = grown.edge;
    }

    /// Whether every position that was given has its leaf.
    pub(crate) async fn check_complete(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let head = LogHead::read(connection).await?;
        if head.next() != self.size() {
            let what = format!(
                "{} positions were given, {} are in the tree",
                head.next(),
                self.size()
            );
            return Err(Corruption::Log(what).into());
        }
        Ok(())
    }

    /// Leaves for events that have their positions already.
    pub(crate) async fn catch_up(
        &mut self,
        grown: Grown,
        connection: &mut PgConnection,
    ) -> Result<(), Error> {
        let fenced = self.bind(GROW, &grown).fetch_one(connection).await?;
        if sqlx::Row::try_get::<i64, _>(&fenced, 0)? == 0 {
            return Err(Error::Conflict);
        }
        self.advance(grown);
        Ok(())
    }
}

/// The right edge of the tree as it is stored.
async fn read_edge(head: &LogHead, connection: &mut PgConnection) -> Result<Edge, Error> {
    let numbers = Edge::numbers(head.size());
    let nodes = read_nodes(connection, &numbers).await?;
    let peaks = numbers
        .iter()
        .filter_map(|number| nodes.get(number).copied());
    let edge = Edge::of(head.size(), peaks.collect());
    edge.map_err(|error| Corruption::Log(error.to_string()).into())
}

/// The checkpoint of this head and tree; none of a log that was never signed. Columns beside it say
/// nothing that it does not say.
fn check_signed(
    head: &LogHead,
    edge: &Edge,
    keyring: &Keyring,
) -> Result<Option<Checkpoint>, Error> {
    let damaged = |what: String| Error::from(Corruption::Log(what));
    let Some(note) = &head.checkpoint else {
        return match (head.size(), head.origin().epoch) {
            (0, 1) => Ok(None),
            _ => Err(damaged("its checkpoint is missing".to_owned())),
        };
    };
    let signed = head
        .known_keys(keyring)?
        .verify(note)
        .map_err(|error| damaged(format!("its checkpoint: {error}")))?;
    if signed.origin != head.origin() {
        let (origin, of) = (head.origin(), signed.origin);
        let what = format!("its head is of {origin}, its checkpoint of {of}");
        return Err(damaged(what));
    }
    if signed.size != head.size() || signed.root != edge.root() {
        return Err(damaged(
            "its tree is not the one that was signed".to_owned(),
        ));
    }
    Ok(Some(signed))
}

/// The head with its checkpoint, as far as that vouches for it.
pub(crate) async fn signed_head(
    keyring: &Keyring,
    connection: &mut PgConnection,
) -> Result<(LogHead, Option<Checkpoint>), Error> {
    let head = LogHead::read(&mut *connection).await?;
    let edge = read_edge(&head, connection).await?;
    let signed = check_signed(&head, &edge, keyring)?;
    Ok((head, signed))
}

impl Store {
    /// The head of the log with its checkpoint, as far as that vouches for it; none of a log that was
    /// never signed.
    pub async fn signed_head(&self) -> Result<(LogHead, Option<Checkpoint>), Error> {
        let mut connection = self.pool.acquire().await?;
        signed_head(&self.log_keyring, &mut connection).await
    }
}
