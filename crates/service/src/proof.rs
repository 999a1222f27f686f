//! Auditors: proofs over the log. What is answered can be checked with public data alone; that it
//! was asked is on record like every other call.

use std::time::Duration;

use account::staff::StaffAct;
use data_encoding::HEXLOWER;
use proofs::Hash;
use proofs::tree::{Proof, TilePath};
use store::LogHead;

use crate::{Caller, Error, Service, StaffMember};

/// How long, and how often, somebody waits for a log that has just begun.
const FIRST_CHECKPOINT: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// The log as of its last checkpoint. Hashes are hexadecimal, here and below.
#[derive(Clone, Debug)]
pub struct CheckpointView {
    pub origin: String,
    pub epoch: u32,
    pub size: u64,
    pub root: String,
    /// The signed note.
    pub note: String,
    /// Public keys of the log, oldest first, in C2SP's form.
    pub keys: Vec<String>,
}

/// That an event is in the tree of a size.
#[derive(Clone, Debug)]
pub struct InclusionView {
    pub position: u64,
    pub size: u64,
    pub event_hash: String,
    pub leaf_hash: String,
    pub root: String,
    pub proof: Vec<String>,
    /// The signed note, if the current one is of this size.
    pub checkpoint: Option<String>,
}

/// That the tree of one size begins with that of another.
#[derive(Clone, Debug)]
pub struct ConsistencyView {
    pub from: u64,
    pub to: u64,
    pub old_root: String,
    pub root: String,
    pub proof: Vec<String>,
}

impl Service {
    pub async fn checkpoint(
        &self,
        caller: &Caller,
        staff: &StaffMember,
    ) -> Result<CheckpointView, Error> {
        let (head, note) = self.signed_head().await?;
        let size = head.size();
        let [root] = self.proved([Proof::Root { size }]).await?;
        let keys = self.store().log_verifier_keys().await?;
        self.record(caller, staff, |_| Ok(StaffAct::CheckpointRead { size }))
            .await?;
        Ok(CheckpointView {
            origin: head.origin().to_string(),
            epoch: head.origin().epoch,
            size,
            root: root.concat(),
            note,
            keys,
        })
    }

    /// In the tree of `size` events; of the current checkpoint's, unless told.
    pub async fn prove_inclusion(
        &self,
        caller: &Caller,
        staff: &StaffMember,
        position: u64,
        size: Option<u64>,
    ) -> Result<InclusionView, Error> {
        let (head, note) = self.signed_head().await?;
        let size = size.unwrap_or(head.size());
        if size > head.size() {
            return Err(Error::BeyondLog { parameter: "size" });
        }
        if position >= size {
            return Err(Error::NotFound);
        }
        let event = self.store().logged_hash(position).await?;
        let event = event.ok_or(Error::NotFound)?;
        let asked = [Proof::Inclusion { position, size }, Proof::Root { size }];
        let [proof, root] = self.proved(asked).await?;
        let act = StaffAct::InclusionProved { position, size };
        self.record(caller, staff, |_| Ok(act.clone())).await?;
        Ok(InclusionView {
            position,
            size,
            event_hash: HEXLOWER.encode(&event),
            leaf_hash: HEXLOWER.encode(&proofs::tree::leaf_hash(&event)),
            root: root.concat(),
            proof,
            checkpoint: (size == head.size()).then_some(note),
        })
    }

    /// Between the trees of two sizes; up to the current checkpoint's, unless told.
    pub async fn prove_consistency(
        &self,
        caller: &Caller,
        staff: &StaffMember,
        from: u64,
        to: Option<u64>,
    ) -> Result<ConsistencyView, Error> {
        let (head, _) = self.signed_head().await?;
        let to = to.unwrap_or(head.size());
        if to > head.size() {
            return Err(Error::BeyondLog { parameter: "to" });
        }
        if !(1..=to).contains(&from) {
            return Err(Error::BeyondLog { parameter: "from" });
        }
        let asked = [
            Proof::Consistency { from, to },
            Proof::Root { size: from },
            Proof::Root { size: to },
        ];
        let [proof, old_root, root] = self.proved(asked).await?;
        let act = StaffAct::ConsistencyProved { from, to };
        self.record(caller, staff, |_| Ok(act.clone())).await?;
        Ok(ConsistencyView {
            from,
            to,
            old_root: old_root.concat(),
            root: root.concat(),
            proof,
        })
    }

    /// A tile of C2SP's tlog-tiles, by what follows `tile/` in its path.
    pub async fn tile(
        &self,
        caller: &Caller,
        staff: &StaffMember,
        path: &str,
    ) -> Result<Vec<u8>, Error> {
        let tile = TilePath::parse(path).ok_or(Error::NotFound)?;
        let bytes = self.store().tile(tile).await?.ok_or(Error::NotFound)?;
        let act = StaffAct::TileRead {
            path: path.to_owned(),
        };
        self.record(caller, staff, |_| Ok(act.clone())).await?;
        Ok(bytes)
    }

    /// The log with its checkpoint. Whoever asks was issued a token, so there is an event, and it
    /// has its place soon.
    async fn signed_head(&self) -> Result<(LogHead, String), Error> {
        for _ in 0..FIRST_CHECKPOINT {
            let mut head = self.store().log_head().await?;
            if let Some(note) = head.checkpoint.take() {
                return Ok((head, note));
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Err(Error::Unavailable("the log has no checkpoint yet".into()))
    }

    /// Answers over sizes that the tree has, in the order in which they were asked.
    async fn proved<const N: usize>(&self, asked: [Proof; N]) -> Result<[Vec<String>; N], Error> {
        let answers = self.store().prove(&asked).await?.unwrap_or_default();
        let hex = |hashes: Vec<Hash>| hashes.iter().map(|hash| HEXLOWER.encode(hash)).collect();
        let answers = answers.into_iter().map(hex).collect::<Vec<_>>();
        answers
            .try_into()
            .map_err(|_| Error::internal("the log is shorter than its head says"))
    }
}
