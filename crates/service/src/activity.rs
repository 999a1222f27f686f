//! The owner's own history: what happened, when, and from where.

use account::{AccountEvent, Actor, Metadata};
use credentials::{DataKey, Field};
use serde::Serialize;
use store::StoredEvent;

use crate::view::Activity;
use crate::{Error, Owner, Service};

impl Service {
    /// The newest first.
    pub async fn activity(&self, owner: &Owner, limit: u16) -> Result<Vec<Activity>, Error> {
        let key = owner.holder.data_key(self.keyring(), owner.account)?;
        let events = self
            .store()
            .last_events_of(owner.account, limit.into())
            .await?;
        events.iter().map(|event| activity(event, &key)).collect()
    }
}

fn activity(event: &StoredEvent, key: &DataKey) -> Result<Activity, Error> {
    let metadata: Metadata = serde_json::from_str(&event.metadata).map_err(Error::internal)?;
    let payload: AccountEvent = serde_json::from_str(&event.payload).map_err(Error::internal)?;
    let owner = event.aggregate_id.parse().map_err(Error::internal)?;
    let by_support = matches!(metadata.actor, Actor::Support { .. });
    // Where staff sit is no business of an owner.
    let request = metadata.request.filter(|_| !by_support);
    let (ip, agent) = request.map_or((None, None), |origin| (origin.ip, origin.user_agent));
    let shown = |field, sealed: Option<account::Personal>| key.reveal(owner, field, &sealed?).ok();
    Ok(Activity {
        about: about(&payload),
        event_type: event.event_type.clone(),
        recorded_at: event.recorded_at.clone(),
        ip: shown(Field::Ip, ip),
        browser: shown(Field::UserAgent, agent)
            .as_deref()
            .and_then(mail::Browser::of),
    })
}

/// What tells events of one type apart, by its name in the event: such as the cause for which
/// sessions ended.
pub(crate) fn about(event: &AccountEvent) -> Option<String> {
    match event {
        AccountEvent::AccountOpened { by, .. } => name(by),
        AccountEvent::PasswordRejected { purpose, .. } => name(purpose),
        AccountEvent::AttemptsThrottled { attempts, .. } => name(attempts),
        AccountEvent::CodeRejected { reason, .. } => name(reason),
        AccountEvent::SessionsEnded { cause, .. } => name(cause),
        AccountEvent::DeviceRemembered { occasion, .. } => name(occasion),
        AccountEvent::SignedIn { challenge, .. } => {
            let with = if challenge.is_some() {
                "code"
            } else {
                "password"
            };
            Some(with.to_owned())
        }
        _ => None,
    }
}

fn name(value: impl Serialize) -> Option<String> {
    let value = serde_json::to_value(value).ok()?;
    value.as_str().map(str::to_owned)
}
