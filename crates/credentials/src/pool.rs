//! Hashing passwords at a bounded price.
//!
//! At most `permits` hashes run, each on a thread of its own, and each in one of `permits` blocks of
//! memory that are made once and used again: with the settings in force, hashing never takes more
//! than `permits × memory`. A block is wiped after use, unless the next hash, which is waiting,
//! overwrites it at once. A stored hash that asks for more memory than that (an
//! operator has lowered the setting since) gets its own for the time it runs.
//!
//! At most `queue` callers wait for a permit, none longer than `wait`; all others are told at once
//! that the service is overloaded. A caller that hangs up leaves the queue; a hash that has begun
//! keeps its permit until it ends, since nothing can stop it.

use std::fmt;
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use account::{CredentialId, PasswordVerdict};
use argon2::{Block, Params};
use subtle::ConstantTimeEq;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;
use zeroize::{Zeroize, Zeroizing};

use crate::hashing::{Cost, HASH_BYTES, HashingSettings, SALT_BYTES, WeakHashing};
use crate::password::{NewPassword, PresentedPassword};
use crate::phc::PasswordHash;
use crate::random::{Random, RandomUnavailable};
use workers::Workers;

mod workers;

/// The one place where passwords are hashed and checked; clones are the same pool.
#[derive(Clone, Debug)]
pub struct HashingPool(Arc<Shared>);

#[derive(Clone, Copy, Debug, Error)]
pub enum HashingError {
    #[error(transparent)]
    Settings(#[from] WeakHashing),
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
    #[error("too many passwords wait to be hashed")]
    Overloaded { retry_after: Duration },
    #[error("Argon2 failed: {0}")]
    Argon2(argon2::Error),
    #[error("the threads for hashing cannot be started: {0}")]
    Threads(std::io::ErrorKind),
    #[error("the server stops")]
    Stopped,
}

/// What the pool does now, and has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashingStatistics {
    /// Permits that are held.
    pub running: usize,
    /// Callers that wait for one.
    pub queued: usize,
    /// Callers that were turned away, at once or after waiting.
    pub rejected_total: u64,
    pub verifications_total: u64,
    pub hashes_total: u64,
}

struct Shared {
    settings: HashingSettings,
    permits: Arc<Semaphore>,
    queued: AtomicUsize,
    rejected: AtomicU64,
    verifications: AtomicU64,
    hashes: AtomicU64,
    workers: Workers,
    memory: Mutex<Vec<Memory>>,
    memory_made: AtomicUsize,
    nobody: PasswordHash,
}

struct Memory {
    blocks: Vec<Block>,
    wiped: bool,
}

/// The right to run one hash. Waited for in the same way whether or not there is an account; dropped
/// unused, it is free again.
#[derive(Debug)]
pub struct HashingPermit {
    pool: HashingPool,
    permit: OwnedSemaphorePermit,
}

impl HashingPool {
    pub fn new(settings: HashingSettings, random: &dyn Random) -> Result<Self, HashingError> {
        settings.check()?;
        let tag = Zeroizing::new(random.bytes()?);
        Ok(Self(Arc::new(Shared {
            settings,
            permits: Arc::new(Semaphore::new(settings.permits)),
            queued: AtomicUsize::new(0),
            rejected: AtomicU64::new(0),
            verifications: AtomicU64::new(0),
            hashes: AtomicU64::new(0),
            workers: Workers::start(settings.permits)
                .map_err(|error| HashingError::Threads(error.kind()))?,
            memory: Mutex::new(Vec::with_capacity(settings.permits)),
            memory_made: AtomicUsize::new(0),
            nobody: PasswordHash::new(settings.cost(), random.bytes()?, tag),
        })))
    }

    /// Fails at once while the queue is full, for who would have to do other work before it can
    /// be admitted.
    pub fn must_have_room(&self) -> Result<(), HashingError> {
        let shared = &self.0;
        let full = shared.permits.available_permits() == 0
            && shared.queued.load(Relaxed) >= shared.settings.queue;
        if full {
            return Err(shared.overloaded());
        }
        Ok(())
    }

