//! Auditors: an account's history, and its state at a past instant.

use account::filter::EventFilter;
use account::replay::{At, Place, as_of};
use account::staff::StaffAct;
use account::state::TwoFactor;
use account::{Account, AccountId, Actor, Metadata, Personal};
use chrono::SecondsFormat;
use credentials::{DataKey, Field};
use futures::Stream;
use serde_json::{Value, json};
use store::StoredEvent;
use uuid::Uuid;

use crate::activity;
use crate::facts::reveal_address;
use crate::view::{ActorView, EventView, Page, RequestView, StateView};
use crate::{Caller, Error, Service, StaffMember};

/// How many events are read at a time.
const CHUNK: u32 = 500;
/// How many chunks of events that do not pass the filter a page looks through at most.
const CHUNKS_OF_A_PAGE: u32 = 10;

/// Which events are asked for.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The last sequence or position that was read.
    pub after: Option<u64>,
    /// A stream has no limit unless told.
    pub limit: Option<u32>,
    pub filter: EventFilter,
}

impl Service {
    pub async fn history(
        &self,
        caller: &Caller,
        staff: &StaffMember,
        account: AccountId,
        selection: Selection,
    ) -> Result<Page<EventView>, Error> {
        self.exists(account).await?;
        let after = selection.after.unwrap_or(0);
        let (limit, filter) = (selection.limit.unwrap_or(CHUNK), selection.filter);
        self.record(caller, staff, |_| {
            Ok(StaffAct::HistoryRead {
                account,
                after,
                limit,
                filter: filter.clone(),
            })
        })
        .await?;
        self.passing_history(account, after, limit, &filter).await
    }

    /// A page looks through so many events at most; then it ends early, and `next` tells where.
    async fn passing_history(
        &self,
        account: AccountId,
        mut after: u64,
        limit: u32,
        filter: &EventFilter,
    ) -> Result<Page<EventView>, Error> {
        if filter.is_empty() {
            return self.read_history(account, after, limit).await;
        }
        let key = self.store().data_key(account.as_uuid()).await?;
        let (mut events, mut next) = (Vec::new(), None);
        for _ in 0..CHUNKS_OF_A_PAGE {
            let from = i64::try_from(after).unwrap_or(i64::MAX);
            let read = self.store().events_of(account, from, CHUNK.into()).await?;
            for event in &read {
                next = Some(event.sequence.cast_unsigned());
                if admitted(event, filter)? {
                    events.push(view(event, key.as_ref())?);
                }
                if events.len() >= limit as usize {
                    return Ok(Page { events, next });
                }
            }
            match read.last() {
                Some(last) => after = last.sequence.cast_unsigned(),
                None => break,
            }
        }
        Ok(Page { events, next })
    }

    /// An account's events for an operator, who has the database itself.
    pub async fn read_history(
        &self,
        account: AccountId,
        after: u64,
        limit: u32,
    ) -> Result<Page<EventView>, Error> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let key = self.store().data_key(account.as_uuid()).await?;
        let events = self.store().events_of(account, after, limit.into()).await?;
        let events = events
            .iter()
            .map(|event| view(event, key.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        let next = events.last().map(|event| event.sequence);
        Ok(Page { events, next })
    }

    /// The whole history, in memory a chunk at a time.
    pub async fn history_stream(
        &self,
        caller: &Caller,
        staff: &StaffMember,
        account: AccountId,
    ) -> Result<impl Stream<Item = Result<EventView, Error>> + Send + 'static + use<>, Error> {
        self.exists(account).await?;
        let act = StaffAct::HistoryRead {
            account,
            after: 0,
            limit: u32::MAX,
            filter: EventFilter::default(),
        };
        self.record(caller, staff, |_| Ok(act.clone())).await?;
        let begin = (self.clone(), 0, Vec::new().into_iter());
        Ok(futures::stream::try_unfold(
            begin,
            move |(service, after, mut chunk): (Self, u64, std::vec::IntoIter<EventView>)| async move {
                if let Some(event) = chunk.next() {
                    return Ok(Some((event, (service, after, chunk))));
                }
                let page = service.read_history(account, after, CHUNK).await?;
                let (after, mut chunk) = (page.next.unwrap_or(after), page.events.into_iter());
                Ok(chunk.next().map(|event| (event, (service, after, chunk))))
            },
        ))
    }

