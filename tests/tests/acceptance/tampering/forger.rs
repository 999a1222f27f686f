//! What somebody can make anew who knows all formats, with and without the master key.

use credentials::{KeyId, Keyring, LogSigner, Purpose};
use proofs::Hash;
use proofs::checkpoint::{Checkpoint, Origin};
use proofs::event::Preimage;
use proofs::tree::Edge;
use sqlx::{FromRow, PgConnection};

use crate::tampering::world::{Case, World};

pub(crate) struct Forger<'c> {
    keyring: Keyring,
    connection: &'c mut PgConnection,
}

#[derive(FromRow)]
struct Row {
    aggregate_type: String,
    sequence: i64,
    event_type: String,
    event_version: String,
    recorded_at: String,
    payload: String,
    metadata: String,
    hash: Vec<u8>,
    key_id: i32,
}

impl<'c> Forger<'c> {
    pub(crate) fn of(world: &World, case: &'c mut Case<'_>) -> Self {
        Self {
            keyring: world.keyring(),
            connection: &mut case.connection,
        }
    }

    async fn execute(&mut self, statements: &str) {
        let done = sqlx::raw_sql(statements)
            .execute(&mut *self.connection)
            .await;
        done.unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    /// Right hashes from this event of a stream on; and right MACs, for whoever has the key.
    pub(crate) async fn rehash(&mut self, stream: &str, from: i64, with_key: bool) {
        let query = "SELECT aggregate_type, sequence, event_type, event_version, recorded_at,
                payload::text AS payload, metadata::text AS metadata, hash, key_id
            FROM events WHERE aggregate_id = $1 AND sequence >= $2 ORDER BY sequence";
        let rows = sqlx::query_as::<_, Row>(query).bind(stream).bind(from - 1);
        let rows = rows.fetch_all(&mut *self.connection).await.unwrap();
        let mut previous: Hash = [0; 32];
        self.execute("ALTER TABLE events DISABLE TRIGGER events_are_for_ever")
            .await;
        for row in rows {
            if row.sequence < from {
                previous = row.hash.try_into().unwrap();
                continue;
            }
            previous = row.hash_after(stream, &previous);
            let mac = with_key.then(|| self.mac(row.key_id, &previous));
            sqlx::query(
                "UPDATE events SET hash = $3, mac = coalesce($4, mac)
                WHERE aggregate_id = $1 AND sequence = $2",
            )
            .bind(stream)
            .bind(row.sequence)
            .bind(previous.as_slice())
            .bind(mac)
            .execute(&mut *self.connection)
            .await
            .unwrap();
        }
        self.execute("ALTER TABLE events ENABLE TRIGGER events_are_for_ever")
            .await;
    }

    fn mac(&self, key: i32, hash: &Hash) -> Vec<u8> {
        let key = KeyId::try_from(key).unwrap();
        let parts: [&[u8]; 2] = [&key.0.to_be_bytes(), hash];
        self.keyring
            .mac(Purpose::EventMac, key, &parts)
            .unwrap()
            .to_vec()
    }

    /// What the log says of events is what they are now.
    pub(crate) async fn relog(&mut self) {
        self.execute(
            "UPDATE log l SET hash = e.hash, event_id = e.id FROM events e
            WHERE e.aggregate_id = l.aggregate_id AND e.aggregate_type = l.aggregate_type
                AND e.sequence = l.sequence",
        )
        .await;
    }

    /// Positions without holes, in the order in which they were.
    pub(crate) async fn renumber_log(&mut self) {
        self.execute(
            "CREATE TEMP TABLE numbered AS SELECT row_number() OVER (ORDER BY position) - 1 AS new,
                aggregate_id, aggregate_type, sequence, hash, event_id FROM log;
            DELETE FROM log;
            INSERT INTO log (position, aggregate_id, aggregate_type, sequence, hash, event_id)
                SELECT * FROM numbered;
            DROP TABLE numbered",
        )
        .await;
    }

    async fn edge(&mut self) -> (Edge, Vec<Vec<u8>>) {
        let query = "SELECT hash FROM log ORDER BY position";
        let hashes = sqlx::query_scalar::<_, Vec<u8>>(query);
        let hashes = hashes.fetch_all(&mut *self.connection).await.unwrap();
        let (mut edge, mut nodes) = (Edge::default(), Vec::new());
        for hash in hashes {
            edge.append(&hash.try_into().unwrap(), |node| nodes.push(node.to_vec()));
        }
        (edge, nodes)
    }

    /// The tree of the log as it stands, and its size in the head.
    pub(crate) async fn regrow_tree(&mut self) {
        let (edge, nodes) = self.edge().await;
        self.execute("DELETE FROM log_nodes").await;
        sqlx::query(
            "INSERT INTO log_nodes SELECT ordinal - 1, hash
            FROM unnest($1::bytea[]) WITH ORDINALITY AS new (hash, ordinal)",
        )
        .bind(nodes)
        .execute(&mut *self.connection)
        .await
        .unwrap();
        self.execute(&format!(
            "UPDATE log_head SET next = {0}, size = {0}",
            edge.size()
        ))
        .await;
    }

    /// The head's checkpoint, under the log's own key.
    pub(crate) async fn sign_head(&mut self) {
        let (edge, _) = self.edge().await;
        let head = "SELECT log_id, epoch FROM log_head";
        let head = sqlx::query_as::<_, (uuid::Uuid, i32)>(head);
        let (log, epoch) = head.fetch_one(&mut *self.connection).await.unwrap();
        let origin = Origin {
            log,
            epoch: epoch.cast_unsigned(),
        };
        let note = signed(&self.keyring, origin, edge.size(), edge.root());
        sqlx::query("UPDATE log_head SET checkpoint = $1")
            .bind(note)
            .execute(&mut *self.connection)
            .await
            .unwrap();
    }
}

impl Row {
    fn hash_after(&self, stream: &str, previous: &Hash) -> Hash {
        Preimage {
            aggregate_type: &self.aggregate_type,
            aggregate_id: stream,
            sequence: self.sequence.cast_unsigned(),
            event_type: &self.event_type,
            event_version: &self.event_version,
            recorded_at: &self.recorded_at,
            payload: &self.payload,
            metadata: &self.metadata,
        }
        .hash(previous)
    }
}

pub(crate) fn signed(keyring: &Keyring, origin: Origin, size: u64, root: Hash) -> String {
    let signer = LogSigner::of(keyring, &Origin::key_name(origin.log)).unwrap();
    signer
        .sign(&Checkpoint { origin, size, root }.text())
        .unwrap()
}