    /// Waits for a permit, unless the queue is full.
    pub async fn admit(&self) -> Result<HashingPermit, HashingError> {
        let shared = &self.0;
        if let Ok(permit) = Arc::clone(&shared.permits).try_acquire_owned() {
            return Ok(HashingPermit {
                pool: self.clone(),
                permit,
            });
        }
        let mut place = Place::take(shared).ok_or_else(|| shared.overloaded())?;
        let permit = timeout(
            shared.settings.wait,
            Arc::clone(&shared.permits).acquire_owned(),
        )
        .await
        .map_err(|_| shared.overloaded())?
        .map_err(|_| HashingError::Stopped)?;
        place.admitted = true;
        drop(place);
        Ok(HashingPermit {
            pool: self.clone(),
            permit,
        })
    }

    pub async fn hash(
        &self,
        password: &NewPassword,
        random: &dyn Random,
    ) -> Result<PasswordHash, HashingError> {
        self.admit().await?.hash(password, random).await
    }

    /// See [`HashingPermit::verify`].
    pub async fn verify(
        &self,
        password: &PresentedPassword,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, HashingError> {
        self.admit().await?.verify(password, hash).await
    }

    /// Whether a hash was made with other parameters than today's, and is to be made again as
    /// soon as its password is at hand.
    pub fn needs_renewal(&self, hash: &PasswordHash) -> bool {
        hash.cost != self.0.settings.cost() || hash.salt.len() != SALT_BYTES
    }

    pub fn statistics(&self) -> HashingStatistics {
        let shared = &self.0;
        HashingStatistics {
            running: shared
                .settings
                .permits
                .saturating_sub(shared.permits.available_permits()),
            queued: shared.queued.load(Relaxed),
            rejected_total: shared.rejected.load(Relaxed),
            verifications_total: shared.verifications.load(Relaxed),
            hashes_total: shared.hashes.load(Relaxed),
        }
    }
}

impl HashingPermit {
    pub async fn hash(
        self,
        password: &NewPassword,
        random: &dyn Random,
    ) -> Result<PasswordHash, HashingError> {
        self.hash_text(password.text(), random).await
    }

    /// The same password, which has just been verified, under the present settings.
    pub async fn renew(
        self,
        verified: &PresentedPassword,
        random: &dyn Random,
    ) -> Result<PasswordHash, HashingError> {
        self.hash_text(verified.text().unwrap_or_default(), random)
            .await
    }

    async fn hash_text(
        self,
        text: &str,
        random: &dyn Random,
    ) -> Result<PasswordHash, HashingError> {
        let salt = random.bytes::<SALT_BYTES>()?;
        let cost = self.pool.0.settings.cost();
        let text = Zeroizing::new(text.to_owned());
        self.pool.0.hashes.fetch_add(1, Relaxed);
        let tag = self.run(text, salt.to_vec(), cost).await?;
        Ok(PasswordHash::new(cost, salt, tag))
    }

