//! The feed of all events in their one order, in pages and as a stream to the end of the log.

use std::vec;

use account::filter::EventFilter;
use account::staff::StaffAct;
use futures::{Stream, StreamExt};
use store::{Feed, LoggedEvent};

use crate::audit::{Selection, admitted, view};
use crate::view::{EventView, Page};
use crate::{Caller, Error, Service, StaffMember};

/// How many events a stream reads at a time.
const CHUNK: u32 = 500;
/// How many chunks of events that do not pass the filter a page looks through at most.
const CHUNKS_OF_A_PAGE: u32 = 10;

/// Reads the log onwards, a chunk at a time. Every event is verified, whether or not it passes the
/// filter: a filter hides nothing that was tampered with.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) service: Service,
    pub(crate) feed: Feed,
    filter: EventFilter,
}

impl Reader {
    pub(crate) fn new(service: Service, after: Option<u64>, filter: EventFilter) -> Self {
        let next = after.map_or(0, |after| {
            i64::try_from(after).map_or(i64::MAX, |after| after.saturating_add(1))
        });
        Self {
            service,
            feed: Feed { next },
            filter,
        }
    }

    /// The events at the next positions, passing or not; none at the end of the log.
    pub(crate) async fn read(&mut self, limit: u32) -> Result<Vec<LoggedEvent>, Error> {
        let read = self.service.store().read_feed(self.feed, limit.into());
        let events = read.await?;
        self.feed.next += i64::try_from(events.len()).unwrap_or_default();
        Ok(events)
    }

    /// What the auditor is shown of events that were read.
    pub(crate) fn shown(&self, events: &[LoggedEvent]) -> Result<Vec<EventView>, Error> {
        let mut shown = Vec::new();
        for LoggedEvent { event, data_key } in events {
            if admitted(event, &self.filter)? {
                shown.push(view(event, data_key.as_ref())?);
            }
        }
        Ok(shown)
    }

    /// The last position that was read; none before the first.
    pub(crate) fn position(&self) -> Option<u64> {
        u64::try_from(self.feed.next - 1).ok()
    }
}

/// Where a reader goes on who has read something before.
#[derive(Clone, Copy, Debug)]
pub struct Resumed {
    /// The last position that was read.
    pub after: Option<u64>,
    /// What told it.
    pub parameter: &'static str,
    /// The epoch in which it was read.
    pub epoch: Option<u32>,
}

impl Service {
    /// The log's epoch, unless the reader knows a log that went further or otherwise: after a
    /// recovery from a backup, events that are new stand at positions that were read before.
    pub async fn resume(&self, from: Resumed) -> Result<u32, Error> {
        let head = self.store().log_head().await?;
        let current = head.origin().epoch;
        if from.epoch.is_some_and(|epoch| epoch != current) {
            return Err(Error::OtherEpoch { current });
        }
        if from.after.is_some_and(|after| after >= head.next()) {
            let parameter = from.parameter;
            return Err(Error::BeyondLog { parameter });
        }
        Ok(current)
    }

    /// A page looks through so many events at most, and may end early or be empty: `next` is the
    /// last position that was looked at.
    pub async fn feed(
        &self,
        caller: &Caller,
        staff: &StaffMember,
        selection: Selection,
    ) -> Result<Page<EventView>, Error> {
        self.record_feed(caller, staff, &selection).await?;
        let limit = selection.limit.unwrap_or(CHUNK);
        let size = if selection.filter.is_empty() {
            limit
        } else {
            CHUNK
        };
        let mut reader = Reader::new(self.clone(), selection.after, selection.filter);
        let mut events = Vec::new();
        for _ in 0..CHUNKS_OF_A_PAGE {
            let read = reader.read(size).await?;
            events.extend(reader.shown(&read)?);
            if read.len() < size as usize || events.len() >= limit as usize {
                break;
            }
        }
        let next = if events.len() > limit as usize {
            events.truncate(limit as usize);
            events.last().and_then(|event| event.position)
        } else {
            reader.position()
        };
        Ok(Page { events, next })
    }

    /// The same to the end of the log, in memory a chunk at a time. It fails once the caller's token is
    /// no longer in force: a part is not taken for the whole.
    pub async fn feed_stream(
        &self,
        caller: &Caller,
        staff: &StaffMember,
        selection: Selection,
    ) -> Result<impl Stream<Item = Result<EventView, Error>> + Send + 'static + use<>, Error> {
        self.record_feed(caller, staff, &selection).await?;
        let limit = selection.limit.map_or(usize::MAX, |limit| limit as usize);
        let reader = Reader::new(self.clone(), selection.after, selection.filter);
        let begin = (reader, staff.clone(), Vec::new().into_iter());
        let events =
            futures::stream::try_unfold(begin, |(mut reader, staff, mut chunk)| async move {
                let event = next_shown(&mut reader, &staff, &mut chunk).await?;
                Ok::<_, Error>(event.map(|event| (event, (reader, staff, chunk))))
            });
        Ok(events.take(limit))
    }

    pub(crate) async fn record_feed(
        &self,
        caller: &Caller,
        staff: &StaffMember,
        selection: &Selection,
    ) -> Result<(), Error> {
        self.record(caller, staff, |_| {
            Ok(StaffAct::FeedRead {
                after: selection.after,
                limit: selection.limit,
                filter: selection.filter.clone(),
            })
        })
        .await
    }
}

async fn next_shown(
    reader: &mut Reader,
    staff: &StaffMember,
    chunk: &mut vec::IntoIter<EventView>,
) -> Result<Option<EventView>, Error> {
    loop {
        if let Some(event) = chunk.next() {
            return Ok(Some(event));
        }
        reader.service.must_be_active(staff).await?;
        let read = reader.read(CHUNK).await?;
        if read.is_empty() {
            return Ok(None);
        }
        *chunk = reader.shown(&read)?.into_iter();
    }
}
