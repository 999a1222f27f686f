//! cqrs-es's own view of the store.

use std::collections::HashMap;

use account::{Account, Actor, Metadata};
use chrono::DateTime;
use cqrs_es::{AggregateError, EventEnvelope, EventStore};
use uuid::Uuid;

use crate::projection::Entry;
use crate::{Beside, Decided, Error, Issued, Loaded, Store};

/// cqrs-es's own view of the store: a thin adapter. Its commit knows neither tokens nor mail, so it
/// takes only events that issue none.
impl EventStore<Account> for Store {
    type AC = Loaded<Account>;

    async fn load_events(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<EventEnvelope<Account>>, AggregateError<account::Refusal>> {
        let id = parse_id(aggregate_id)?;
        let history = self.history(id).await.map_err(unexpected)?;
        Ok(history
            .into_iter()
            .map(|(stored, payload)| EventEnvelope {
                aggregate_id: aggregate_id.to_owned(),
                sequence: usize::try_from(stored.sequence).unwrap_or(usize::MAX),
                payload,
                metadata: HashMap::from([("metadata".to_owned(), stored.metadata)]),
            })
            .collect())
    }

    async fn load_aggregate(
        &self,
        aggregate_id: &str,
    ) -> Result<Self::AC, AggregateError<account::Refusal>> {
        self.load(parse_id(aggregate_id)?).await.map_err(unexpected)
    }

    async fn commit(
        &self,
        events: Vec<account::AccountEvent>,
        context: Self::AC,
        _metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<Account>>, AggregateError<account::Refusal>> {
        // The sink has applied the events to the context's state: it is the state after them.
        let (id, version) = (context.id, context.version);
        let before = self.load(id).await.map_err(unexpected)?;
        if before.version != version {
            return Err(AggregateError::AggregateConflict);
        }
        let at = context.recorded_at.unwrap_or(DateTime::UNIX_EPOCH);
        let decided = Decided {
            before,
            after: context.state,
            events: events.clone(),
            at,
        };
        let entry = Entry::new(decided, Issued::default(), by_the_system(id));
        self.commit(entry, Beside::default())
            .await
            .map_err(|error| match error {
                Error::Conflict => AggregateError::AggregateConflict,
                other => unexpected(other),
            })?;
        Ok((version + 1..)
            .zip(events)
            .map(|(sequence, payload)| EventEnvelope {
                aggregate_id: id.to_string(),
                sequence: usize::try_from(sequence).unwrap_or(usize::MAX),
                payload,
                metadata: HashMap::new(),
            })
            .collect())
    }
}

fn by_the_system(command: Uuid) -> Metadata {
    Metadata {
        command,
        actor: Actor::System,
        request: None,
    }
}

fn parse_id(text: &str) -> Result<Uuid, AggregateError<account::Refusal>> {
    text.parse()
        .map_err(|error: uuid::Error| AggregateError::UnexpectedError(Box::new(error)))
}

fn unexpected(error: Error) -> AggregateError<account::Refusal> {
    AggregateError::UnexpectedError(Box::new(error))
}