    /// One Argon2id hash, whatever is compared: for nobody (`None`) with today's parameters, and
    /// for a text that can be no password with those of the hash.
    pub async fn verify(
        self,
        password: &PresentedPassword,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, HashingError> {
        let shared = Arc::clone(&self.pool.0);
        let PasswordHash {
            cost, salt, tag, ..
        } = hash.unwrap_or(&shared.nobody);
        let text = Zeroizing::new(password.text().unwrap_or_default().to_owned());
        shared.verifications.fetch_add(1, Relaxed);
        let computed = self.run(text, salt.clone(), *cost).await?;
        let equal = bool::from(computed.as_slice().ct_eq(tag.as_slice()));
        Ok(equal & hash.is_some() & password.text().is_some())
    }

    /// The same as a fact for a decision about the credential that this is the hash of.
    pub async fn judge(
        self,
        credential: CredentialId,
        password: &PresentedPassword,
        hash: &PasswordHash,
    ) -> Result<PasswordVerdict, HashingError> {
        Ok(PasswordVerdict::new(
            credential,
            self.verify(password, Some(hash)).await?,
        ))
    }

    async fn run(
        self,
        text: Zeroizing<String>,
        salt: Vec<u8>,
        cost: Cost,
    ) -> Result<Zeroizing<[u8; HASH_BYTES]>, HashingError> {
        let Self { pool, permit } = self;
        let (computed, tag) = oneshot::channel();
        let shared = Arc::clone(&pool.0);
        pool.0.workers.run(move || {
            let (tag, memory) = shared.compute(&text, &salt, cost);
            let _ = computed.send(tag);
            shared.give_back(memory);
            drop(permit);
        });
        tag.await.map_err(|_| HashingError::Stopped)?
    }
}

impl Shared {
    fn compute(
        &self,
        text: &str,
        salt: &[u8],
        cost: Cost,
    ) -> (Result<Zeroizing<[u8; HASH_BYTES]>, HashingError>, Memory) {
        let argon2 = match cost.argon2() {
            Ok(argon2) => argon2,
            Err(error) => return (Err(HashingError::Argon2(error)), self.take_memory(0)),
        };
        let mut memory = self.take_memory(argon2.params().block_count());
        let mut tag = Zeroizing::new([0; HASH_BYTES]);
        let result = argon2.hash_password_into_with_memory(
            text.as_bytes(),
            salt,
            tag.as_mut_slice(),
            &mut memory.blocks,
        );
        memory.wiped = false;
        (result.map(|()| tag).map_err(HashingError::Argon2), memory)
    }

    fn take_memory(&self, blocks: usize) -> Memory {
        let made = |blocks| Memory {
            blocks: vec![Block::new(); blocks],
            wiped: true,
        };
        let ours = self.blocks();
        if blocks > ours {
            return made(blocks);
        }
        self.free_memory().pop().unwrap_or_else(|| {
            self.memory_made.fetch_add(1, Relaxed);
            made(ours)
        })
    }

    fn give_back(&self, mut memory: Memory) {
        let nobody_waits = self.queued.load(SeqCst) == 0;
        if memory.blocks.len() == self.blocks() {
            if nobody_waits {
                memory.wipe();
            }
            self.free_memory().push(memory);
        } else {
            memory.blocks.zeroize();
        }
        if nobody_waits {
            self.wipe_free_memory();
        }
    }

    /// What was left to a hash that then did not come.
    fn wipe_free_memory(&self) {
        self.free_memory().iter_mut().for_each(Memory::wipe);
    }

    fn free_memory(&self) -> MutexGuard<'_, Vec<Memory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn blocks(&self) -> usize {
        Params::new(self.settings.memory_kib, self.settings.iterations, 1, None)
            .map_or(0, |params| params.block_count())
    }

    fn overloaded(&self) -> HashingError {
        self.rejected.fetch_add(1, Relaxed);
        HashingError::Overloaded {
            retry_after: self.settings.wait.max(Duration::from_secs(1)),
        }
    }
}

impl Memory {
    fn wipe(&mut self) {
        if !self.wiped {
            self.blocks.fill(Block::new());
            self.wiped = true;
        }
    }
}

/// A place in the queue, free again when it is dropped.
struct Place<'a> {
    shared: &'a Shared,
    admitted: bool,
}

impl<'a> Place<'a> {
    fn take(shared: &'a Shared) -> Option<Self> {
        let queue = shared.settings.queue;
        let one_more = |queued| (queued < queue).then_some(queued + 1);
        let taken = shared.queued.fetch_update(SeqCst, SeqCst, one_more);
        taken.ok().map(|_| Self {
            shared,
            admitted: false,
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let was = self.shared.queued.fetch_sub(1, SeqCst);
        if was == 1 && !self.admitted {
            self.shared.wipe_free_memory();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
