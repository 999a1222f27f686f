//! The owner's own history: what happened, when, and from where.

use account::{Actor, Metadata};
use credentials::{DataKey, Field};
use serde_json::Value;
use store::StoredEvent;

use crate::view::Activity;
use crate::{Error, Owner, Service};

/// Which field of an event's data tells its kinds apart.
const TELLING: [&str; 6] = ["purpose", "attempts", "cause", "reason", "occasion", "by"];

impl Service {
    /// The newest first.
    pub async fn activity(&self, owner: &Owner, limit: u16) -> Result<Vec<Activity>, Error> {
        let key = owner.profile.data_key(self.keyring(), owner.account)?;
        let events = self
            .store()
            .last_events_of(owner.account, limit.into())
            .await?;
        events.iter().map(|event| activity(event, &key)).collect()
    }
}

fn activity(event: &StoredEvent, key: &DataKey) -> Result<Activity, Error> {
    let metadata: Metadata = serde_json::from_str(&event.metadata).map_err(Error::internal)?;
    let payload: Value = serde_json::from_str(&event.payload).map_err(Error::internal)?;
    let owner = event.aggregate_id.parse().map_err(Error::internal)?;
    let by_support = matches!(metadata.actor, Actor::Support { .. });
    // Where staff sit is no business of an owner.
    let request = metadata.request.filter(|_| !by_support);
    let (ip, agent) = request.map_or((None, None), |origin| (origin.ip, origin.user_agent));
    let shown = |field, sealed: Option<account::Personal>| key.reveal(owner, field, &sealed?).ok();
    Ok(Activity {
        about: payload
            .get(&event.event_type)
            .and_then(|data| about(&event.event_type, data)),
        event_type: event.event_type.clone(),
        recorded_at: event.recorded_at.clone(),
        by_support,
        ip: shown(Field::Ip, ip),
        browser: shown(Field::UserAgent, agent)
            .as_deref()
            .and_then(mail::Browser::of),
    })
}

/// What tells events of one type apart, such as the cause for which sessions ended.
pub fn about(event_type: &str, data: &Value) -> Option<String> {
    if event_type == "SignedIn" {
        let with_code = data.get("challenge").is_some_and(|id| !id.is_null());
        return Some(if with_code { "code" } else { "password" }.to_owned());
    }
    let telling = TELLING.iter().find_map(|name| data.get(name)?.as_str());
    telling.map(str::to_owned)
}