    async fn exists(&self, account: AccountId) -> Result<(), Error> {
        let first = self.store().events_of(account, 0, 1).await?;
        first.first().map(drop).ok_or(Error::NotFound)
    }

    pub async fn state(
        &self,
        caller: &Caller,
        staff: &StaffMember,
        account: AccountId,
        at: At,
    ) -> Result<StateView, Error> {
        let state = self.replay(account, at).await?;
        let sequence = state.sequence;
        self.record(caller, staff, |_| {
            Ok(StaffAct::StateRead { account, sequence })
        })
        .await?;
        Ok(state)
    }

    /// An account's state, replayed from its events alone.
    pub async fn replay(&self, account: AccountId, at: At) -> Result<StateView, Error> {
        if matches!(at, At::Instant(instant) if self.now() < instant) {
            return Err(Error::BeyondHistory);
        }
        let history = self.store().history(account.as_uuid()).await?;
        if history.is_empty() {
            return Err(Error::NotFound);
        }
        let latest = history.len() as u64;
        let told = history
            .into_iter()
            .map(|(stored, event)| Ok((place(&stored)?, event)))
            .collect::<Result<Vec<_>, Error>>()?;
        let (state, place) = as_of(told, at).ok_or(Error::BeyondHistory)?;
        let key = self.store().data_key(account.as_uuid()).await?;
        let state = state_view(account, &state, key.as_ref());
        Ok(StateView {
            account_id: account,
            sequence: place.sequence,
            recorded_at: place
                .recorded_at
                .to_rfc3339_opts(SecondsFormat::Micros, true),
            latest,
            state,
        })
    }
}

fn place(event: &StoredEvent) -> Result<Place, Error> {
    Ok(Place {
        sequence: event.sequence.cast_unsigned(),
        recorded_at: event.recorded_at.parse().map_err(Error::internal)?,
    })
}

/// Whether an event passes the filter.
pub(crate) fn admitted(event: &StoredEvent, filter: &EventFilter) -> Result<bool, Error> {
    if filter.is_empty() {
        return Ok(true);
    }
    let metadata: Metadata = serde_json::from_str(&event.metadata).map_err(Error::internal)?;
    let recorded_at = event.recorded_at.parse().map_err(Error::internal)?;
    Ok(filter.admits(&event.event_type, &metadata.actor, recorded_at))
}

pub(crate) fn view(event: &StoredEvent, key: Option<&DataKey>) -> Result<EventView, Error> {
    let metadata: Metadata = serde_json::from_str(&event.metadata).map_err(Error::internal)?;
    let owner: Uuid = event.aggregate_id.parse().map_err(Error::internal)?;
    let mut payload: Value = serde_json::from_str(&event.payload).map_err(Error::internal)?;
    let about = serde_json::from_str(&event.payload).ok();
    let about = about.and_then(|event| activity::about(&event));
    let mut data = payload
        .get_mut(&event.event_type)
        .map(Value::take)
        .unwrap_or_default();
    reveal_in(&mut data, owner, key);
    let shown = |field, sealed: Option<&Personal>| key?.reveal(owner, field, sealed?).ok();
    let request = metadata.request.as_ref();
    Ok(EventView {
        stream: format!("{}/{}", event.aggregate_type, event.aggregate_id),
        account_id: (event.aggregate_type == "account").then_some(owner),
        sequence: event.sequence.cast_unsigned(),
        position: event.position.map(i64::cast_unsigned),
        event_type: event.event_type.clone(),
        version: event.event_version.parse().unwrap_or_default(),
        recorded_at: event.recorded_at.clone(),
        actor: actor_view(metadata.actor),
        request: RequestView {
            id: shown(Field::RequestId, request.map(|origin| &origin.id)),
            ip: shown(Field::Ip, request.and_then(|origin| origin.ip.as_ref())),
            user_agent: shown(
                Field::UserAgent,
                request.and_then(|o| o.user_agent.as_ref()),
            ),
        },
        data,
        about,
        hash: data_encoding::HEXLOWER.encode(&event.hash),
    })
}

