//! Live followers of the log.
//!
//! One task asks the database how far the log has come, in one query however many followers there
//! are, and wakes them; each reads on from where it stands, when its client has taken what it was
//! told before. So a slow client holds one chunk of events and a fast one is not kept waiting.

use std::sync::Arc;
use std::time::Duration;
use std::vec;

use account::StaffId;
use futures::Stream;
use store::LoggedEvent;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::audit::Selection;
use crate::feed::Reader;
use crate::view::EventView;
use crate::{Caller, Error, Service, StaffMember};

/// How long a position given by another process may wait to be noticed.
const POLL: Duration = Duration::from_millis(100);
/// How much time lies between two wakings at least: while a lot happens, followers read several
/// events at once.
const GATHERING: Duration = Duration::from_millis(50);
/// After the database did not answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a follower to whom nothing happens is told so, and asked for their token.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many events a follower reads at a time, and so holds at most.
const CHUNK: u32 = 100;
/// Of one process. Everybody else needs connections too.
const PLACES: usize = 200;
/// How many followers may ask the database at the same time: many who catch up must not take its
/// connections from those who sign in.
const READING: usize = 4;

/// What a follower is told.
#[derive(Debug)]
pub enum Followed {
    Event(Box<EventView>),
    /// Nothing happened, up to this position, that passes the filter and was not told.
    Heartbeat {
        position: Option<u64>,
    },
}

/// How far the log has come, as far as this process knows.
#[derive(Clone, Copy, Debug, Default)]
struct Log {
    length: i64,
    /// This process is ending.
    closed: bool,
}

#[derive(Debug)]
pub(crate) struct Followers {
    log: watch::Sender<Log>,
    arrived: Notify,
    places: Arc<Semaphore>,
    reading: Semaphore,
}

impl Default for Followers {
    fn default() -> Self {
        Self {
            log: watch::Sender::default(),
            arrived: Notify::new(),
            places: Arc::new(Semaphore::new(PLACES)),
            reading: Semaphore::new(READING),
        }
    }
}

impl Followers {
    /// Wakes them if there is something to read; whether there is.
    fn told_of(&self, length: i64) -> bool {
        self.log.send_if_modified(|log| {
            let has_grown = length != log.length;
            log.length = length;
            has_grown
        })
    }
}

impl Service {
    /// Wakes followers when the log has grown, for as long as it runs.
    pub async fn watch_log(self) {
        let (followers, sequenced) = (&self.0.followers, self.store().sequenced());
        loop {
            if followers.log.receiver_count() == 0 {
                followers.arrived.notified().await;
            }
            match self.store().log_length().await {
                Ok(length) if followers.told_of(length) => tokio::time::sleep(GATHERING).await,
                Ok(_) => {
                    let _ = timeout(POLL, sequenced.notified()).await;
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the log cannot be watched"
                    );
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    }

    /// Ends what every follower of this process is told, for good.
    pub fn stop_following(&self) {
        self.0.followers.log.send_modify(|log| log.closed = true);
    }

    /// The feed from a position on, and then what happens, until the caller goes, their token is no
    /// longer in force, or this process ends.
    pub async fn follow(
        &self,
        caller: &Caller,
        staff: &StaffMember,
        selection: Selection,
    ) -> Result<impl Stream<Item = Result<Followed, Error>> + Send + 'static + use<>, Error> {
        let followers = &self.0.followers;
        let place = Arc::clone(&followers.places).try_acquire_owned();
        let place = place.map_err(|_| Error::Overloaded {
            retry_after: HEARTBEAT,
        })?;
        self.record_feed(caller, staff, &selection).await?;
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let log = followers.log.subscribe();
        followers.arrived.notify_one();
        let follower = Follower {
            reader: Reader::new(self.clone(), selection.after, selection.filter),
            staff: staff.clone(),
            left: selection.limit,
            chunk: Vec::new().into_iter(),
            told: selection.after,
            is_over: false,
            log,
            heartbeat,
            _place: place,
        };
        Ok(futures::stream::try_unfold(
            follower,
            |mut follower| async move {
                let told = follower.next().await?;
                Ok(told.map(|told| (told, follower)))
            },
        ))
    }
}

struct Follower {
    reader: Reader,
    staff: StaffMember,
    left: Option<u32>,
    chunk: vec::IntoIter<EventView>,
    /// Everything up to here was told, or does not pass the filter.
    told: Option<u64>,
    /// The token was revoked by an event that was read.
    is_over: bool,
    log: watch::Receiver<Log>,
    heartbeat: Interval,
    _place: OwnedSemaphorePermit,
}

enum Due {
    Heartbeat,
    Event,
    Read,
}

impl Follower {
    async fn next(&mut self) -> Result<Option<Followed>, Error> {
        loop {
            if self.chunk.len() == 0 {
                self.told = self.reader.position();
            }
            if self.has_ended() {
                return Ok(None);
            }
            match self.due().await {
                Due::Heartbeat => return self.beat().await,
                Due::Event => {}
                Due::Read => self.read().await?,
            }
            if let Some(event) = self.chunk.next() {
                self.told = event.position;
                self.left = self.left.map(|left| left - 1);
                return Ok(Some(Followed::Event(Box::new(event))));
            }
        }
    }

    fn has_ended(&self) -> bool {
        let is_told = self.left == Some(0) || (self.is_over && self.chunk.len() == 0);
        is_told || self.log.borrow().closed
    }

    async fn due(&mut self) -> Due {
        let (next, has_events) = (self.reader.feed.next, self.chunk.len() > 0);
        tokio::select! {
            biased;
            _ = self.heartbeat.tick() => Due::Heartbeat,
            () = std::future::ready(()), if has_events => Due::Event,
            _ = self.log.wait_for(|log| log.closed || log.length > next) => Due::Read,
        }
    }

    async fn beat(&self) -> Result<Option<Followed>, Error> {
        let heartbeat = Followed::Heartbeat {
            position: self.told,
        };
        match self.reader.service.must_be_active(&self.staff).await {
            Ok(()) => Ok(Some(heartbeat)),
            Err(Error::Unauthenticated) => Ok(None),
            Err(other) => Err(other),
        }
    }

    async fn read(&mut self) -> Result<(), Error> {
        if self.log.borrow().closed {
            return Ok(());
        }
        let service = self.reader.service.clone();
        let turn = service.0.followers.reading.acquire().await;
        let mut events = self.reader.read(CHUNK).await?;
        drop(turn);
        if events.is_empty() {
            return Err(Error::internal("the log ends before its end"));
        }
        let revoked = events
            .iter()
            .position(|read| revokes(read, self.staff.id()));
        if let Some(end) = revoked {
            events.truncate(end + 1);
            self.is_over = true;
        }
        self.chunk = self.reader.shown(&events)?.into_iter();
        Ok(())
    }
}

/// Whether the event takes away this member's token.
fn revokes(LoggedEvent { event, .. }: &LoggedEvent, staff: StaffId) -> bool {
    event.event_type == "StaffRevoked" && event.aggregate_id == staff.to_string()
}
