//! Committing a decision, again and again while others are faster, within bounds.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use account::{Account, Actor, Metadata, Origin};
use cqrs_es::Aggregate;
use credentials::{DataKey, Field};
use store::{Beside, Entry};
use tokio::sync::{Mutex, OwnedMutexGuard};
use uuid::Uuid;

use crate::{Caller, Error, Service};

/// Bounds of one command's retries.
const ATTEMPTS: u32 = 40;
const PATIENCE: Duration = Duration::from_secs(2);

/// Where commands that were beaten to it queue, one stream after the other within this process, so
/// that a crowd on one account does not beat itself. Streams that share a place only wait longer.
#[derive(Debug)]
pub(crate) struct Turns([Arc<Mutex<()>>; 256]);

impl Default for Turns {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Arc::default()))
    }
}

impl Turns {
    fn of(&self, stream: &impl Hash) -> Arc<Mutex<()>> {
        let mut hasher = DefaultHasher::new();
        stream.hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % 256).unwrap_or_default();
        self.0.get(place).map(Arc::clone).unwrap_or_default()
    }
}

/// One command's attempts.
#[derive(Debug)]
pub(crate) struct Attempts {
    /// In the metadata of its events, so that a commit whose answer was lost is recognised.
    pub(crate) command: Uuid,
    name: &'static str,
    conflicts: u32,
    /// When the first conflict came: time spent hashing before it does not count.
    beaten_at: Option<Instant>,
    /// How long after that.
    patience: Duration,
    turn: Arc<Mutex<()>>,
    held: Option<OwnedMutexGuard<()>>,
}

impl Service {
    pub(crate) fn attempts(
        &self,
        name: &'static str,
        stream: &impl Hash,
    ) -> Result<Attempts, Error> {
        Ok(Attempts {
            command: self.new_id()?,
            name,
            conflicts: 0,
            beaten_at: None,
            patience: PATIENCE,
            turn: self.0.turns.of(stream),
            held: None,
        })
    }

    /// Commits; `false`: somebody else was faster, decide again.
    pub(crate) async fn commit(
        &self,
        entry: Entry<Account>,
        beside: Beside,
        attempts: &mut Attempts,
    ) -> Result<bool, Error> {
        let (id, base) = (entry.decided().id(), entry.decided().base());
        let mails = !beside.mails.is_empty();
        // Boxed: a decision and its consequences are large, and every use case holds one.
        let result = Box::pin(self.store().commit(entry, beside)).await;
        let committed = self.settled::<Account>(result, id, base, attempts).await?;
        if committed && mails {
            self.0.mail_promised.notify_one();
        }
        Ok(committed)
    }

    /// What a commit's answer means. One that was lost is looked up by the command's id.
    pub(crate) async fn settled<A: Aggregate>(
        &self,
        result: Result<(), store::Error>,
        id: Uuid,
        base: u64,
        attempts: &mut Attempts,
    ) -> Result<bool, Error> {
        match result {
            Ok(()) => {
                self.0.counters.committed(attempts.name);
                Ok(true)
            }
            Err(store::Error::Conflict) => {
                self.0.counters.conflict();
                attempts.again().await?;
                Ok(false)
            }
            Err(lost @ store::Error::Unavailable(_)) => {
                match self
                    .store()
                    .was_committed(A::TYPE, id, base, attempts.command)
                    .await
                {
                    Ok(true) => Ok(true),
                    Ok(false) | Err(_) => Err(lost.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Metadata for events of the stream `owner`, its personal fields under that stream's key.
    pub(crate) fn metadata(
        &self,
        attempts: &Attempts,
        (key, owner): (&DataKey, Uuid),
        actor: Actor,
        caller: Option<&Caller>,
    ) -> Result<Metadata, Error> {
        let conceal = |field, value: &str| key.conceal(owner, field, value, self.random());
        let request = caller
            .map(|caller| {
                Ok::<_, Error>(Origin {
                    id: conceal(Field::RequestId, &caller.request_id)?,
                    ip: Some(conceal(Field::Ip, &caller.ip.to_string())?),
                    user_agent: caller
                        .user_agent
                        .as_deref()
                        .map(|text| conceal(Field::UserAgent, text))
                        .transpose()?,
                })
            })
            .transpose()?;
        Ok(Metadata {
            command: attempts.command,
            actor,
            request,
        })
    }
}

impl Service {
    /// From now on, queues with the other commands of `stream`.
    pub(crate) fn queue_with(&self, attempts: &mut Attempts, stream: &impl Hash) {
        if attempts.held.is_none() {
            attempts.turn = self.0.turns.of(stream);
        }
    }
}

impl Attempts {
    pub(crate) const fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// After a conflict: waits for the turn, or gives up.
    pub(crate) async fn again(&mut self) -> Result<(), Error> {
        let overloaded = || Error::Overloaded {
            retry_after: Duration::from_secs(1),
        };
        self.conflicts += 1;
        let beaten_at = *self.beaten_at.get_or_insert_with(Instant::now);
        let left = self.patience.saturating_sub(beaten_at.elapsed());
        if self.conflicts >= ATTEMPTS || left.is_zero() {
            return Err(overloaded());
        }
        if self.held.is_none() {
            let turn = Arc::clone(&self.turn).lock_owned();
            let held = tokio::time::timeout(left, turn)
                .await
                .map_err(|_| overloaded())?;
            self.held = Some(held);
        }
        Ok(())
    }
}