/// The personal fields of events and their metadata, by their names there.
pub(crate) fn field_named(name: &str) -> Option<Field> {
    match name {
        "email" => Some(Field::Email),
        "reason" => Some(Field::UnlockReason),
        "ticket" => Some(Field::UnlockTicket),
        "address" => Some(Field::SearchedAddress),
        "ip" => Some(Field::Ip),
        "user_agent" => Some(Field::UserAgent),
        "id" => Some(Field::RequestId),
        _ => None,
    }
}

/// Replaces each sealed field by its value; by nothing once its key was destroyed.
fn reveal_in(data: &mut Value, owner: Uuid, key: Option<&DataKey>) {
    let Some(fields) = data.as_object_mut() else {
        return;
    };
    for (name, value) in fields {
        let Some(field) = field_named(name) else {
            continue;
        };
        let Ok(sealed) = serde_json::from_value::<Personal>(value.clone()) else {
            continue;
        };
        *value = key
            .and_then(|key| key.reveal(owner, field, &sealed).ok())
            .into();
    }
}

fn actor_view(actor: Actor) -> ActorView {
    let (kind, id, name) = match actor {
        Actor::Visitor => ("visitor", None, None),
        Actor::Owner { id } => ("owner", Some(id.as_uuid()), None),
        Actor::Support { id, name } => ("support", Some(id.as_uuid()), Some(name)),
        Actor::Auditor { id, name } => ("auditor", Some(id.as_uuid()), Some(name)),
        Actor::System => ("system", None, None),
    };
    ActorView {
        kind: kind.to_owned(),
        id,
        name,
    }
}

fn state_view(account: AccountId, state: &Account, key: Option<&DataKey>) -> Value {
    let Some(opened) = &state.opened else {
        return json!({ "erased_at": state.erased_at });
    };
    let email = key.and_then(|key| reveal_address(key, account, &opened.email).ok());
    let two_factor = match opened.two_factor {
        TwoFactor::Disabled => json!({ "status": "disabled" }),
        TwoFactor::Enrolling {
            expires_at,
            rejected,
            ..
        } => json!({
            "status": "enrolling", "enrollment_expires_at": expires_at,
            "rejected_codes": rejected.failures,
        }),
        TwoFactor::Enabled { since, .. } => json!({
            "status": "enabled", "enabled_at": since, "last_step": opened.last_step,
        }),
    };
    json!({
        "email": email,
        "created_at": opened.at,
        "password": { "changed_at": opened.password.changed_at },
        "two_factor": two_factor,
        "rejected_codes": opened.codes.failures,
        "codes_refused": opened.codes.wait,
        "sessions": opened.sessions.iter().map(|session| json!({
            "id": session.id, "expires_at": session.expires_at, "factors": session.factors,
        })).collect::<Vec<_>>(),
        "challenges": opened.challenges.iter().map(|challenge| json!({
            "id": challenge.id, "expires_at": challenge.expires_at,
            "rejected_codes": challenge.rejected,
        })).collect::<Vec<_>>(),
        "resets": opened.resets.iter().map(|reset| json!({
            "id": reset.id, "expires_at": reset.expires_at,
        })).collect::<Vec<_>>(),
        "last_signed_in_at": opened.last_signed_in_at,
    })
}

/// Every event has a name that its payload is tagged with.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_an_event_is_what_its_name_tags() {
        let session = account::SessionId::from_uuid(Uuid::nil());
        let payload = serde_json::to_value(account::AccountEvent::SignedOut { session }).unwrap();
        assert!(
            payload
                .get("SignedOut")
                .is_some_and(|data| data.get("session").is_some())
        );
    }
}
