//! History as a bundle: what leaves, so that others can check it without this service.

use account::{AccountId, Personal};
use credentials::DataKey;
use futures::Stream;
use proofs::Hash;
use proofs::bundle::{About, Cover, EventLine, Revealed, StreamHead, concealed_in};
use proofs::checkpoint::Checkpoint;
use proofs::event::stream_name;
use proofs::tree::Proof;
use serde_json::Value;
use store::{Attested, Feed, LoggedEvent};
use uuid::Uuid;

use crate::audit::field_named;
use crate::{Error, Service};

/// How many events are read at a time.
const CHUNK: i64 = 500;

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exported {
    Account(AccountId),
    Everything,
}

/// A bundle before its events: they follow as a stream.
#[derive(Debug)]
pub struct Export {
    pub cover: Cover,
    pub checkpoint: Checkpoint,
    exported: Exported,
    /// How many events there are.
    events: u64,
}

impl Service {
    /// Begins a bundle as of the log's present checkpoint. That nothing follows in an account's history
    /// is signed only of a log that is whole.
    pub async fn export(&self, exported: Exported) -> Result<Export, Error> {
        let (head, checkpoint, about, events) = match exported {
            Exported::Everything => {
                let (head, signed) = self.store().signed_head().await?;
                let checkpoint = signed.ok_or(Error::NotFound)?;
                (head, checkpoint, (About::Log, None), checkpoint.size)
            }
            Exported::Account(account) => {
                let attested = self.store().attest(account).await?;
                let attested = attested.ok_or(Error::NotFound)?;
                let (checkpoint, (events, _)) = (attested.checkpoint, attested.tip);
                let about = self.vouch(account, &attested)?;
                (attested.head, checkpoint, about, events)
            }
        };
        let (about, stream_head) = about;
        let cover = Cover {
            about,
            checkpoint: head.checkpoint.unwrap_or_default(),
            keys: self.store().log_keys().await?,
            head: stream_head,
        };
        Ok(Export {
            cover,
            checkpoint,
            exported,
            events,
        })
    }

    fn vouch(
        &self,
        account: AccountId,
        attested: &Attested,
    ) -> Result<(About, Option<String>), Error> {
        let Attested {
            checkpoint, tip, ..
        } = attested;
        let stream = stream_name("account", &account.to_string());
        let text = StreamHead::of(checkpoint, &stream, *tip).text();
        let note = self.store().sign_about(checkpoint.origin, &text)?;
        Ok((About::Stream { stream }, Some(note)))
    }

    /// Whether every event of an account has its place in the log.
    pub async fn is_logged(&self, account: AccountId) -> Result<bool, Error> {
        let last = self.store().last_events_of(account, 1).await?;
        let last = last.first().ok_or(Error::NotFound)?;
        Ok(last.position.is_some())
    }

    /// The events of a bundle, in memory a chunk at a time.
    pub fn exported_lines(
        &self,
        export: &Export,
    ) -> impl Stream<Item = Result<Vec<EventLine>, Error>> + Send + 'static + use<> {
        let (size, events) = (export.checkpoint.size, export.events);
        let (service, exported) = (self.clone(), export.exported);
        futures::stream::try_unfold((service, 0_i64), move |(service, next)| async move {
            let chunk = match exported {
                Exported::Everything => {
                    let limit = CHUNK.min(size.cast_signed() - next);
                    service.store().read_feed(Feed { next }, limit).await?
                }
                Exported::Account(account) => {
                    service
                        .store()
                        .logged_events_of(account, next, CHUNK)
                        .await?
                }
            };
            let within = |event: &&LoggedEvent| {
                event
                    .event
                    .position
                    .is_some_and(|at| at.cast_unsigned() < size)
            };
            let chunk = chunk.iter().take_while(within).collect::<Vec<_>>();
            let Some(last) = chunk.last() else {
                return ended(next.cast_unsigned(), events).map(|()| None);
            };
            let next = match exported {
                Exported::Everything => next + i64::try_from(chunk.len()).unwrap_or(i64::MAX),
                Exported::Account(_) => last.event.sequence,
            };
            let mut lines = chunk.into_iter().map(line).collect::<Result<Vec<_>, _>>()?;
            if matches!(exported, Exported::Account(_)) {
                service.add_proofs(&mut lines, size).await?;
            }
            Ok(Some((lines, (service, next))))
        })
    }

    async fn add_proofs(&self, lines: &mut [EventLine], size: u64) -> Result<(), Error> {
        let inclusion = |line: &EventLine| Proof::Inclusion {
            position: line.position,
            size,
        };
        let asked = lines.iter().map(inclusion).collect::<Vec<_>>();
        let proofs = self.store().prove(&asked).await?.ok_or(Error::NotFound)?;
        for (line, proof) in lines.iter_mut().zip(proofs) {
            line.proof = Some(proof);
        }
        Ok(())
    }
}

/// A bundle of fewer events than were signed would prove nothing.
fn ended(read: u64, signed: u64) -> Result<(), Error> {
    if read == signed {
        return Ok(());
    }
    let what = format!("the history ends after event {read} of {signed}");
    Err(Error::internal(what))
}

fn line(logged: &LoggedEvent) -> Result<EventLine, Error> {
    let event = &logged.event;
    let hash = Hash::try_from(event.hash.as_slice()).map_err(Error::internal)?;
    Ok(EventLine {
        position: event.position.unwrap_or_default().cast_unsigned(),
        stream: stream_name(&event.aggregate_type, &event.aggregate_id),
        sequence: event.sequence.cast_unsigned(),
        event_type: event.event_type.clone(),
        version: event.event_version.clone(),
        recorded_at: event.recorded_at.clone(),
        payload: event.payload.clone(),
        metadata: event.metadata.clone(),
        hash,
        proof: None,
        revealed: match &logged.data_key {
            Some(key) => revealed(logged, key)?,
            None => Vec::new(),
        },
    })
}

/// Each personal field with what proves it; none of them once the data key was destroyed.
fn revealed(logged: &LoggedEvent, key: &DataKey) -> Result<Vec<Revealed>, Error> {
    let event = &logged.event;
    let owner: Uuid = event.aggregate_id.parse().map_err(Error::internal)?;
    let mut shown = Vec::new();
    for (root, text) in [("/payload", &event.payload), ("/metadata", &event.metadata)] {
        let value: Value = serde_json::from_str(text).map_err(Error::internal)?;
        for concealed in concealed_in(&value, root) {
            let below = concealed.pointer.strip_prefix(root).unwrap_or_default();
            let field = below.rsplit('/').next().and_then(field_named);
            let sealed = value.pointer(below);
            let (Some(field), Some(sealed)) = (field, sealed) else {
                continue;
            };
            let sealed: Personal =
                serde_json::from_value(sealed.clone()).map_err(Error::internal)?;
            let (salt, value) = key
                .reveal_with_salt(owner, field, &sealed)
                .map_err(store::Error::from)?;
            shown.push(Revealed {
                pointer: concealed.pointer,
                salt,
                value,
            });
        }
    }
    Ok(shown)
}
